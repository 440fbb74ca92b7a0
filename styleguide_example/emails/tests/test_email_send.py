import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common import leases
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails import bursts, services
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import EmailNotClaimedError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import Attachment, email_send, email_sweep
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tasks import email_send_due as email_send_due_task
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended, email_made_due
from styleguide_example.emails.tests.sending import Send
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db

AGO = timedelta(minutes=-1)
CLOCK = timedelta(milliseconds=2)  # SQLite's has milliseconds


class TestEmailSend:
    def test_sends_what_the_row_says(self, smtp: SMTPServer, send: Send) -> None:
        email = send(email_asked_for(to=["Ada <ada@example.org>"], subject="Hé"))

        assert email.status == Email.Status.SENT
        (received,) = smtp.received
        assert received.recipients == ["ada@example.org"]
        assert received.message["Subject"] == "Hé"
        assert received.message_id == email.message_id

    def test_records_when_for_whom_and_what_the_server_said(self, smtp: SMTPServer, send: Send) -> None:
        before = timezone.now()
        email = send(email_asked_for(to=["ada@example.org"], bcc=["bob@example.org"]))

        assert before - CLOCK <= email.updated_at <= timezone.now() + CLOCK
        assert email.sent_at is not None
        assert before - CLOCK <= email.sent_at <= timezone.now() + CLOCK
        assert email.ended_at == email.sent_at
        assert email.delivered_to == ["ada@example.org", "bob@example.org"]
        assert (email.smtp_reply, email.attempts, email.refused) == ("250 taken 1", 1, {})
        assert (email.last_error, email.last_error_kind, email.next_attempt_at) == ("", "", None)
        assert (email.lease_token, email.lease_owner, email.lease_expires_at) == (None, "", None)
        assert not email.failed_attempts.exists()

    def test_asks_the_database_nine_times(
        self, smtp: SMTPServer, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        email = email_asked_for()
        # claim (begin, update, commit), read, attachments, mark before the wire, record, read; and, once a second,
        # whether the server is slowed down
        with django_assert_num_queries(9):
            email_send(email=email)

    def test_asks_the_database_no_more_for_many_attachments(
        self, smtp: SMTPServer, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        email = email_asked_for(attachments=[Attachment(name, name.encode()) for name in "abcdef"])
        with django_assert_num_queries(9):
            email_send(email=email)


def _ready() -> Email:
    return EmailFactory.create()


def _sent() -> Email:
    return email_ended(Email.Status.SENT)


def _failed() -> Email:
    return email_ended(Email.Status.FAILED)


def _cancelled() -> Email:
    return email_ended(Email.Status.CANCELLED)


def _not_due() -> Email:
    return email_asked_for(send_after=timezone.now() - AGO)


def _expired() -> Email:
    return email_asked_for(expires_at=timezone.now() + AGO)


def _given_up() -> Email:
    email = email_asked_for()
    Email.objects.update(next_attempt_at=None)
    return email


def _held() -> Email:
    email = email_asked_for()
    leases.lease_claim(Email.objects.filter(pk=email.pk), owner="other", seconds=60)
    return email


def _held_by_the_dead() -> Email:
    email = email_asked_for()
    leases.lease_claim(Email.objects.filter(pk=email.pk), owner="other", seconds=-1)
    return email


class TestEmailSendRefuses:
    @pytest.mark.parametrize(
        "email_in_state",
        [_ready, _sent, _failed, _cancelled, _not_due, _expired, _given_up, _held, _held_by_the_dead],
    )
    def test_what_is_not_its_to_send_and_changes_nothing(
        self, smtp: SMTPServer, send: Send, email_in_state: Callable[[], Email]
    ) -> None:
        email = email_in_state()
        if email.status != Email.Status.SENDING:  # whatever the other columns say
            Email.objects.update(next_attempt_at=timezone.now() + AGO)
        before = Email.objects.values().get()

        send(email)

        assert smtp.received == []
        assert smtp.connections == 0
        assert Email.objects.values().get() == before

    @pytest.mark.parametrize("email_in_state", [_sent, _not_due, _held])
    def test_what_is_not_its_to_send_and_says_so(self, smtp: SMTPServer, email_in_state: Callable[[], Email]) -> None:
        email = email_in_state()
        with pytest.raises(EmailNotClaimedError, match=f"E-mail {email.pk} cannot be sent now"):
            email_send(email=email)

    def test_an_email_that_was_deleted(self, smtp: SMTPServer, send: Send) -> None:
        email = email_asked_for()
        Email.objects.all().delete()
        send(email)
        assert smtp.connections == 0

    @pytest.mark.parametrize(
        "door",
        [
            lambda email: services.email_send(email=email),
            lambda email: services.email_queue(email=email),
            lambda email: services.email_retry(email=email),
            lambda email: services.email_cancel(email=email),
            lambda email: services.email_failed(email=email),
            lambda email: services.email_send_all(emails=Email.objects.all()),
            lambda _: services.email_sweep(),
            lambda email: email_send_task.apply(kwargs={"email_id": email.pk}),
            lambda _: bursts.emails_send_due(owner="the-task"),
            lambda _: email_send_due_task.apply(),
        ],
    )
    def test_to_send_a_sent_one_again_by_any_door(self, smtp: SMTPServer, door: Callable[[Email], Any]) -> None:
        email = email_send(email=email_asked_for())
        before = Email.objects.values().get()

        with contextlib.suppress(ConflictError):  # a refusal is as good as doing nothing
            door(email)
        email_sweep()

        assert Email.objects.values().get() == before
        assert smtp.copies() == {email.message_id: 1}


class TestEmailSendRecordsWhatIsNotTheServersFault:
    @pytest.mark.parametrize(
        "broken",
        [
            {"to": ["a, b"]},
            {"to": []},
            {"headers": {"X-A": "a\nBcc: eve@example.org"}},
            {"subject": "a\nb"},
            {"from_email": "a\nb@example.org"},
        ],
    )
    def test_a_row_that_cannot_be_a_message_ends_at_once(
        self, smtp: SMTPServer, send: Send, broken: dict[str, Any]
    ) -> None:
        """Written by hand, past the service that refuses it."""
        email = email_asked_for()
        Email.objects.update(**broken)

        email = send(email)

        assert (email.status, email.next_attempt_at, email.lease_token) == (Email.Status.FAILED, None, None)
        assert email.failed_attempts.get().kind == FailureKind.PERMANENT
        assert smtp.received == []

    def test_an_error_that_nobody_foresaw_is_tried_again_and_told(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        settings.EMAIL_BACKEND = "no.such.backend"
        email = send(email_asked_for())

        assert "ModuleNotFoundError" in email.last_error
        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.number) == (FailureKind.BUG, 1)
        assert "No module named" in attempt.error

        settings.EMAIL_BACKEND = "styleguide_example.emails.backends.SMTPBackend"
        assert send(email_made_due(email)).status == Email.Status.SENT

    def test_an_error_that_quotes_what_a_database_cannot_store_is_recorded_without_it(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.Babbling"
        email = send(email_asked_for())
        assert email.last_error == email.failed_attempts.get().error == "RuntimeError: nothing and nothing"

    def test_an_error_that_nobody_foresaw_ends_with_the_attempts(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        settings.EMAIL_BACKEND = "no.such.backend"
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 1
        assert send(email_asked_for()).status == Email.Status.FAILED

    def test_a_fault_on_purpose_is_one_for_now(self, smtp: SMTPServer, send: Send, settings: Settings) -> None:
        settings.EMAIL_SENDING_FAILURE_TRIGGER = True
        settings.EMAIL_SENDING_FAILURE_RATE = 1
        email = send(email_asked_for())

        assert "on purpose" in email.last_error
        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.phase) == (FailureKind.TRANSIENT, Phase.ENVELOPE)
        assert smtp.connections == 0

    @pytest.mark.parametrize(("trigger", "rate"), [(True, 0), (False, 1)])
    def test_no_fault_on_purpose_unless_both_settings_say_so(
        self, smtp: SMTPServer, send: Send, settings: Settings, trigger: object, rate: float
    ) -> None:
        settings.EMAIL_SENDING_FAILURE_TRIGGER = trigger
        settings.EMAIL_SENDING_FAILURE_RATE = rate
        assert send(email_asked_for()).status == Email.Status.SENT


class Babbling:
    """A mail backend whose error holds a NUL."""

    def __init__(self, **_: Any) -> None:
        raise RuntimeError("nothing\x00 and nothing")
