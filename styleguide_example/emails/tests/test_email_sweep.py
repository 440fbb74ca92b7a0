from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common import leases
from styleguide_example.common.tests.racing import race
from styleguide_example.core.enums import Priority
from styleguide_example.emails import connections
from styleguide_example.emails.delivery import LeftBehind
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import EmailAttemptFailedError
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.services import email_cancel, email_retry, email_send, email_sweep
from styleguide_example.emails.tests.factories import (
    EmailFactory,
    email_asked_for,
    email_ended,
    email_made_due,
    emails_left_behind,
)
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def _left_behind(**fields: Any) -> Email:
    """Asked for, and its message was lost."""
    return email_made_due(email_asked_for(**fields))


def _held_by_the_dead(*, on_wire: object = False, seconds: float = -1) -> Email:
    """A worker took it and was killed, before the wire or on it."""
    email = _left_behind()
    row = Email.objects.filter(pk=email.pk)
    leases.lease_claim(row, owner="dead", seconds=seconds, on_wire_at=timezone.now() - MINUTE if on_wire else None)
    email.refresh_from_db()
    return email


class TestEmailSweep:
    def test_returns_what_was_left_behind_and_notes_that_it_did(self) -> None:
        email = _left_behind()
        assert email_sweep().emails == [email]

        email.refresh_from_db()
        assert email.woken_at is not None
        assert timezone.now() - email.woken_at < MINUTE
        assert email_sweep().emails == []

    def test_returns_it_again_when_nobody_came_for_a_while(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_WAKE_AGAIN_SECONDS = 30
        email = _left_behind()
        for seconds, expected in ((29, []), (31, [email])):
            Email.objects.update(woken_at=timezone.now() - timedelta(seconds=seconds))
            assert email_sweep().emails == expected

    def test_leaves_alone_what_is_not_due_was_not_asked_for_ended_or_is_held(self) -> None:
        EmailFactory.create()
        email_asked_for(send_after=timezone.now() + MINUTE)
        for status in ("sent", "failed", "cancelled"):
            email_ended(status)
        _held_by_the_dead(seconds=60)
        before = list(Email.objects.order_by("pk").values())

        assert email_sweep().emails == []
        assert list(Email.objects.order_by("pk").values()) == before

    def test_returns_the_urgent_first_and_of_those_the_oldest(self) -> None:
        low, normal, high, waiting = (
            _left_behind(priority=Priority.LOW),
            _left_behind(),
            _left_behind(priority=Priority.HIGH),
            _left_behind(),
        )
        Email.objects.filter(pk=waiting.pk).update(next_attempt_at=timezone.now() - 2 * MINUTE)
        assert email_sweep().emails == [high, waiting, normal, low]

    def test_returns_no_more_than_the_limit_and_the_rest_the_next_time(self, settings: Settings) -> None:
        emails = [_left_behind() for _ in range(5)]
        settings.EMAIL_SENDING_SWEEP_LIMIT = 3
        assert email_sweep().emails == emails[:3]
        assert email_sweep(limit=1).emails == emails[3:4]
        assert email_sweep().emails == emails[4:]

    def test_is_a_few_statements_however_many_there_are(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(20):
            _left_behind()
        with django_assert_num_queries(6):  # leases, given up, expired, many?, due, woken
            email_sweep()


class TestEmailSweepOfMany:
    def test_is_a_bursts_work_and_wakes_nobody_for_each(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_BURST_FROM = 3
        emails = emails_left_behind(3)
        assert email_sweep() == LeftBehind(emails=emails, is_burst=False)

        Email.objects.update(woken_at=None)
        emails_left_behind(1)
        assert email_sweep() == LeftBehind(emails=[], is_burst=True)
        assert not Email.objects.exclude(woken_at=None).exists()

    def test_is_a_bursts_work_until_it_is_done(self, settings: Settings) -> None:
        """A burst that was killed, or whose message was lost, is asked for again by the next sweep."""
        settings.EMAIL_SENDING_BURST_FROM = 1
        emails_left_behind(2)
        for _ in range(3):
            assert email_sweep().is_burst

    @pytest.mark.parametrize("kind", [FailureKind.LOST, FailureKind.UNKNOWN_OUTCOME])
    def test_wakes_for_each_whose_worker_died_that_it_is_sent_alone(self, settings: Settings, kind: str) -> None:
        settings.EMAIL_SENDING_BURST_FROM = 2
        emails = emails_left_behind(4)
        suspect = emails[1]
        Email.objects.filter(pk=suspect.pk).update(last_error_kind=kind)
        assert email_sweep() == LeftBehind(emails=[suspect], is_burst=True)

    def test_counts_only_what_a_burst_would_take(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_BURST_FROM = 2
        emails = emails_left_behind(5)
        Email.objects.filter(pk__in=[email.pk for email in emails[2:]]).update(last_error_kind=FailureKind.LOST)
        left_behind = email_sweep()
        assert not left_behind.is_burst
        assert left_behind.emails == emails

    def test_is_a_few_statements_however_many_there_are(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        emails_left_behind(300)
        with django_assert_num_queries(5):  # leases, given up, expired, many?, due alone
            assert email_sweep().is_burst


class TestLeaseThatRanOut:
    def test_before_the_wire_makes_it_due_at_once(self) -> None:
        email = _held_by_the_dead()

        assert email_sweep().emails == [email]

        email.refresh_from_db()
        assert (email.lease_token, email.attempts) == (None, 1)
        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.phase, attempt.number) == (FailureKind.LOST, Phase.CONNECT, 1)

    def test_on_the_wire_makes_it_due_at_once_with_the_policy_resend(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "resend"
        email = _held_by_the_dead(on_wire=True)

        assert email_sweep().emails == [email]
        assert email.failed_attempts.get().kind == FailureKind.UNKNOWN_OUTCOME

    def test_on_the_wire_twice_makes_it_due_again(self, settings: Settings) -> None:
        """Unlike a server that falls silent twice, a second worker may live."""
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "resend"
        email = _held_by_the_dead(on_wire=True)
        assert email_sweep().emails == [email]
        leases.lease_claim(Email.objects.all(), owner="dead", seconds=-1, on_wire_at=timezone.now())
        assert email_sweep().emails == [email]

    def test_on_the_wire_ends_it_with_the_policy_hold(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "hold"
        email = _held_by_the_dead(on_wire=True)

        assert email_sweep().emails == []

        email.refresh_from_db()
        assert (email.status, email.last_error_kind) == (Email.Status.FAILED, FailureKind.UNKNOWN_OUTCOME)

    def test_before_the_wire_is_not_held_with_the_policy_hold(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "hold"
        email = _held_by_the_dead()
        assert email_sweep().emails == [email]

    def test_before_the_wire_is_told_from_an_earlier_attempt_on_it(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "hold"
        smtp.fail("message", "451 later")
        email = email_asked_for()
        with pytest.raises(EmailAttemptFailedError):
            email_send(email=email)

        connections.connection_close()
        settings.EMAIL_BACKEND = f"{__name__}.Killed"
        with pytest.raises(SystemExit):
            email_send(email=email_made_due(email))
        Email.objects.update(lease_expires_at=timezone.now() - MINUTE)

        assert email_sweep().emails == [email]
        assert [attempt.kind for attempt in email.failed_attempts.all()] == ["transient", "lost"]

    def test_is_followed_by_the_whole_way_to_sent(self, smtp: SMTPServer) -> None:
        email = _held_by_the_dead(on_wire=True)
        email_sweep()
        email = email_send(email=email)
        assert (email.status, email.attempts) == (Email.Status.SENT, 2)

    def test_ends_a_poisonous_email_at_the_cap(self, settings: Settings) -> None:
        """Each worker that takes it dies: no callback ever runs, so the number is the row's."""
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 3
        email = _left_behind()
        for attempt in (1, 2, 3):
            assert leases.lease_claim(Email.objects.filter(pk=email.pk), owner="dead", seconds=-1)
            assert email_sweep().emails == ([email] if attempt < 3 else [])

        email.refresh_from_db()
        assert (email.status, email.attempts, email.next_attempt_at) == (Email.Status.FAILED, 3, None)
        assert list(email.failed_attempts.values_list("number", flat=True)) == [1, 2, 3]

    def test_is_released_no_more_often_than_the_limit(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_SWEEP_LIMIT = 2
        for _ in range(3):
            _held_by_the_dead()
        email_sweep()
        assert EmailAttempt.objects.count() == 2
        email_sweep()
        assert EmailAttempt.objects.count() == 3

    def test_is_released_even_when_nobody_may_be_woken(self) -> None:
        email = _held_by_the_dead()
        assert email_sweep(limit=0).emails == []
        email.refresh_from_db()
        assert email.lease_token is None


class TestEnds:
    def test_what_has_no_next_attempt(self) -> None:
        """The last attempt failed, and the callback that should have ended it never ran."""
        email = _left_behind()
        Email.objects.update(next_attempt_at=None)
        assert email_sweep().emails == []

        email.refresh_from_db()
        assert email.status == Email.Status.FAILED
        assert email.ended_at is not None
        assert timezone.now() - email.ended_at < MINUTE
        assert email_retry(email=email).status == Email.Status.SENDING

    def test_what_has_expired(self) -> None:
        email = _left_behind(expires_at=timezone.now() + MINUTE)
        Email.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert email_sweep().emails == []

        email.refresh_from_db()
        assert (email.status, email.next_attempt_at) == (Email.Status.FAILED, None)
        assert (email.last_error, email.last_error_kind) == ("Expired before it could be sent.", FailureKind.PERMANENT)

    def test_not_what_expires_while_it_is_being_sent(self) -> None:
        email = _held_by_the_dead(seconds=60)
        Email.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert email_sweep().emails == []
        email.refresh_from_db()
        assert email.status == Email.Status.SENDING

    def test_not_what_expired_before_anybody_asked(self) -> None:
        email = EmailFactory.create(expires_at=timezone.now() - MINUTE)
        email_sweep()
        email.refresh_from_db()
        assert email.status == Email.Status.READY
        assert email_cancel(email=email).status == Email.Status.CANCELLED


@pytest.mark.django_db(transaction=True)
class TestEmailSweepAtOnce:
    def test_records_a_lost_attempt_once(self) -> None:
        emails = [_held_by_the_dead() for _ in range(5)]
        race(lambda _: email_sweep(), runners=3)

        assert list(EmailAttempt.objects.values_list("email", flat=True).order_by("email")) == [e.pk for e in emails]
        assert set(Email.objects.values_list("attempts", "lease_token")) == {(1, None)}

    def test_leaves_nothing_behind(self) -> None:
        emails = {_left_behind() for _ in range(10)}
        woken = race(lambda _: email_sweep(), runners=3)
        assert {email for left_behind in woken for email in left_behind.emails} == emails


class Killed:
    """A mail backend at which the process ends."""

    def __init__(self, **_: Any) -> None:
        raise SystemExit
