import time

import pytest
from django.db import transaction

from styleguide_example.common import wakeups
from styleguide_example.common.tests.processes import Broker, Queue, Worker
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_sweep as email_sweep_task
from styleguide_example.emails.tests.flows.helpers import wait_for_status
from styleguide_example.emails.tests.flows.ways import Way
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def _three_asked_for(way: Way) -> tuple[list[Email], float]:
    """Three e-mails of one transaction, and the seconds that they took."""
    wakeups.broker_pause_end()
    began = time.monotonic()
    with transaction.atomic():
        emails = [way.ask() for _ in range(3)]
    return emails, time.monotonic() - began


class TestBrokerDown:
    def test_at_commit_costs_at_most_a_second_and_no_email(
        self, broker: Broker, worker: Worker, way: Way, smtp: SMTPServer
    ) -> None:
        with broker.down():
            tries = [_three_asked_for(way) for _ in range(3)]  # a machine that pauses may spoil two of them
            assert min(seconds for _, seconds in tries) < 1.0  # the contract, not a benchmark
            emails = [email for asked, _ in tries for email in asked]
            assert {email.status for email in emails} == {Email.Status.SENDING}

        worker.start()
        wakeups.broker_pause_end()
        email_sweep_task.apply_async()

        for email in emails:
            wait_for_status(email, Email.Status.SENT)
        assert smtp.copies() == {email.message_id: 1 for email in emails}

    def test_and_wiped_afterwards_is_repaired_by_the_sweep(
        self, queue: Queue, worker: Worker, way: Way, smtp: SMTPServer
    ) -> None:
        email = way.ask()
        assert len(queue) == 1
        queue.purge()

        worker.start()
        email_sweep_task.apply_async()

        wait_for_status(email, Email.Status.SENT)
        assert smtp.copies() == {email.message_id: 1}
