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


def _taken_at(smtp: SMTPServer, email: Email) -> float:
    wait_until(lambda: email.message_id in smtp.copies())
    return next(received.at for received in smtp.received if received.message_id == email.message_id)


def _wait_of_an_urgent_one(smtp: SMTPServer) -> float:
    """Ask for one in the middle of a burst. Returns how many seconds it took."""
    smtp.wait_for(len(smtp.received) + 10)
    asked_at = time.time()
    return _taken_at(smtp, email_asked_for(priority=Priority.HIGH)) - asked_at


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

        def bursts() -> list[int]:
            return [_lines(process, email_send_due_task.name, "task_succeeded") for process in processes]

        wait_until(lambda: all(bursts()))  # the last ones say so after the last e-mail, and are heard by a thread
        # A message for each burst, and not for each e-mail: one that leaves something to do wakes one more. Four of
        # them at a time last a second each, so that there are the more the longer all of it takes.
        assert sum(bursts()) <= ROWS // 4

    @pytest.mark.no_services
    def test_leaves_a_lone_process_to_others_every_now_and_then(
        self, worker: Worker, queue: Queue, smtp: SMTPServer
    ) -> None:
        connections, smtp.seconds_per_message = 2, 0.05
        emails_left_behind(2000, priority=Priority.LOW)
        (alone,) = emails_left_behind(1, last_error_kind=FailureKind.LOST)  # which no burst takes
        worker.start(EMAIL_SENDING_CONNECTIONS=connections)
        email_send_due_task.apply_async()
        smtp.wait_for(20)

        # A task of another kind begins between two bursts: within five seconds, of which a machine that pauses sends
        # nothing in some.
        asked_at = time.time()
        email_send_task.apply_async(kwargs={"email_id": alone.pk})
        taken_at = _taken_at(smtp, alone)
        before = sum(asked_at < received.at < taken_at for received in smtp.received)
        assert before < 5.0 / smtp.seconds_per_message * connections
        # What is urgent does not even wait for that: the burst takes it.
        waits = [_wait_of_an_urgent_one(smtp) for _ in range(3)]
        assert min(waits) < 1.0  # the contract; a machine that pauses may spoil two of three
        assert Email.objects.filter(status=Email.Status.SENDING).count() > 1000
