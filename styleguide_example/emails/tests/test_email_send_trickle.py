"""Each piece of an answer comes in time, and the answer has no end: only a deadline ends it before the lease does."""

import time

import pytest
from pytest_django import Settings

from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.tests.factories import email_asked_for, email_made_due
from styleguide_example.emails.tests.sending import Send
from styleguide_example.emails.tests.smtp_server import HANG_UP, TAKEN_THEN_TRICKLE, TRICKLE, SMTPServer

pytestmark = pytest.mark.django_db

BEFORE_THE_END = [
    ("connect", Phase.CONNECT),
    ("ehlo", Phase.CONNECT),
    ("mail", Phase.ENVELOPE),
    ("rcpt", Phase.ENVELOPE),
    ("data", Phase.DATA),
]


def _attempt(send: Send, email: Email) -> EmailAttempt:
    """Try to send ``email`` and return the failed attempt, which did not take long."""
    began_at = time.monotonic()
    send(email)
    assert time.monotonic() - began_at < 5
    email.refresh_from_db()
    assert email.lease_token is None
    return email.failed_attempts.get()


class TestTrickle:
    @pytest.fixture(autouse=True)
    def much_patience_for_each_piece(self, settings: Settings) -> None:
        settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = 10
        settings.EMAIL_TIMEOUT_CONVERSATION = 1

    @pytest.mark.parametrize(("step", "phase"), BEFORE_THE_END)
    def test_before_the_message_is_whole_is_tried_again(
        self, smtp: SMTPServer, send: Send, step: str, phase: Phase
    ) -> None:
        smtp.fail(step, TRICKLE)
        email = email_asked_for()

        attempt = _attempt(send, email)

        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, phase)
        assert send(email_made_due(email)).status == Email.Status.SENT
        assert (smtp.connections, smtp.copies()) == (2, {email.message_id: 1})

    @pytest.mark.parametrize("how", [TRICKLE, TAKEN_THEN_TRICKLE])
    def test_after_the_message_is_an_unknown_outcome(self, smtp: SMTPServer, send: Send, how: str) -> None:
        smtp.fail("message", how)
        email = email_asked_for()

        attempt = _attempt(send, email)

        assert (attempt.kind, attempt.phase) == (FailureKind.UNKNOWN_OUTCOME, Phase.AFTER_DATA)

    def test_of_a_refused_message_leaves_the_refusal(self, smtp: SMTPServer, send: Send) -> None:
        smtp.fail("rcpt", "550 no such user")
        smtp.fail("rset", TRICKLE)
        email = send(email_asked_for())
        assert (email.status, email.smtp_reply) == (Email.Status.FAILED, "550 no such user")
        assert send(email_asked_for()).status == Email.Status.SENT

    def test_on_a_kept_connection_leaves_no_more_time_for_the_new_one(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        """It is all one lease."""
        send(email_asked_for())
        smtp.seconds_per_command = 0.6
        smtp.fail("mail", HANG_UP)
        email = email_asked_for()

        attempt = _attempt(send, email)

        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, Phase.ENVELOPE)
        assert (smtp.connections, smtp.commands["MAIL"]) == (2, 2), "nothing was begun on the new one"
        smtp.seconds_per_command = 0
        assert send(email_made_due(email)).status == Email.Status.SENT
