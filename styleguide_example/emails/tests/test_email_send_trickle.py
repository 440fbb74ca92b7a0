"""Each piece of an answer comes in time, and the answer has no end: only a deadline ends it before the lease does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from styleguide_example.emails import backends, transports
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
#: For each piece of an answer, and for all that is said.
PATIENCE, CONVERSATION = 10, 60
#: More than there are answers before the one that has no end.
LOOKS = 10


def _attempt(send: Send, email: Email) -> EmailAttempt:
    """Try to send ``email`` and return the failed attempt, which did not take long."""
    began_at = time.monotonic()
    send(email)
    assert time.monotonic() - began_at < 0.8 * PATIENCE
    email.refresh_from_db()
    assert email.lease_token is None
    return email.failed_attempts.get()


@contextmanager
def _time_passes_at(step: str, smtp: SMTPServer, *, looks: int = LOOKS) -> Iterator[None]:
    """Let the time of a conversation pass when it has reached ``step``: no machine is too busy to get there.

    So many looks at the clock later, which is asked before each piece is read: the server may be at ``step`` before
    its answers to the former ones were read.
    """
    looked = count()

    def monotonic() -> float:
        has_passed = smtp.reached[step].is_set() and next(looked) >= looks
        return time.monotonic() + (CONVERSATION + 1 if has_passed else 0)

    with pytest.MonkeyPatch.context() as patch:
        for module in backends, transports:
            patch.setattr(module, "time", SimpleNamespace(monotonic=monotonic))
        yield


class TestTrickle:
    @pytest.fixture(autouse=True)
    def patience(self, settings: Settings) -> None:
        settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = PATIENCE
        settings.EMAIL_TIMEOUT_CONVERSATION = CONVERSATION

    @pytest.mark.parametrize(("step", "phase"), BEFORE_THE_END)
    def test_before_the_message_is_whole_is_tried_again(
        self, smtp: SMTPServer, send: Send, step: str, phase: Phase
    ) -> None:
        smtp.fail(step, TRICKLE)
        email = email_asked_for()

        with _time_passes_at(step, smtp):
            attempt = _attempt(send, email)

        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, phase)
        assert send(email_made_due(email)).status == Email.Status.SENT
        assert (smtp.connections, smtp.copies()) == (2, {email.message_id: 1})

    @pytest.mark.parametrize("how", [TRICKLE, TAKEN_THEN_TRICKLE])
    def test_after_the_message_is_an_unknown_outcome(self, smtp: SMTPServer, send: Send, how: str) -> None:
        smtp.fail("message", how)
        email = email_asked_for()

        with _time_passes_at("message", smtp):
            attempt = _attempt(send, email)

        assert (attempt.kind, attempt.phase) == (FailureKind.UNKNOWN_OUTCOME, Phase.AFTER_DATA)

    def test_of_a_refused_message_leaves_the_refusal(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        """On the clock of the wall, for once."""
        settings.EMAIL_TIMEOUT_CONVERSATION = 3
        smtp.fail("rcpt", "550 no such user")
        smtp.fail("rset", TRICKLE)
        email = send(email_asked_for())
        assert (email.status, email.smtp_reply) == (Email.Status.FAILED, "550 no such user")
        settings.EMAIL_TIMEOUT_CONVERSATION = CONVERSATION
        assert send(email_asked_for()).status == Email.Status.SENT

    def test_on_a_kept_connection_leaves_no_more_time_for_the_new_one(self, smtp: SMTPServer, send: Send) -> None:
        """It is all one lease."""
        send(email_asked_for())
        smtp.reached["mail"].clear()
        smtp.fail("mail", HANG_UP)
        email = email_asked_for()

        with _time_passes_at("mail", smtp, looks=0):
            attempt = _attempt(send, email)

        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, Phase.ENVELOPE)
        assert (smtp.connections, smtp.commands["MAIL"]) == (2, 2), "nothing was begun on the new one"
        assert send(email_made_due(email)).status == Email.Status.SENT
