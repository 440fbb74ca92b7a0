"""The server answers, and the answer is no."""

import traceback
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailGivenUpError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_failed, email_retry, email_send
from styleguide_example.emails.tests.factories import email_asked_for, email_made_due
from styleguide_example.emails.tests.sending import Send
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db

FOR_NOW = ["421 closing", "450 mailbox busy", "451 local error", "452 too many", "454 later"]
FOR_GOOD = ["500 what", "550 no such user", "552 too big", "553 bad name", "554 no"]
PHASES = {"mail": Phase.ENVELOPE, "rcpt": Phase.ENVELOPE, "data": Phase.DATA, "message": Phase.AFTER_DATA}


class TestEmailSendRefused:
    @pytest.mark.parametrize("step", PHASES)
    @pytest.mark.parametrize("answer", FOR_NOW)
    def test_for_now_is_tried_again_and_then_sent_once(
        self, smtp: SMTPServer, send: Send, step: str, answer: str
    ) -> None:
        smtp.fail(step, answer)
        before = timezone.now()
        email = send(email_asked_for())

        assert (email.status, email.lease_token, email.attempts) == (Email.Status.SENDING, None, 1)
        assert email.next_attempt_at is not None
        assert email.next_attempt_at > before
        assert (email.last_error_kind, email.smtp_reply) == (FailureKind.TRANSIENT, answer)
        attempt = email.failed_attempts.get()
        assert (attempt.number, attempt.kind, attempt.phase) == (1, FailureKind.TRANSIENT, PHASES[step])
        assert (attempt.smtp_code, attempt.smtp_reply) == (int(answer[:3]), answer)
        assert not email_failed(email=email)

        assert send(email_made_due(email)).status == Email.Status.SENT
        assert smtp.copies() == {email.message_id: 1}

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_for_now_is_due_again_by_the_clock_of_the_database(
        self, smtp: SMTPServer, send: Send, settings: Settings, hours: int
    ) -> None:
        smtp.fail("rcpt", "450 mailbox busy")
        with time_machine.travel(timedelta(hours=hours)):  # the worker's own
            email = send(email_asked_for())

        assert email.next_attempt_at is not None
        waits = (email.next_attempt_at - timezone.now()).total_seconds()
        assert -5 < waits <= settings.EMAIL_SENDING_BACKOFF_SECONDS
        age = (timezone.now() - email.failed_attempts.get().ended_at).total_seconds()
        assert -1 < age < 5

    @pytest.mark.parametrize("step", PHASES)
    @pytest.mark.parametrize("answer", FOR_GOOD)
    def test_for_good_is_never_tried_again(self, smtp: SMTPServer, send: Send, step: str, answer: str) -> None:
        smtp.fail(step, answer)
        email = send(email_asked_for())

        assert (email.status, email.next_attempt_at, email.lease_token) == (Email.Status.FAILED, None, None)
        assert answer in email.last_error
        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.phase) == (FailureKind.PERMANENT, PHASES[step])
        assert (attempt.smtp_code, attempt.smtp_reply) == (int(answer[:3]), answer)
        assert smtp.received == []

    def test_for_now_tells_the_caller_when_to_come_again(self, smtp: SMTPServer) -> None:
        smtp.fail("mail", "451 later")
        email = email_asked_for()
        with pytest.raises(EmailAttemptFailedError, match=f"E-mail {email.pk}, attempt 1: .*451") as raised:
            email_send(email=email)
        email.refresh_from_db()
        assert raised.value.retry_at == email.next_attempt_at

    @pytest.mark.parametrize("step", PHASES)
    @pytest.mark.parametrize("code", [451, 550])
    def test_quotes_nothing_of_the_message_in_a_traceback(self, smtp: SMTPServer, step: str, code: int) -> None:
        """Some servers say what they refuse; the logs of workers, and their monitors' events, have tracebacks."""
        smtp.fail(step, f"{code} you wrote: snapdragon")
        email = email_asked_for()
        with pytest.raises((EmailAttemptFailedError, EmailGivenUpError)) as raised:
            email_send(email=email)
        email.refresh_from_db()
        assert "snapdragon" in email.last_error, "Who may read the row may read it."
        assert "snapdragon" not in "".join(traceback.format_exception(raised.value))

    def test_for_good_tells_the_caller_who_has_to_end_it(self, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", "550 no such user")
        email = email_asked_for()
        with pytest.raises(EmailGivenUpError, match=r"permanent at .*, 550; the row has the server's words"):
            email_send(email=email)
        email.refresh_from_db()
        assert "550 no such user" in email.last_error
        assert email.status == Email.Status.SENDING
        assert email_failed(email=email)

    @pytest.mark.parametrize(
        ("step", "answers", "code"),
        [
            ("connect", ["421 busy"], 421),
            ("connect", ["554 no service"], 554),
            ("ehlo", ["421 busy"], None),
            ("ehlo", ["550 who", "550 who"], 550),
        ],
    )
    def test_at_the_door_is_always_for_now(
        self, smtp: SMTPServer, send: Send, step: str, answers: list[str], code: int | None
    ) -> None:
        """The server judged us, not the e-mail."""
        smtp.fail(step, *answers)
        email = send(email_asked_for())

        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.phase, attempt.smtp_code) == (FailureKind.TRANSIENT, Phase.CONNECT, code)
        assert send(email_made_due(email)).status == Email.Status.SENT

    @pytest.mark.parametrize("answer", ["530 sign in first", "534 too weak", "535 wrong password", "538 TLS first"])
    @pytest.mark.parametrize("step", ["mail", "rcpt"])
    def test_for_want_of_a_sign_in_is_for_now(self, smtp: SMTPServer, send: Send, step: str, answer: str) -> None:
        """A wrong password in the settings must not end all e-mails of the day (RFC 4954 6)."""
        smtp.fail(step, answer)
        email = send(email_asked_for())

        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.smtp_code) == (FailureKind.TRANSIENT, int(answer[:3]))
        assert send(email_made_due(email)).status == Email.Status.SENT

    @pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
    def test_with_what_is_not_smtp_is_for_now(self, smtp: SMTPServer, send: Send, step: str) -> None:
        smtp.fail(step, "<html>Bad Gateway</html>")
        email = send(email_asked_for())

        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.phase, attempt.smtp_code) == (FailureKind.TRANSIENT, PHASES[step], None)
        assert send(email_made_due(email)).status == Email.Status.SENT

    def test_leaves_the_connection_fit_for_the_next_email(self, smtp: SMTPServer, send: Send) -> None:
        for step in PHASES:
            smtp.fail(step, "550 no")
            assert send(email_asked_for()).status == Email.Status.FAILED
        send(email_asked_for())
        assert (len(smtp.received), smtp.connections) == (1, 1)

    def test_with_a_long_story_keeps_the_beginning_of_it(self, smtp: SMTPServer, send: Send) -> None:
        smtp.fail("mail", "\r\n".join([*(f"550-{'very ' * 80}long" for _ in range(5)), "550 end"]))
        email = send(email_asked_for())

        reply = email.failed_attempts.get().smtp_reply
        assert reply.startswith("550 very very")
        assert len(reply) == 1000

    def test_with_what_a_database_cannot_store_is_recorded_without_it(self, smtp: SMTPServer, send: Send) -> None:
        smtp.fail("rcpt", "550 no\x00 such user")
        assert send(email_asked_for()).failed_attempts.get().smtp_reply == "550 no such user"

    def test_with_a_story_in_its_yes_is_recorded_without_what_a_database_cannot_store(
        self, smtp: SMTPServer, send: Send
    ) -> None:
        smtp.fail("message", '250 "taken"\x00 \\ %s \u2028 é')
        email = send(email_asked_for())
        assert (email.status, email.smtp_reply) == (Email.Status.SENT, '250 "taken" \\ %s é')


