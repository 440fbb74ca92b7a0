"""Two workers, one e-mail: whoever lost the lease changes nothing and, before the wire, sends nothing."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.emails import connections
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailNotClaimedError, EmailStatusConflictError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_cancel, email_send, email_sweep
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.smtp_server import HOLD, SILENCE, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

ANSWERS = 10  # seconds; only a hang lasts so long


@pytest.fixture(autouse=True)
def much_patience(settings: Settings) -> None:
    """A server that holds must not be taken for one that is silent."""
    settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = ANSWERS


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """What Celery does at the soft time limit: an exception out of a signal handler, in the main thread."""

    def reached(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    former = signal.signal(signal.SIGUSR1, reached)
    yield lambda: os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, former)


def _send(email: Email) -> Email:
    """What another thread does: send, and say goodbye to its own connection."""
    try:
        return email_send(email=email)
    finally:
        connections.connection_close()


def _lease_ends() -> None:
    Email.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def _successor_takes_over() -> dict[str, Any]:
    """Another worker holds it now. Returns the row as it left it."""
    Email.objects.update(lease_token=uuid.uuid4(), lease_owner="successor", attempts=F("attempts") + 1)
    return dict(Email.objects.values().get())


class TestEmailSendAtOnce:
    def test_sends_one_email_once(self, smtp: SMTPServer) -> None:
        email = email_asked_for()

        def attempt(_: int) -> str:
            try:
                return str(_send(email).status)
            except EmailNotClaimedError:
                return "not claimed"

        assert sorted(race(attempt, runners=6)) == ["not claimed"] * 5 + ["sent"]
        assert smtp.copies() == {email.message_id: 1}
        email.refresh_from_db()
        assert email.attempts == 1

    def test_refuses_to_hold_somebodys_transaction_open(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            email_send(email=email)
        assert smtp.connections == 0

    def test_keeps_cancel_away_while_it_sends(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        smtp.fail("message", HOLD)
        with meanwhile(lambda: _send(email)) as sending:
            assert smtp.reached["message"].wait(ANSWERS)
            with pytest.raises(EmailStatusConflictError, match="a worker is sending it right now"):
                email_cancel(email=Email.objects.get())
            smtp.released.set()
        assert sending.result().status == Email.Status.SENT


class TestLeaseLost:
    @pytest.mark.parametrize("step", ["connect", "ehlo"])
    def test_before_the_wire_sends_nothing(self, smtp: SMTPServer, step: str) -> None:
        email = email_asked_for()
        smtp.fail(step, HOLD)

        with meanwhile(lambda: _send(email)) as sending:
            assert smtp.reached[step].wait(ANSWERS)
            left = _successor_takes_over()
            smtp.released.set()

        assert isinstance(sending.exception(), EmailNotClaimedError)
        assert "nothing was sent" in str(sending.exception())
        assert smtp.received == []
        assert Email.objects.values().get() == left

    def test_before_the_wire_because_time_ran_out_sends_nothing(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        smtp.fail("connect", HOLD)
        with meanwhile(lambda: _send(email)) as sending:
            assert smtp.reached["connect"].wait(ANSWERS)
            _lease_ends()
            smtp.released.set()

        assert isinstance(sending.exception(), EmailNotClaimedError)
        assert smtp.received == []

    @pytest.mark.parametrize("answer", [HOLD, "451 later", "550 no"])
    def test_while_sending_leaves_the_successors_row_alone(self, smtp: SMTPServer, answer: str) -> None:
        email = email_asked_for()
        smtp.fail("data", HOLD)
        if answer != HOLD:
            smtp.fail("message", answer)

        with meanwhile(lambda: _send(email)) as sending:
            assert smtp.reached["data"].wait(ANSWERS)
            left = _successor_takes_over()
            smtp.released.set()

        assert isinstance(sending.exception(), EmailNotClaimedError)
        assert Email.objects.values().get() == left
        assert not email.failed_attempts.exists()

    def test_while_sending_does_not_keep_the_successor_from_recording(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        smtp.fail("message", HOLD)

        with meanwhile(lambda: _send(email)) as sending:
            assert smtp.reached["message"].wait(ANSWERS)
            _lease_ends()
            assert email_sweep() == [email]
            successor = email_send(email=email)
            smtp.released.set()

        assert isinstance(sending.exception(), EmailNotClaimedError)
        assert "its successor records it" in str(sending.exception())
        assert Email.objects.get().sent_at == successor.sent_at
        assert smtp.copies() == {email.message_id: 2}  # the one that was on the wire
        assert email.failed_attempts.get().kind == FailureKind.UNKNOWN_OUTCOME


class TestSoftTimeLimit:
    @pytest.mark.parametrize(
        ("step", "kind"),
        [
            ("ehlo", FailureKind.TRANSIENT),
            ("rcpt", FailureKind.TRANSIENT),
            ("data", FailureKind.TRANSIENT),
            ("message", FailureKind.UNKNOWN_OUTCOME),
        ],
    )
    def test_is_recorded_with_how_far_it_came(
        self, smtp: SMTPServer, step: str, kind: FailureKind, alarm: Callable[[], None]
    ) -> None:
        email = email_asked_for()
        smtp.fail(step, SILENCE)

        def limit_reached() -> None:
            assert smtp.reached[step].wait(ANSWERS)
            alarm()

        with meanwhile(limit_reached), pytest.raises(EmailAttemptFailedError, match="SoftTimeLimitExceeded"):
            email_send(email=email)

        assert email.failed_attempts.get().kind == kind
        email.refresh_from_db()
        assert email.lease_token is None
