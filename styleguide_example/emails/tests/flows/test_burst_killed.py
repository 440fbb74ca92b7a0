"""Worker processes that are killed in the middle of a burst."""

from collections import Counter
from typing import Any

import pytest

from styleguide_example.common.tests.processes import Process, Worker, wait_until
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.tasks import email_send_due as email_send_due_task
from styleguide_example.emails.tests.factories import emails_left_behind
from styleguide_example.emails.tests.flows.helpers import leases_run_out, sweep_until_all_ended
from styleguide_example.emails.tests.smtp_server import HOLD, SILENCE, TAKEN_THEN_SILENCE, SMTPServer

pytestmark = [pytest.mark.long, pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CONNECTIONS = 4
#: Step, what the server does then on all connections, how many e-mails are in doubt.
MOMENTS = [
    ("message", TAKEN_THEN_SILENCE, CONNECTIONS),
    ("rcpt", SILENCE, CONNECTIONS),
    ("connect", SILENCE, 0),
]


def _burst_stuck(worker: Worker, smtp: SMTPServer, step: str, answer: str, **settings: Any) -> Process:
    """A worker in the middle of a burst, all its connections at ``step``, which holds the others still."""
    smtp.fail(step, *[answer] * CONNECTIONS)
    process = worker.start(EMAIL_SENDING_BURST_SECONDS=60, **settings)
    email_send_due_task.apply_async()
    wait_until(lambda: not smtp.script[step])
    return process


def _kill_children(process: Process) -> None:
    for child in process.children():
        child.kill()


class TestKilledInABurst:
    def test_three_times_loses_no_email_and_doubles_no_more_than_there_are_connections(
        self, worker: Worker, smtp: SMTPServer
    ) -> None:
        emails = emails_left_behind(60)
        seen: set[int] = set()
        for step, answer, in_doubt in MOMENTS:
            process = _burst_stuck(worker, smtp, step, answer)
            process.kill_group()
            held = Email.objects.filter(lease_token__isnull=False).exclude(pk__in=seen)
            assert held.filter(on_wire_at__isnull=False).count() == in_doubt
            assert held.count() > CONNECTIONS  # others were leased with them
            seen |= set(held.values_list("pk", flat=True))

        leases_run_out()
        worker.start()
        sweep_until_all_ended()

        assert set(Email.objects.values_list("status", flat=True)) == {Email.Status.SENT}
        copies = smtp.copies()
        assert copies.keys() == {email.message_id for email in emails}
        doubled = {message_id for message_id, count in copies.items() if count > 1}
        assert len(doubled) == CONNECTIONS  # those that the server had taken when the first one was killed
        assert max(copies.values()) == 2
        # The merely leased ones were never in doubt, and each of them knows it.
        kinds = Counter(EmailAttempt.objects.values_list("kind", flat=True))
        assert kinds == {FailureKind.UNKNOWN_OUTCOME: 2 * CONNECTIONS, FailureKind.LOST: len(seen) - 2 * CONNECTIONS}

    def test_in_the_pool_alone_is_brought_back_by_the_same_worker(self, worker: Worker, smtp: SMTPServer) -> None:
        emails = emails_left_behind(30)
        process = _burst_stuck(worker, smtp, "rcpt", HOLD, EMAIL_SENDING_LEASE_SECONDS=5)
        _kill_children(process)
        smtp.released.set()

        sweep_until_all_ended()
        assert smtp.copies() == {email.message_id: 1 for email in emails}

    def test_by_one_of_its_emails_each_time_ends_that_one_after_the_cap_and_no_other(
        self, worker: Worker, smtp: SMTPServer
    ) -> None:
        cap = 2
        smtp.silent_for.add("poison@example.org")
        smtp.seconds_per_message = 0.2  # so that the others are held when it strikes
        (poison,) = emails_left_behind(1, to=["poison@example.org"])
        others = emails_left_behind(7)
        process = worker.start(
            EMAIL_SENDING_MAX_ATTEMPTS=cap, EMAIL_SENDING_BURST_FROM=0, EMAIL_SENDING_LEASE_SECONDS=5
        )
        email_send_due_task.apply_async()

        def die_of_it() -> None:
            if smtp.reached["body"].is_set():
                smtp.reached["body"].clear()
                _kill_children(process)

        sweep_until_all_ended(meanwhile=die_of_it)

        poison.refresh_from_db()
        assert (poison.status, poison.attempts) == (Email.Status.FAILED, cap)
        assert Email.objects.filter(status=Email.Status.SENT).count() == len(others)
        copies = smtp.copies()
        assert copies.keys() == {email.message_id for email in others}
        assert copies.total() <= len(others) + CONNECTIONS