class TestNextAttempt:
    @pytest.mark.parametrize(("attempts", "at_most"), [(0, 30), (1, 60), (2, 120), (6, 600), (8, 600)])
    def test_is_due_within_the_backoff_for_its_number(
        self, smtp: SMTPServer, send: Send, settings: Settings, attempts: int, at_most: int
    ) -> None:
        settings.EMAIL_SENDING_BACKOFF_SECONDS = 30
        settings.EMAIL_SENDING_BACKOFF_MAX_SECONDS = 600
        smtp.fail("mail", "451 later")
        email = email_asked_for()
        Email.objects.update(attempts=attempts)

        before = timezone.now()
        email = send(email)

        assert email.next_attempt_at is not None
        assert before <= email.next_attempt_at <= timezone.now() + timedelta(seconds=at_most)

    def test_is_never_when_the_attempts_are_used_up(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 3
        smtp.fail("mail", *["451 later"] * 3)
        email = email_asked_for()

        for _ in range(2):
            email = send(email_made_due(email))
            assert email.status == Email.Status.SENDING
        email = send(email_made_due(email))

        assert (email.status, email.attempts, email.next_attempt_at) == (Email.Status.FAILED, 3, None)
        assert list(email.failed_attempts.values_list("number", flat=True)) == [1, 2, 3]

    @pytest.mark.parametrize(("first_failure_hours_ago", "status"), [(1, "sending"), (47, "sending"), (49, "failed")])
    def test_is_never_when_the_first_failure_is_too_old(
        self, smtp: SMTPServer, send: Send, settings: Settings, first_failure_hours_ago: int, status: str
    ) -> None:
        settings.EMAIL_SENDING_MAX_AGE_SECONDS = 48 * 3600
        settings.EMAIL_SENDING_BACKOFF_SECONDS = 0
        smtp.fail("mail", "451 later", "451 later")
        email = send(email_asked_for())
        Email.objects.update(queued_at=timezone.now() - timedelta(hours=60))
        email.failed_attempts.update(ended_at=timezone.now() - timedelta(hours=first_failure_hours_ago))

        assert send(email_made_due(email)).status == status

    def test_is_made_for_one_that_waited_long_for_its_first(self, smtp: SMTPServer, send: Send) -> None:
        """A broker may have been away for a week."""
        smtp.fail("mail", "451 later")
        email = email_asked_for()
        Email.objects.update(queued_at=timezone.now() - timedelta(days=7))
        email = send(email)
        assert (email.status, email.attempts) == (Email.Status.SENDING, 1)
        assert email.next_attempt_at is not None

    def test_does_not_count_failures_from_before_a_person_retried(self, smtp: SMTPServer, send: Send) -> None:
        smtp.fail("mail", "550 no", "451 later")
        email = send(email_asked_for())
        assert email.status == Email.Status.FAILED
        email.failed_attempts.update(ended_at=timezone.now() - timedelta(days=30))

        email = send(email_retry(email=email))
        assert email.status == Email.Status.SENDING
        assert email.failed_attempts.count() == 2

    def test_carries_the_same_message_id_and_message(self, smtp: SMTPServer, send: Send) -> None:
        smtp.fail("message", "250 hang up", "451 later")
        email = email_asked_for()
        for _ in range(2):
            assert send(email_made_due(email)).status == Email.Status.SENDING
        send(email_made_due(email))

        assert smtp.copies() == {email.message_id: 2}
        first, second = smtp.received
        assert first.message.get_body() is not None
        assert str(first.message["Subject"]) == str(second.message["Subject"])
