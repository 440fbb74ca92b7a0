"""Two workers, one e-mail: whoever lost the lease changes nothing and, before the wire, sends nothing."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.emails import bursts
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailNotClaimedError, EmailStatusConflictError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_cancel, email_send, email_sweep
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.sending import Send, in_a_thread
from styleguide_example.emails.tests.smtp_server import HOLD, SILENCE, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

ANSWERS = 10  # seconds; only a hang lasts so long


@pytest.fixture(autouse=True)
def much_patience(settings: Settings) -> None:
    """A server that holds must not be taken for one that is silent."""
    settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = ANSWERS


def _send_alone(email: Email) -> Email:
    return email_send(email=email)


def _lease_ends() -> None:
    Email.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def _successor_takes_over() -> dict[str, Any]:
    """Another worker holds it now. Returns the row as it left it."""
    Email.objects.update(lease_token=uuid.uuid4(), lease_owner="successor", attempts=F("attempts") + 1)
    return dict(Email.objects.values().get())


class TestEmailSendAtOnce:
    def test_sends_one_email_once(self, smtp: SMTPServer, send: Send) -> None:
        email = email_asked_for()

        race(lambda _: in_a_thread(send)(email), runners=6)

        assert smtp.copies() == {email.message_id: 1}
        email.refresh_from_db()
        assert (email.status, email.attempts) == (Email.Status.SENT, 1)

    def test_tells_all_callers_but_one_that_they_came_too_late(self, smtp: SMTPServer) -> None:
        email = email_asked_for()

        def attempt(_: int) -> str:
            try:
                return str(in_a_thread(_send_alone)(email).status)
            except EmailNotClaimedError:
                return "not claimed"

        assert sorted(race(attempt, runners=6)) == ["not claimed"] * 5 + ["sent"]

    @pytest.mark.parametrize("door", [_send_alone, lambda _: bursts.emails_send_due(owner="the-task")])
    def test_refuses_to_hold_somebodys_transaction_open(self, smtp: SMTPServer, door: Callable[[Email], Any]) -> None:
        email = email_asked_for()
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            door(email)
        assert smtp.connections == 0

    def test_keeps_cancel_away_while_it_sends(self, smtp: SMTPServer, send: Send) -> None:
        email = email_asked_for()
        smtp.fail("message", HOLD)
        with meanwhile(lambda: in_a_thread(send)(email)) as sending:
            assert smtp.reached["message"].wait(ANSWERS)
            with pytest.raises(EmailStatusConflictError, match="a worker is sending it right now"):
                email_cancel(email=Email.objects.get())
            smtp.released.set()
        assert sending.result().status == Email.Status.SENT


class TestLeaseLost:
    @pytest.mark.parametrize("step", ["connect", "ehlo"])
    def test_before_the_wire_sends_nothing(self, smtp: SMTPServer, send: Send, step: str) -> None:
        email = email_asked_for()
        smtp.fail(step, HOLD)

        with meanwhile(lambda: in_a_thread(send)(email)) as sending, capture_logs() as lines:
            assert smtp.reached[step].wait(ANSWERS)
            left = _successor_takes_over()
            smtp.released.set()
            sending.result()

        assert smtp.received == []
        assert Email.objects.values().get() == left
        assert "email_sent_after_lease_lost" not in {line["event"] for line in lines}

    def test_before_the_wire_because_time_ran_out_sends_nothing(self, smtp: SMTPServer, send: Send) -> None:
        email = email_asked_for()
        smtp.fail("connect", HOLD)
        with meanwhile(lambda: in_a_thread(send)(email)) as sending:
            assert smtp.reached["connect"].wait(ANSWERS)
            _lease_ends()
            left = Email.objects.values().get()
            smtp.released.set()
            sending.result()

        assert smtp.received == []
        assert Email.objects.values().get() == left

    def test_before_the_wire_tells_the_caller(self, smtp: SMTPServer) -> None:
        smtp.fail("connect", HOLD)
        email = email_asked_for()
        with meanwhile(lambda: in_a_thread(_send_alone)(email)) as sending:
            assert smtp.reached["connect"].wait(ANSWERS)
            _lease_ends()
            smtp.released.set()
        assert isinstance(sending.exception(), EmailNotClaimedError)
        assert "nothing was sent" in str(sending.exception())

    @pytest.mark.parametrize("answer", [HOLD, "451 later", "550 no"])
    def test_while_sending_leaves_the_successors_row_alone(self, smtp: SMTPServer, send: Send, answer: str) -> None:
        email = email_asked_for()
        smtp.fail("data", HOLD)
        if answer != HOLD:
            smtp.fail("message", answer)

        with meanwhile(lambda: in_a_thread(send)(email)) as sending:
            assert smtp.reached["data"].wait(ANSWERS)
            left = _successor_takes_over()
            smtp.released.set()
            sending.result()

        assert Email.objects.values().get() == left
        assert not email.failed_attempts.exists()

    def test_while_sending_does_not_keep_the_successor_from_recording(self, smtp: SMTPServer, send: Send) -> None:
        email = email_asked_for()
        smtp.fail("message", HOLD)

        with meanwhile(lambda: in_a_thread(send)(email)) as sending, capture_logs() as lines:
            assert smtp.reached["message"].wait(ANSWERS)
            _lease_ends()
            assert email_sweep().emails == [email]
            successor = send(email)
            smtp.released.set()
            sending.result()

        assert "email_sent_after_lease_lost" in {line["event"] for line in lines}
        assert (successor.status, successor.attempts) == (Email.Status.SENT, 2)
        assert Email.objects.get().sent_at == successor.sent_at
        assert smtp.copies() == {email.message_id: 2}  # the one that was on the wire
        assert email.failed_attempts.get().kind == FailureKind.UNKNOWN_OUTCOME

    def test_while_sending_tells_the_caller_who_records_it(self, smtp: SMTPServer) -> None:
        smtp.fail("message", HOLD)
        email = email_asked_for()
        with meanwhile(lambda: in_a_thread(_send_alone)(email)) as sending:
            assert smtp.reached["message"].wait(ANSWERS)
            _successor_takes_over()
            smtp.released.set()
        assert isinstance(sending.exception(), EmailNotClaimedError)
        assert "its successor records it" in str(sending.exception())


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
