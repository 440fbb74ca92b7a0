import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from styleguide_example.embedded.catcher import catcher_start, is_loopback
from styleguide_example.embedded.mailbox import caught_list

LIMIT = 10_000


@pytest.fixture
def server(directory: Path, port: int) -> Iterator[smtplib.SMTP]:
    """A conversation with a catcher, greeted."""
    controller = catcher_start(directory=directory, host="127.0.0.1", port=port, message_max_bytes=LIMIT)
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=5) as client:
        client.ehlo()
        yield client
    controller.stop()


def _letter(text: str = "Hello") -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Ada <ada@example.com>", "grace@example.com", "Grüße"
    letter.set_content(text)
    return letter


class TestCatcherStart:
    def test_keeps_the_message_its_envelope_and_its_time(self, server: smtplib.SMTP, directory: Path) -> None:
        began = time.time()

        server.send_message(
            _letter(), from_addr="bounce@example.com", to_addrs=["grace@example.com", "bcc@example.com"]
        )

        (mail,) = caught_list(directory)
        assert mail.envelope_from == "bounce@example.com"
        assert mail.envelope_to == ("grace@example.com", "bcc@example.com")
        assert began <= mail.caught_at.timestamp() <= time.time()
        assert (mail.sender, mail.subject, mail.text) == ("Ada <ada@example.com>", "Grüße", "Hello\n")

    def test_has_stored_the_message_when_it_accepts_it(self, server: smtplib.SMTP, directory: Path) -> None:
        server.mail("ada@example.com")
        server.rcpt("grace@example.com")
        code, reply = server.data(b"Subject: Stored\r\n\r\nHello\r\n")

        (mail,) = caught_list(directory)
        assert (code, reply.decode()) == (250, f"2.0.0 Caught as {mail.key}")
        assert mail.source == b"Subject: Stored\r\n\r\nHello\r\n"

    def test_accepts_nothing_that_it_cannot_store(self, server: smtplib.SMTP, directory: Path) -> None:
        directory.write_text("a file where the mailbox should be")
        server.mail("ada@example.com")
        server.rcpt("grace@example.com")

        code, _ = server.data(b"Subject: Lost?\r\n\r\n")

        assert code == 452

    def test_refuses_a_message_over_the_limit(self, server: smtplib.SMTP, directory: Path) -> None:
        server.mail("ada@example.com")
        server.rcpt("grace@example.com")
        code, _ = server.data(b"x" * 900 + b"\r\n" + b"y\r\n" * LIMIT)

        assert code == 552
        assert caught_list(directory) == []

    def test_refuses_an_announced_size_before_it_is_sent(self, server: smtplib.SMTP) -> None:
        with pytest.raises(smtplib.SMTPSenderRefused, match="552"):
            server.send_message(_letter("x\n" * LIMIT))

    def test_takes_one_message_after_the_other(self, server: smtplib.SMTP, directory: Path) -> None:
        for _ in range(3):
            server.send_message(_letter())

        assert len(caught_list(directory)) == 3

    def test_keeps_an_address_that_is_no_text(self, server: smtplib.SMTP, directory: Path) -> None:
        server.putcmd(b"MAIL FROM:<ada@example.com>".decode())
        server.getreply()
        server.send(b"RCPT TO:<\xff@example.com>\r\n")
        server.getreply()
        server.data(b"Subject: Odd\r\n\r\n")

        (mail,) = caught_list(directory)
        assert mail.envelope_to == ("\ufffd@example.com",)

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "mail.example.com", ""])  # noqa: S104  refused
    def test_listens_on_this_machine_alone(self, directory: Path, port: int, host: str) -> None:
        with pytest.raises(ValueError, match="is not this machine"):
            catcher_start(directory=directory, host=host, port=port)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_is_loopback(host: str) -> None:
    assert is_loopback(host)
