"""Several worker processes and one backlog."""

import time

import pytest

from styleguide_example.common.tests.processes import Process, Queue, Worker, wait_until
from styleguide_example.core.enums import Priority
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_send_all
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tasks import email_send_due as email_send_due_task
from styleguide_example.emails.tests.factories import email_asked_for, emails_left_behind
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

ROWS = 400
CONNECTIONS = 4


def _lines(process: Process, *words: str) -> int:
    return sum(all(word in line for word in words) for line in process.lines)


class TestBacklog:
    def test_is_shared_by_two_workers_of_two_processes_and_each_email_is_sent_once(
        self, worker: Worker, queue: Queue, smtp: SMTPServer
    ) -> None:
        smtp.seconds_per_message = 0.05
        emails = emails_left_behind(ROWS)
        Email.objects.update(status=Email.Status.READY, next_attempt_at=None)
        processes = [worker.start(concurrency=2) for _ in range(2)]

        assert email_send_all(emails=Email.objects.all()) == ROWS
        for _ in range(3):  # messages may be doubled
            email_send_due_task.apply_async()

        wait_until(lambda: Email.objects.filter(status=Email.Status.SENT).count() == ROWS)
        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert set(Email.objects.values_list("attempts", "lease_token")) == {(1, None)}
        assert smtp.connected_peak <= 4 * CONNECTIONS
        assert smtp.connected_peak > CONNECTIONS  # more than one process was at it
        wait_until(lambda: len(queue) == 0)
        bursts = [_lines(process, email_send_due_task.name, "task_succeeded") for process in processes]
        assert all(bursts)
        # A message for each burst, and not for each e-mail: one that leaves something to do wakes one more.
        assert sum(bursts) <= 30

    @pytest.mark.no_services
    def test_leaves_a_lone_process_to_others_every_now_and_then(
        self, worker: Worker, queue: Queue, smtp: SMTPServer
    ) -> None:
        smtp.seconds_per_message = 0.05
        emails_left_behind(2000, priority=Priority.LOW)
        (alone,) = emails_left_behind(1, last_error_kind=FailureKind.LOST)  # which no burst takes
        worker.start(EMAIL_SENDING_CONNECTIONS=2)
        email_send_due_task.apply_async()
        smtp.wait_for(20)

        # A task of another kind begins between two bursts.
        asked_at = time.time()
        email_send_task.apply_async(kwargs={"email_id": alone.pk})
        wait_until(lambda: alone.message_id in smtp.copies(), timeout=10)
        # What is urgent does not even wait for that: the burst takes it.
        smtp.wait_for(len(smtp.received) + 10)
        urgent_at = time.time()
        urgent = email_asked_for(priority=Priority.HIGH)
        wait_until(lambda: urgent.message_id in smtp.copies(), timeout=10)

        at = {received.message_id: received.at for received in smtp.received}
        assert at[alone.message_id] - asked_at < 5.0
        assert at[urgent.message_id] - urgent_at < 1.0  # the contract
        assert Email.objects.filter(status=Email.Status.SENDING).count() > 1000
