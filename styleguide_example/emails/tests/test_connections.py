"""One connection for each thread, kept over messages."""

import os
import select
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.emails import connections
from styleguide_example.emails.backends import SMTPBackend
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailGivenUpError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_send
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.smtp_server import HANG_UP, SILENCE, SMTPServer


def _message() -> EmailMessage:
    return EmailMessage("Hello", "Hello", "sender@example.org", ["ada@example.org"])


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

    def test_is_not_opened_again_to_hear_the_same_refusal(self, smtp: SMTPServer) -> None:
        """A refusal is an answer, even when the connection cannot be used any more after it."""
        email_send(email=email_asked_for())
        smtp.fail("rcpt", "550 no such user")
        smtp.fail("rset", HANG_UP)
        with pytest.raises(EmailGivenUpError):
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


class TestIdleConnection:
    """Talked to without a row: whoever sends in a thread has no database."""

    def test_is_used_as_it_is_after_a_moment(self, smtp: SMTPServer) -> None:
        connections.message_send(_message())
        assert connections.connection_is_ready()
        connections.connection_ensure()
        assert (smtp.connections, smtp.commands["NOOP"]) == (1, 0)

    def test_is_asked_after_a_while_and_then_used(self, smtp: SMTPServer, settings: Settings) -> None:
        connections.message_send(_message())
        settings.EMAIL_CONNECTION_MAX_IDLE_SECONDS = 0
        assert not connections.connection_is_ready()
        connections.connection_ensure()
        assert (smtp.connections, smtp.commands["NOOP"]) == (1, 1)

        settings.EMAIL_CONNECTION_MAX_IDLE_SECONDS = 30
        assert connections.connection_is_ready()

    @pytest.mark.parametrize("answer", [HANG_UP, SILENCE, "421 idle for too long", "500 what?"])
    def test_that_does_not_answer_is_opened_anew(self, smtp: SMTPServer, settings: Settings, answer: str) -> None:
        settings.EMAIL_TIMEOUT = 1
        connections.message_send(_message())
        settings.EMAIL_CONNECTION_MAX_IDLE_SECONDS = 0
        smtp.fail("noop", answer)
        connections.connection_ensure()
        connections.message_send(_message())
        assert (smtp.connections, smtp.farewells, len(smtp.received)) == (2, 0, 2)

    @pytest.mark.parametrize("farewell", [HANG_UP, "421 idle for too long"])
    def test_that_the_server_closed_is_noticed_without_asking(
        self, smtp: SMTPServer, settings: Settings, farewell: str
    ) -> None:
        backend = connections.connection_ensure()
        assert isinstance(backend, SMTPBackend)
        assert backend.connection is not None
        socket = backend.connection.sock
        assert socket is not None
        smtp.fail("next", farewell)
        connections.message_send(_message())
        assert select.select([socket], [], [], 10)[0]

        assert not connections.connection_is_ready()
        connections.connection_ensure()
        assert (smtp.connections, smtp.commands["NOOP"]) == (2, 0)
        assert connections.connection_is_ready()

    def test_is_not_ready_before_it_is_open_nor_when_it_is_worn(self, smtp: SMTPServer, settings: Settings) -> None:
        assert not connections.connection_is_ready()
        connections.connection_ensure()
        assert connections.connection_is_ready()
        settings.EMAIL_CONNECTION_MAX_MESSAGES = 0
        assert not connections.connection_is_ready()
        assert smtp.connections == 1


class TestFarewell:
    def test_does_not_wait_long_for_an_answer(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_TIMEOUT = 60
        connections.message_send(_message())
        smtp.fail("quit", SILENCE)
        began = time.monotonic()
        connections.connection_close()
        assert time.monotonic() - began < 10

    def test_is_said_by_each_thread_for_its_own(self, smtp: SMTPServer) -> None:
        connections.message_send(_message())

        def send(_: int) -> None:
            connections.message_send(_message())
            connections.connection_close()

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(send, range(6)))

        assert smtp.farewells == smtp.connections - 1
        assert connections.connection_is_ready()

    def test_is_said_for_threads_that_ended_without_a_word_and_for_none_that_lives(self, smtp: SMTPServer) -> None:
        with meanwhile(lambda: connections.message_send(_message())):
            pass
        is_sent, is_over = threading.Event(), threading.Event()

        def live_on() -> bool:
            connections.message_send(_message())
            is_sent.set()
            is_over.wait(10)
            is_ready = connections.connection_is_ready()
            connections.connection_close()
            return is_ready

        with meanwhile(live_on) as living:
            assert is_sent.wait(10)
            connections.connections_farewell()
            assert (smtp.connections, smtp.farewells) == (2, 1)
            is_over.set()
            assert living.result()
        connections.connections_farewell()
        assert smtp.farewells == 2


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
        message = _message()
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
