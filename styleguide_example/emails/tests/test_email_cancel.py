from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.common import leases
from styleguide_example.common.tests.racing import race
from styleguide_example.emails import connections
from styleguide_example.emails.exceptions import EmailNotClaimedError, EmailStatusConflictError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_cancel, email_queue, email_send, email_sweep
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)


class TestEmailCancel:
    @pytest.mark.parametrize("asked_for", [True, False])
    def test_makes_sure_that_it_is_not_sent(self, smtp: SMTPServer, asked_for: object) -> None:
        email = email_cancel(email=email_asked_for() if asked_for else EmailFactory.create())

        assert (email.status, email.next_attempt_at) == (Email.Status.CANCELLED, None)
        assert email.ended_at is not None
        assert abs(timezone.now() - email.ended_at) < timedelta(minutes=1)
        with pytest.raises(EmailNotClaimedError):
            email_send(email=email)
        with pytest.raises(EmailStatusConflictError):
            email_queue(email=email)
        assert email_sweep().emails == []
        assert smtp.received == []

    def test_cancels_between_two_attempts(self, smtp: SMTPServer) -> None:
        smtp.fail("mail", "451 later")
        email = email_asked_for()
        with pytest.raises(Exception, match="451"):
            email_send(email=email)
        assert email_cancel(email=email).status == Email.Status.CANCELLED

    def test_does_nothing_a_second_time(self) -> None:
        email = email_cancel(email=EmailFactory.create())
        before = Email.objects.values().get()
        assert email_cancel(email=email).status == Email.Status.CANCELLED
        assert Email.objects.values().get() == before

    @pytest.mark.parametrize("status", ["sent", "failed"])
    def test_refuses_one_that_ended_otherwise(self, status: str) -> None:
        email = email_ended(status)
        before = Email.objects.values().get()
        with pytest.raises(EmailStatusConflictError, match=f"{email.pk} is {status}"):
            email_cancel(email=email)
        assert Email.objects.values().get() == before

    def test_refuses_one_that_a_worker_holds(self) -> None:
        email = email_asked_for()
        leases.lease_claim(Email.objects.all(), owner="worker", seconds=60)
        with pytest.raises(EmailStatusConflictError, match="a worker is sending it right now"):
            email_cancel(email=email)
        assert Email.objects.get().status == Email.Status.SENDING


class TestEmailCancelAtOnce:
    def test_ends_in_sent_or_cancelled_and_never_in_both(self, smtp: SMTPServer) -> None:
        emails = [email_asked_for() for _ in range(10)]

        def send(email: Email) -> bool:
            try:
                return bool(email_send(email=email))
            except EmailNotClaimedError:
                return False

        def cancel(email: Email) -> bool:
            try:
                return bool(email_cancel(email=Email.objects.get(pk=email.pk)))
            except EmailStatusConflictError:
                return False

        def act(number: int) -> list[bool]:
            if number:
                return [cancel(email) for email in reversed(emails)]
            sent = [send(email) for email in emails]
            connections.connection_close()
            return sent

        sent, cancelled = race(act, runners=2)

        assert [a + b for a, b in zip(sent, reversed(cancelled), strict=True)] == [1] * 10
        assert len(smtp.received) == sum(sent)
        assert Email.objects.filter(status="sent").count() == sum(sent)
        assert Email.objects.filter(status="cancelled").count() == sum(cancelled)
