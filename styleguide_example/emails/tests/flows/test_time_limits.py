import pytest
from django.db.models.functions import Now

from styleguide_example.common.tests.processes import Queue, Worker
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tasks import email_sweep as email_sweep_task
from styleguide_example.emails.tests.factories import EmailFactory
from styleguide_example.emails.tests.flows.helpers import wait_for_status
from styleguide_example.emails.tests.smtp_server import SILENCE, SMTPServer

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]


LONG_LEASE_SECONDS = 600  # so that it is not the lease that brings the e-mail back
#: Seconds, from the start of a task in a new process: so long a machine may pause. The attempts after it have them too.
SOFT, HARD = 4, 5


class TestTimeLimits:
    """The limits travel with the message, so they are set where it is published."""

    def test_hard_one_releases_the_email_at_once_for_its_next_attempt(
        self, worker: Worker, queue: Queue, smtp: SMTPServer
    ) -> None:
        smtp.fail("body", SILENCE)
        process = worker.start(EMAIL_SENDING_LEASE_SECONDS=LONG_LEASE_SECONDS)
        email = _due_without_a_message(queue)
        email_send_task.apply_async(kwargs={"email_id": email.pk}, time_limit=HARD, soft_time_limit=SOFT)
        assert smtp.reached["body"].wait(20)
        for child in process.children():
            child.suspend()  # as if it hung in C code, where the soft limit's exception is not raised
        process.wait_for_line("email_attempt_failed")
        email_sweep_task.apply_async()

        email = wait_for_status(email, Email.Status.SENT)
        assert smtp.copies() == {email.message_id: 1}
        assert [attempt.kind for attempt in email.failed_attempts.all()] == [FailureKind.UNKNOWN_OUTCOME]

    def test_soft_one_counts_as_a_failed_attempt_with_a_next_one(
        self, worker: Worker, queue: Queue, smtp: SMTPServer
    ) -> None:
        smtp.fail("rcpt", SILENCE)
        worker.start(EMAIL_SENDING_LEASE_SECONDS=LONG_LEASE_SECONDS)
        email = _due_without_a_message(queue)
        email_send_task.apply_async(kwargs={"email_id": email.pk}, soft_time_limit=SOFT)

        email = wait_for_status(email, Email.Status.SENT)
        assert smtp.copies() == {email.message_id: 1}
        assert [attempt.kind for attempt in email.failed_attempts.all()] == [FailureKind.TRANSIENT]


def _due_without_a_message(queue: Queue) -> Email:
    email = EmailFactory.create()
    Email.objects.filter(pk=email.pk).update(status=Email.Status.SENDING, queued_at=Now(), next_attempt_at=Now())
    assert len(queue) == 0
    return email
