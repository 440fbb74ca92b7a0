from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.exceptions import EmailGivenUpError, EmailStatusConflictError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_failed, email_retry, email_send
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)


def _failed(smtp: SMTPServer) -> Email:
    smtp.fail("rcpt", "550 no such user")
    email = email_asked_for(priority=3)
    with pytest.raises(EmailGivenUpError):
        email_send(email=email)
    assert email_failed(email=email)
    email.refresh_from_db()
    return email


class TestEmailRetry:
    def test_asks_for_the_same_email_anew(self, smtp: SMTPServer, queue: Queue) -> None:
        failed = _failed(smtp)
        queue.purge()

        email = email_retry(email=failed)

        assert email.pk == failed.pk
        assert (email.status, email.attempts, email.ended_at, email.refused) == (Email.Status.SENDING, 0, None, {})
        assert email.queued_at is not None
        assert abs(timezone.now() - email.queued_at) < timedelta(minutes=1)
        assert len(queue) == 1

    def test_sends_it_with_the_same_message_id_and_keeps_the_history(self, smtp: SMTPServer) -> None:
        failed = _failed(smtp)
        email = email_send(email=email_retry(email=failed))

        assert email.status == Email.Status.SENT
        assert smtp.copies() == {failed.message_id: 1}
        assert [attempt.smtp_code for attempt in email.failed_attempts.all()] == [550]
        assert (email.last_error, email.last_error_kind) == ("", "")

    def test_does_it_once_when_asked_twice_at_once(self, smtp: SMTPServer, queue: Queue) -> None:
        email = _failed(smtp)
        queue.purge()

        def retry(_: int) -> bool:
            try:
                return bool(email_retry(email=Email.objects.get(pk=email.pk)))
            except EmailStatusConflictError:
                return False

        assert sorted(race(retry, runners=3)) == [False, False, True]
        assert len(queue) == 1

    @pytest.mark.parametrize("status", ["sent", "cancelled"])
    def test_refuses_one_that_ended_otherwise(self, queue: Queue, status: str) -> None:
        email = email_ended(status)
        with pytest.raises(EmailStatusConflictError, match=f"{email.pk} is {status}.* only a failed one"):
            email_retry(email=email)
        assert len(queue) == 0

    def test_refuses_one_that_has_not_ended(self, queue: Queue) -> None:
        for email in (EmailFactory.create(), email_asked_for()):
            with pytest.raises(EmailStatusConflictError):
                email_retry(email=email)

    def test_refuses_one_that_has_expired(self, queue: Queue) -> None:
        email = email_ended("failed", expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(EmailStatusConflictError, match="has expired"):
            email_retry(email=email)
        assert len(queue) == 0

    def test_does_not_wait_for_a_time_that_is_over(self, queue: Queue) -> None:
        email = email_retry(email=email_ended("failed", send_after=timezone.now() - timedelta(days=1)))
        assert len(queue) == 1
        assert email.next_attempt_at is not None
        assert abs(timezone.now() - email.next_attempt_at) < timedelta(minutes=1)
