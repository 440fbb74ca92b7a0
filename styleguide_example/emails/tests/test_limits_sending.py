"""What limits do to an e-mail that is due: alone, and in a burst."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.processes import refused_port
from styleguide_example.emails import limits
from styleguide_example.emails.models import ConnectionLease, Email, SendingPace
from styleguide_example.emails.tests.factories import email_asked_for, email_made_due
from styleguide_example.emails.tests.sending import Send, farewell
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db

SENT, SENDING = Email.Status.SENT, Email.Status.SENDING


def _waits(email: Email, *, attempts: int) -> bool:
    """Whether nobody holds it, and it is due after a while."""
    is_free = (email.status, email.lease_token, email.attempts) == (SENDING, None, attempts)
    return is_free and email.next_attempt_at is not None and email.next_attempt_at > timezone.now()


class TestLimit:
    def test_of_messages_lets_an_email_wait_without_an_attempt(
        self, smtp: SMTPServer, settings: Settings, send: Send
    ) -> None:
        settings.EMAIL_LIMITS = {"default": (1 / 3600, None)}
        assert send(email_asked_for()).status == SENT

        email = send(email_asked_for())

        assert _waits(email, attempts=0)
        assert email.next_attempt_at is not None
        assert email.next_attempt_at - timezone.now() > timedelta(minutes=50)
        assert len(smtp.received) == 1

    def test_of_a_domain_holds_up_no_other(self, smtp: SMTPServer, settings: Settings, send: Send) -> None:
        settings.EMAIL_LIMITS = {"default/slow.example": (1 / 3600, None)}
        assert send(email_asked_for(to=["Ada <ada@Slow.Example>"])).status == SENT

        assert _waits(send(email_asked_for(to=["bob@slow.example"])), attempts=0)
        assert send(email_asked_for(to=["bob@fast.example"])).status == SENT

    def test_of_connections_lets_an_email_wait_while_others_have_them_all(
        self, smtp: SMTPServer, settings: Settings, send: Send
    ) -> None:
        settings.EMAIL_LIMITS = {"default": (None, 3)}
        settings.EMAIL_SENDING_BURST_SECONDS = 0.1
        ConnectionLease.objects.create(
            scope="default",
            holder="00000000-0000-0000-0000-000000000001",
            count=3,
            wanted=3,
            expires_at=timezone.now() + timedelta(seconds=30),
        )

        email = send(email_asked_for())

        assert (email.status, email.lease_token, email.attempts) == (SENDING, None, 0)
        assert smtp.connections == 0


class TestTooMuch:
    @pytest.fixture(autouse=True)
    def half_a_minute(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SLOW_DOWN_PAUSE_SECONDS = 30

    @pytest.mark.parametrize("step", ["mail", "rcpt", "data", "message"])
    def test_said_by_hanging_up_is_about_the_server(self, smtp: SMTPServer, send: Send, step: str) -> None:
        smtp.fail(step, "421 4.7.0 too many")
        assert _waits(send(email_asked_for(to=["ada@one.example"])), attempts=1)
        assert SendingPace.objects.get(level=1).scope == "default"

        send(email_asked_for(to=["bob@two.example"]))

        assert smtp.received == []

    def test_said_of_a_recipient_is_about_its_domain(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {"@one.example": "451 4.7.1 slowly"}
        assert _waits(send(email_asked_for(to=["ada@one.example"])), attempts=1)
        smtp.refusals.clear()

        assert _waits(send(email_asked_for(to=["bob@one.example"])), attempts=0)
        assert send(email_asked_for(to=["bob@two.example"])).status == SENT

    def test_said_of_one_recipient_of_several_is_about_its_domain(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {"@one.example": "451 4.7.1 slowly"}
        send(email_asked_for(to=["ada@one.example", "ada@two.example"]))
        smtp.refusals.clear()

        assert _waits(send(email_asked_for(to=["bob@one.example"])), attempts=0)
        assert send(email_asked_for(to=["bob@two.example"])).status == SENT

    def test_is_not_said_by_a_mailbox_that_is_busy(self, smtp: SMTPServer, send: Send) -> None:
        smtp.fail("rcpt", "450 4.2.1 busy")
        send(email_asked_for())
        assert not SendingPace.objects.exists()
        assert send(email_asked_for()).status == SENT


class TestServerThatIsDown:
    def test_is_replaced_by_its_fallback_until_it_is_back(
        self, smtp: SMTPServer, settings: Settings, send: Send
    ) -> None:
        settings.EMAIL_SERVER_DOWN_AFTER_FAILURES = 1
        with SMTPServer() as backup, refused_port() as port:
            server = {"BACKEND": settings.EMAIL_BACKEND, "host": "127.0.0.1", "port": backup.port, "fallback": ""}
            settings.EMAIL_SENDING_SERVERS = {"default": {"fallback": "backup"}, "backup": server}
            settings.EMAIL_PORT, there = port, settings.EMAIL_PORT
            first = send(email_asked_for())
            assert (first.status, first.attempts) == (SENDING, 1)

            assert send(email_made_due(first)).status == SENT
            assert backup.copies() == {first.message_id: 1}

            settings.EMAIL_PORT = there
            SendingPace.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
            farewell()
            limits.gate_forget()  # it looks once a second
            second = send(email_asked_for())
            farewell()

        assert smtp.copies() == {second.message_id: 1}
        assert not SendingPace.objects.filter(level__gt=0).exists()

    @pytest.mark.parametrize(
        ("step", "answers"),
        [
            ("connect", ["554 5.3.2 no service here"]),
            ("connect", ["HTTP/1.1 400 Bad Request"]),
            ("ehlo", ["550 who", "550 who"]),
            ("auth", ["535 5.7.8 wrong password"] * 2),
            ("auth", ["454 4.7.0 temporary authentication failure"] * 2),
            ("auth", ["235 welcome"]),
        ],
        ids=["no service", "not SMTP", "no hello", "wrong password", "no sign-in for now", "no sender without sign-in"],
    )
    def test_is_one_that_does_not_let_us_in_too(
        self, smtp: SMTPServer, settings: Settings, send: Send, step: str, answers: list[str]
    ) -> None:
        """It may answer as long as it likes: nothing goes out by it until a person has mended what is wrong."""
        settings.EMAIL_SERVER_DOWN_AFTER_FAILURES = 1
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = ("me", "hunter2") if step == "auth" else ("", "")
        smtp.extensions.append("AUTH PLAIN LOGIN")
        smtp.fail(step, *answers)
        smtp.fail("mail", "530 5.7.0 sign in first")
        with SMTPServer() as backup:
            server = {"BACKEND": settings.EMAIL_BACKEND, "host": "127.0.0.1", "port": backup.port, "fallback": ""}
            settings.EMAIL_SENDING_SERVERS = {"default": {"fallback": "backup"}, "backup": server}
            email = send(email_asked_for())
            assert (email.status, email.attempts) == (SENDING, 1)

            assert send(email_made_due(email)).status == SENT
            farewell()

        assert (backup.copies(), smtp.received) == ({email.message_id: 1}, [])

    @pytest.mark.parametrize(("step", "answer"), [("connect", "421 4.7.0 too many connections"), ("mail", "550 no")])
    def test_is_none_that_only_has_too_much_or_refuses_an_email(
        self, smtp: SMTPServer, settings: Settings, send: Send, step: str, answer: str
    ) -> None:
        settings.EMAIL_SERVER_DOWN_AFTER_FAILURES = 1
        settings.EMAIL_SENDING_SERVERS = {"default": {"fallback": "backup"}, "backup": {"fallback": ""}}
        smtp.fail(step, answer)
        send(email_asked_for())
        assert send(email_asked_for()).status == SENT
        assert len(smtp.received) == 1
