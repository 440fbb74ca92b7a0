"""Errors on demand, over real sockets: what a client sees, and that the product's e-mail arrives all the same."""

import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.emails import connections, limits
from styleguide_example.emails.models import Email, Suppression
from styleguide_example.emails.tests.factories import email_asked_for, email_made_due
from styleguide_example.emails.tests.sending import send_alone
from styleguide_example.embedded.answers import Answer, Order, Stage, answer_order, answers_path, answers_read
from styleguide_example.embedded.catcher import catcher_start
from styleguide_example.embedded.mailbox import caught_list

SILENCE_SECONDS = 0.3

pytestmark = pytest.mark.once


@pytest.fixture
def silence_seconds() -> float:
    """A moment only; a test may ask for more."""
    return SILENCE_SECONDS


@pytest.fixture
def catcher(directory: Path, port: int, silence_seconds: float) -> Iterator[int]:
    """The port of a mail catcher."""
    controller = catcher_start(directory=directory, host="127.0.0.1", port=port, silence_seconds=silence_seconds)
    yield port
    controller.stop()


def _send(port: int, *to: str) -> str:
    """Send a message. Returns what became of it."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=5) as client:
        try:
            client.sendmail("hello@example.com", to or ("ada@example.com",), b"Subject: Hello\r\n\r\nHello\r\n")
        except smtplib.SMTPRecipientsRefused as error:
            return " ".join(f"{code} at RCPT" for code, _ in error.recipients.values())
        except smtplib.SMTPResponseException as error:
            return f"{error.smtp_code} at DATA"
        except smtplib.SMTPServerDisconnected:
            return "cut"
    return "taken"


class TestCatcher:
    @pytest.mark.parametrize(
        ("order", "first", "kept"),
        [
            (Order(Answer.LATER, Stage.DATA), "451 at DATA", 1),
            (Order(Answer.NEVER, Stage.DATA), "550 at DATA", 1),
            (Order(Answer.CUT, Stage.DATA), "cut", 1),
            (Order(Answer.LATER, Stage.RCPT), "451 at RCPT", 1),
            (Order(Answer.CUT, Stage.RCPT), "cut", 1),
            (Order(Answer.CUT, Stage.TAKEN), "cut", 2),
        ],
    )
    def test_gives_the_next_message_what_was_ordered_and_takes_the_one_after_it(
        self, catcher: int, directory: Path, order: Order, first: str, kept: int
    ) -> None:
        answer_order(answers_path(directory), order)

        assert [_send(catcher), _send(catcher)] == [first, "taken"]
        assert len(caught_list(directory)) == kept

    @pytest.mark.parametrize("stage", Stage)
    def test_is_silent_and_goes_on(self, catcher: int, directory: Path, stage: Stage) -> None:
        answer_order(answers_path(directory), Order(Answer.SILENCE, stage))
        began = time.monotonic()

        assert _send(catcher) == "taken"
        assert time.monotonic() - began >= SILENCE_SECONDS
        assert len(caught_list(directory)) == 1

    def test_refuses_all_recipients_of_one_message_and_counts_that_once(self, catcher: int, directory: Path) -> None:
        answer_order(answers_path(directory), Order(Answer.LATER, Stage.RCPT, left=2))

        assert _send(catcher, "ada@example.com", "grace@example.com") == "451 at RCPT 451 at RCPT"
        assert answers_read(answers_path(directory)).order == Order(Answer.LATER, Stage.RCPT, left=1)

    @pytest.mark.parametrize("silence_seconds", [60.0])  # longer than any machine stalls, and nobody waits for it
    def test_bears_a_client_that_does_not_wait(self, catcher: int, directory: Path) -> None:
        answer_order(answers_path(directory), Order(Answer.SILENCE, Stage.DATA))
        client = smtplib.SMTP("127.0.0.1", catcher, local_hostname="localhost", timeout=5)
        client.ehlo()
        client.mail("hello@example.com")
        client.rcpt("ada@example.com")
        client.docmd("DATA")
        client.send(b"Subject: Impatient\r\n\r\n.\r\n")
        wait_until(lambda: answers_read(answers_path(directory)).order is None)  # now the catcher is silent
        assert client.sock is not None
        client.sock.settimeout(0.1)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            client.getreply()

        assert _send(catcher) == "taken"
        assert [mail.subject for mail in caught_list(directory)] == ["Hello"]


@pytest.mark.django_db
class TestProduct:
    @pytest.fixture(autouse=True)
    def _sends_to_the_catcher(self, catcher: int, settings: Settings) -> Iterator[None]:
        settings.EMAIL_BACKEND = "styleguide_example.emails.backends.SMTPBackend"
        settings.EMAIL_PORT = catcher
        settings.EMAIL_SLOW_DOWN_PAUSE_SECONDS, settings.EMAIL_SLOW_DOWN_RECOVERY_SECONDS = 0, 0.001
        connections.connection_forget()
        limits.gate_forget()
        yield
        connections.connection_close()

    @pytest.mark.parametrize(
        ("order", "times"),
        [
            (Order(Answer.LATER, Stage.DATA, left=2), 1),
            (Order(Answer.LATER, Stage.RCPT, left=2), 1),
            (Order(Answer.CUT, Stage.RCPT), 1),
            (Order(Answer.CUT, Stage.DATA), 1),
            (Order(Answer.CUT, Stage.TAKEN), 2),
            (Order(Answer.SILENCE, Stage.DATA), 1),
        ],
    )
    def test_delivers_all_the_same(self, directory: Path, order: Order, times: int) -> None:
        answer_order(answers_path(directory), order)
        email = email_asked_for()

        for _ in range(3):
            email = send_alone(email_made_due(email)) if email.status == Email.Status.SENDING else email

        assert email.status == Email.Status.SENT
        assert [mail.message_id for mail in caught_list(directory)] == [email.message_id] * times
        assert answers_read(answers_path(directory)).order is None

    def test_fails_at_once_when_it_is_refused_for_good_and_suppresses_nobody(self, directory: Path) -> None:
        answer_order(answers_path(directory), Order(Answer.NEVER, Stage.RCPT))

        email = send_alone(email_asked_for())

        assert email.status == Email.Status.FAILED
        assert email.smtp_reply.startswith("550 5.7.1")
        assert not Suppression.objects.exists()
