"""One connection for each thread, kept over messages."""

import os
from collections.abc import Sequence

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from styleguide_example.common.tests.racing import race
from styleguide_example.emails import connections
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailGivenUpError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_send
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.smtp_server import HANG_UP, SMTPServer


@pytest.mark.django_db
class TestKeptConnection:
    def test_carries_one_message_after_the_other(self, smtp: SMTPServer) -> None:
        for _ in range(3):
            email_send(email=email_asked_for())
        assert (smtp.connections, smtp.farewells, len(smtp.received)) == (1, 0, 3)

    @pytest.mark.parametrize("farewell", [HANG_UP, "421 idle for too long"])
    def test_is_opened_again_when_the_server_hung_up_in_between(self, smtp: SMTPServer, farewell: str) -> None:
        """Nobody's fault, so not an attempt."""
        smtp.fail("next", farewell)
        emails = [email_send(email=email_asked_for()) for _ in range(3)]

        assert [email.attempts for email in emails] == [1, 1, 1]
        assert not any(email.failed_attempts.exists() for email in emails)
        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert smtp.connections == 2

    def test_is_opened_again_once_only(self, smtp: SMTPServer) -> None:
        email_send(email=email_asked_for())
        smtp.fail("mail", HANG_UP, HANG_UP)
        email = email_asked_for()

        with pytest.raises(EmailAttemptFailedError):
            email_send(email=email)

        assert email.failed_attempts.get().phase == Phase.ENVELOPE
        assert smtp.connections == 2

    def test_is_not_opened_again_for_a_message_that_may_have_been_taken(self, smtp: SMTPServer) -> None:
        email_send(email=email_asked_for())
        smtp.fail("message", HANG_UP)
        email = email_asked_for()

        with pytest.raises(EmailAttemptFailedError):
            email_send(email=email)

        assert email.failed_attempts.get().kind == FailureKind.UNKNOWN_OUTCOME
        assert smtp.connections == 1

    def test_that_is_new_is_not_opened_again(self, smtp: SMTPServer) -> None:
        smtp.fail("mail", HANG_UP)
        with pytest.raises(EmailAttemptFailedError):
            email_send(email=email_asked_for())
        assert smtp.connections == 1

    def test_is_kept_after_a_refusal(self, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", "550 no such user")
        with pytest.raises(EmailGivenUpError):
            email_send(email=email_asked_for())
        email_send(email=email_asked_for())
        assert smtp.connections == 1

    def test_ends_with_a_farewell_after_so_many_messages(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_CONNECTION_MAX_MESSAGES = 2
        for _ in range(5):
            email_send(email=email_asked_for())
        assert (smtp.connections, smtp.farewells) == (3, 2)

    def test_ends_with_a_farewell_after_so_much_time(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_CONNECTION_MAX_AGE_SECONDS = 0
        for _ in range(3):
            email_send(email=email_asked_for())
        assert (smtp.connections, smtp.farewells) == (3, 2)

    def test_can_be_closed_twice(self, smtp: SMTPServer) -> None:
        email_send(email=email_asked_for())
        connections.connection_close()
        connections.connection_close()
        assert smtp.farewells == 1

    def test_can_be_closed_when_the_server_is_gone(self, smtp: SMTPServer) -> None:
        smtp.fail("next", HANG_UP)
        email_send(email=email_asked_for())
        connections.connection_close()
        assert smtp.farewells == 0


@pytest.mark.django_db(transaction=True)
class TestConnectionOfAnother:
    def test_thread_is_another(self, smtp: SMTPServer) -> None:
        emails = [email_asked_for() for _ in range(6)]

        def send(number: int) -> None:
            for email in emails[number::3]:
                email_send(email=email)
            connections.connection_close()

        race(send, runners=3)

        assert smtp.connections == 3
        assert smtp.copies() == {email.message_id: 1 for email in emails}

    def test_process_is_another(self, smtp: SMTPServer) -> None:
        """A child that used its parent's socket would talk into its conversation."""
        message = EmailMessage("Hello", "Hello", "sender@example.org", ["ada@example.org"])
        connections.message_send(message)

        child = os.fork()
        if not child:
            try:
                connections.message_send(message)
                connections.connection_close()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert (smtp.connections, len(smtp.received), smtp.farewells) == (2, 2, 1)

        connections.message_send(message)
        assert (smtp.connections, len(smtp.received), smtp.farewells) == (2, 3, 1)


class _Broken(BaseEmailBackend):
    """Somebody else's backend, on a bad day."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise ConnectionResetError("Gone.")


class _NeverOpens(BaseEmailBackend):
    def open(self) -> bool | None:
        raise TimeoutError("Nobody there.")


@pytest.mark.django_db
class TestBackendOfOthers:
    def test_that_does_not_raise_has_sent_it(self, settings: Settings, mailoutbox: list[EmailMessage]) -> None:
        connections.connection_forget()
        email = email_send(email=email_asked_for(to=["ada@example.org"]))

        assert (email.status, email.delivered_to) == (Email.Status.SENT, ["ada@example.org"])
        assert len(mailoutbox) == 1

    @pytest.mark.parametrize(
        ("backend", "kind", "phase"),
        [
            (_Broken, FailureKind.UNKNOWN_OUTCOME, Phase.AFTER_DATA),
            (_NeverOpens, FailureKind.TRANSIENT, Phase.CONNECT),
        ],
    )
    def test_that_fails_is_tried_again(
        self, settings: Settings, backend: type[BaseEmailBackend], kind: FailureKind, phase: Phase
    ) -> None:
        connections.connection_forget()
        settings.EMAIL_BACKEND = f"{__name__}.{backend.__name__}"
        email = email_asked_for()

        with pytest.raises(EmailAttemptFailedError):
            email_send(email=email)

        attempt = email.failed_attempts.get()
        assert (attempt.kind, attempt.phase) == (kind, phase)
        connections.connection_forget()
