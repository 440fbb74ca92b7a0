from collections.abc import Callable

import pytest
from django.utils import timezone

from styleguide_example.common import leases
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.exceptions import EmailGivenUpError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_failed, email_send
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)


def _given_up() -> Email:
    email = email_asked_for()
    Email.objects.update(next_attempt_at=None, last_error="550 no")
    return email


def _held() -> Email:
    email = email_asked_for()
    leases.lease_claim(Email.objects.all(), owner="worker", seconds=60)
    Email.objects.update(next_attempt_at=None)
    return email


class TestEmailFailed:
    def test_ends_one_that_was_given_up_and_says_why(self, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", "550 no such user")
        email = email_asked_for()
        with pytest.raises(EmailGivenUpError):
            email_send(email=email)

        assert email_failed(email=email)

        email.refresh_from_db()
        assert (email.status, email.last_error_kind, email.sent_at) == (Email.Status.FAILED, "permanent", None)
        assert "550 no such user" in email.last_error
        assert email.ended_at is not None
        assert abs((timezone.now() - email.ended_at).total_seconds()) < 60

    def test_does_nothing_a_second_time(self) -> None:
        email = _given_up()
        assert email_failed(email=email)
        before = Email.objects.values().get()
        assert not email_failed(email=email)
        assert Email.objects.values().get() == before

    @pytest.mark.parametrize(
        "email_in_state",
        [EmailFactory.create, email_asked_for, _held, *(lambda s=s: email_ended(s) for s in ("sent", "cancelled"))],
    )
    def test_leaves_any_other_as_it_is(self, email_in_state: Callable[[], Email]) -> None:
        email = email_in_state()
        before = Email.objects.values().get()
        assert not email_failed(email=email)
        assert Email.objects.values().get() == before

    def test_ends_it_once_when_called_by_many_at_once(self) -> None:
        email = _given_up()
        assert sorted(race(lambda _: email_failed(email=email), runners=3)) == [False, False, True]

    def test_is_harmless_for_one_that_was_deleted(self) -> None:
        email = _given_up()
        Email.objects.all().delete()
        assert not email_failed(email=email)
