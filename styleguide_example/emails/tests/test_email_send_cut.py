"""The conversation ends where it should not: nobody there, silence, a hang-up, no TLS."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.processes import refused_port
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.services import Attachment, email_failed, email_retry
from styleguide_example.emails.tests.factories import email_asked_for, email_made_due
from styleguide_example.emails.tests.sending import Send, farewell
from styleguide_example.emails.tests.smtp_server import (
    HANG_UP,
    SILENCE,
    TAKEN_THEN_HANG_UP,
    TAKEN_THEN_SILENCE,
    SMTPServer,
)

pytestmark = pytest.mark.django_db

BEFORE_THE_END = {
    "connect": Phase.CONNECT,
    "ehlo": Phase.CONNECT,
    "mail": Phase.ENVELOPE,
    "rcpt": Phase.ENVELOPE,
    "data": Phase.DATA,
}


#: With a server that is silent on purpose.
LITTLE = 1.0
#: With any other: no server of a test on a busy machine is silent for so long by chance.
MUCH = 10.0


def _attempt(send: Send, email: Email, how: str = "") -> EmailAttempt:
    """Try to send ``email``, with little patience if the server will be silent, and return the failed attempt."""
    patience = LITTLE if how.endswith(SILENCE) else MUCH
    with override_settings(EMAIL_TIMEOUT=patience, EMAIL_TIMEOUT_AFTER_DATA=patience):
        send(email)
    email.refresh_from_db()
    assert email.lease_token is None
    return email.failed_attempts.get()


class TestEmailSendCut:
    @pytest.mark.parametrize("how", [SILENCE, HANG_UP])
    @pytest.mark.parametrize("step", BEFORE_THE_END)
    def test_before_the_message_is_whole_is_tried_again(
        self, smtp: SMTPServer, send: Send, step: str, how: str
    ) -> None:
        smtp.fail(step, how)
        email = email_asked_for()

        began = time.monotonic()
        attempt = _attempt(send, email, how)
        assert time.monotonic() - began < 0.8 * MUCH

        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, BEFORE_THE_END[step])
        assert smtp.received == []
        assert send(email_made_due(email)).status == Email.Status.SENT
        assert smtp.copies() == {email.message_id: 1}

    @pytest.mark.parametrize("how", [SILENCE, HANG_UP])
    def test_in_the_middle_of_a_long_message_is_tried_again(self, smtp: SMTPServer, send: Send, how: str) -> None:
        """Longer than what the network takes in before anybody reads: the last dot has not left."""
        smtp.fail("body", how)
        email = email_asked_for(attachments=[Attachment("long.bin", bytes(10_000_000))])

        attempt = _attempt(send, email, how)

        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, Phase.DATA)

    def test_by_a_port_where_nobody_listens_is_tried_again(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        email = email_asked_for()
        with refused_port() as port:
            settings.EMAIL_PORT = port
            attempt = _attempt(send, email)
        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, Phase.CONNECT)
        assert "ConnectionRefusedError" in attempt.error

        settings.EMAIL_PORT = smtp.port
        assert send(email_made_due(email)).status == Email.Status.SENT

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"EMAIL_USE_TLS": True}, "STARTTLS extension not supported"),
            ({"EMAIL_USE_SSL": True}, "SSL"),
            ({"EMAIL_HOST_USER": "me", "EMAIL_HOST_PASSWORD": "hunter2"}, "AUTH extension not supported"),
            ({"EMAIL_HOST": "no-such-host.invalid"}, "gaierror"),
            ({"EMAIL_HOST": f"{'x' * 64}.example.com"}, "UnicodeError"),
        ],
    )
    def test_by_settings_that_the_server_does_not_share_is_tried_again(
        self, smtp: SMTPServer, send: Send, settings: Settings, changes: dict[str, Any], error: str
    ) -> None:
        email = email_asked_for()
        for name, value in changes.items():
            setattr(settings, name, value)

        attempt = _attempt(send, email)

        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, Phase.CONNECT)
        assert error in attempt.error
        assert "hunter2" not in attempt.error
        assert smtp.received == []


AFTER_THE_END = [
    ("message", SILENCE),
    ("message", HANG_UP),
    ("message", TAKEN_THEN_SILENCE),
    ("message", TAKEN_THEN_HANG_UP),
    ("message", "<html>Bad Gateway</html>"),
    ("body", HANG_UP),
    ("body", SILENCE),
]


class TestUnknownOutcome:
    @pytest.mark.parametrize(("step", "how"), AFTER_THE_END)
    def test_is_sent_again_with_the_same_message_id(
        self, smtp: SMTPServer, send: Send, settings: Settings, step: str, how: str
    ) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "resend"
        smtp.fail(step, how)
        email = email_asked_for()

        attempt = _attempt(send, email, how)
        assert (attempt.kind, attempt.phase) == (FailureKind.UNKNOWN_OUTCOME, Phase.AFTER_DATA)
        assert not email_failed(email=email)

        taken = len(smtp.received)
        assert send(email_made_due(email)).status == Email.Status.SENT
        assert smtp.copies() == {email.message_id: taken + 1}

    @pytest.mark.parametrize(("step", "how"), AFTER_THE_END)
    def test_is_held_for_a_person_who_can_send_it_again(
        self, smtp: SMTPServer, send: Send, settings: Settings, step: str, how: str
    ) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "hold"
        smtp.fail(step, how)
        email = email_asked_for()

        attempt = _attempt(send, email, how)
        assert attempt.kind == FailureKind.UNKNOWN_OUTCOME
        taken = len(smtp.received)
        assert email.next_attempt_at is None
        assert (email.status, email.last_error_kind) == (Email.Status.FAILED, FailureKind.UNKNOWN_OUTCOME)
        send(email_retry(email=email))
        assert smtp.copies() == {email.message_id: taken + 1}

    def test_that_comes_a_second_time_is_held_for_a_person(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        """A server that takes messages and does not say so would get one more at every attempt."""
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "resend"
        smtp.fail("message", TAKEN_THEN_HANG_UP, TAKEN_THEN_HANG_UP, TAKEN_THEN_HANG_UP)
        email = send(email_asked_for())
        assert email.status == Email.Status.SENDING
        email = send(email_made_due(email))
        assert email.status == Email.Status.FAILED
        assert smtp.copies() == {email.message_id: 2}

    def test_counts_anew_after_a_person_retried(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "resend"
        smtp.fail("message", HANG_UP, HANG_UP, HANG_UP)
        email = send(email_asked_for())
        email = send(email_made_due(email))
        assert email.status == Email.Status.FAILED

        email = send(email_retry(email=email))
        assert (email.status, email.attempts) == (Email.Status.SENDING, 1)
        assert send(email_made_due(email)).status == Email.Status.SENT


class TestPatience:
    """The answer to the whole message is worth waiting for: without it the message is sent twice."""

    def test_is_longer_for_the_answer_to_the_whole_message(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        settings.EMAIL_TIMEOUT, settings.EMAIL_TIMEOUT_AFTER_DATA = 2 * LITTLE, MUCH
        smtp.seconds_per_message = 2.5 * LITTLE
        email = send(email_asked_for())
        assert (email.status, email.attempts) == (Email.Status.SENT, 1)

    def test_is_short_again_for_the_next_one(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        settings.EMAIL_TIMEOUT, settings.EMAIL_TIMEOUT_AFTER_DATA = LITTLE, MUCH
        send(email_asked_for())
        smtp.fail("data", SILENCE)

        began = time.monotonic()
        assert send(email_asked_for()).failed_attempts.count() == 1
        assert time.monotonic() - began < 0.8 * MUCH


class TestNotReached:
    def test_does_not_use_up_the_attempts(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        """That nobody answers says nothing about the e-mail: a server that is down for a day must not end it."""
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 2
        smtp.fail("connect", *[HANG_UP] * 5)
        smtp.fail("mail", "451 later")
        email = email_asked_for()
        for _ in range(6):
            email = send(email_made_due(email))
            assert email.status == Email.Status.SENDING
        assert email.attempts == 6
        assert send(email_made_due(email)).status == Email.Status.SENT

    def test_is_no_reason_to_give_up_after_the_last_attempt_that_counted(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 2
        smtp.fail("mail", "451 later")
        smtp.fail("connect", "220 test", HANG_UP)
        email = email_asked_for()
        email = send(email)
        assert (email.status, email.attempts) == (Email.Status.SENDING, 1)
        farewell()
        email = send(email_made_due(email))
        assert (email.status, email.attempts) == (Email.Status.SENDING, 2)
        assert send(email_made_due(email)).status == Email.Status.SENT

    def test_leaves_as_many_attempts_as_there_were(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 2
        smtp.fail("connect", *[HANG_UP] * 5)
        smtp.fail("mail", "451 later", "451 later")
        email = email_asked_for()
        for _ in range(6):
            email = send(email_made_due(email))
            assert email.status == Email.Status.SENDING
        assert email.attempts == 6
        assert send(email_made_due(email)).status == Email.Status.FAILED

    def test_ends_when_the_first_failure_is_too_old(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        settings.EMAIL_SENDING_MAX_AGE_SECONDS = 3600
        smtp.fail("connect", HANG_UP, HANG_UP)
        email = send(email_asked_for())
        assert email.status == Email.Status.SENDING
        long_ago = timezone.now() - timedelta(hours=2)
        Email.objects.update(queued_at=long_ago)
        email.failed_attempts.update(ended_at=long_ago)
        assert send(email_made_due(email)).status == Email.Status.FAILED
