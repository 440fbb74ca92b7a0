"""What arrives: the message that the server gets for a row."""

from datetime import UTC
from email.message import EmailMessage
from typing import Any

import pytest
from pytest_django import Settings

from styleguide_example.emails.models import Email
from styleguide_example.emails.services import Attachment
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.sending import Send
from styleguide_example.emails.tests.smtp_server import Received, SMTPServer

pytestmark = pytest.mark.django_db


def _sent(smtp: SMTPServer, send: Send, **fields: Any) -> Received:
    send(email_asked_for(**fields))
    (received,) = smtp.received
    return received


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def _header_lines(received: Received) -> list[bytes]:
    return received.data.partition(b"\r\n\r\n")[0].split(b"\r\n")


class TestMessage:
    def test_has_the_text_first_and_the_html_as_the_better_alternative(self, smtp: SMTPServer, send: Send) -> None:
        message = _sent(smtp, send, html="<p>Hé</p>", plain_text="Hé\n").message
        assert message.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        assert (_part(message, "plain"), _part(message, "html")) == ("Hé\r\n", "<p>Hé</p>")

    def test_is_plain_text_alone_where_there_is_no_html(self, smtp: SMTPServer, send: Send) -> None:
        assert _sent(smtp, send, html="").message.get_content_type() == "text/plain"

    def test_names_recipients_but_not_the_hidden_ones(self, smtp: SMTPServer, send: Send) -> None:
        received = _sent(
            smtp,
            send,
            to=["Ada <ada@example.org>", "bob@example.org"],
            cc=["cc@example.org"],
            bcc=["Hidden <hidden@example.org>"],
            reply_to=["reply@example.org"],
            from_email="Sender <sender@example.org>",
            headers={"X-Campaign": "7"},
        )
        assert received.sender == "sender@example.org"
        assert received.recipients == ["ada@example.org", "bob@example.org", "cc@example.org", "hidden@example.org"]
        assert {name: received.message[name] for name in ("From", "To", "Cc", "Reply-To", "X-Campaign")} == {
            "From": "Sender <sender@example.org>",
            "To": "Ada <ada@example.org>, bob@example.org",
            "Cc": "cc@example.org",
            "Reply-To": "reply@example.org",
            "X-Campaign": "7",
        }
        assert b"hidden" not in received.data.lower()

    def test_is_sent_once_to_somebody_who_is_named_twice(self, smtp: SMTPServer, send: Send) -> None:
        received = _sent(smtp, send, to=["ada@example.org"], cc=["Ada <ada@example.org>"], bcc=["ada@example.org"])
        assert received.recipients == ["ada@example.org"]

    def test_comes_from_the_product_where_the_row_names_no_sender(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        settings.DEFAULT_FROM_EMAIL = "Product <hello@product.example>"
        received = _sent(smtp, send)
        assert (received.sender, received.message["From"]) == (
            "hello@product.example",
            "Product <hello@product.example>",
        )

    def test_carries_the_rows_message_id_and_the_present_date(self, smtp: SMTPServer, send: Send) -> None:
        received = _sent(smtp, send)
        assert received.message_id == Email.objects.get().message_id
        assert abs(received.at - received.message["Date"].datetime.replace(tzinfo=UTC).timestamp()) < 60

    @pytest.mark.parametrize(
        ("subject", "name"),
        [
            ("Grüße aus Köln", "Jürgen Müller"),
            ("ご登録ありがとうございます", "山田太郎"),
            ("👩‍💻 " * 80, "👩‍💻"),
            ("long words " * 90, "long names " * 20),
            ("x" * 997, "x" * 200),
            ("é" * 998, "é" * 200),
            ('"quoted", (commented); <angled>', "Lovelace, Ada (née Byron)"),
            ("=?utf-8?q?looks_encoded?=", "=?utf-8?q?too?="),
            ("Subject: Bcc: eve@example.org", "Bcc: eve"),
        ],
    )
    def test_keeps_subject_and_name_whatever_they_are(
        self, smtp: SMTPServer, send: Send, subject: str, name: str
    ) -> None:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        received = _sent(smtp, send, subject=subject, to=[f'"{quoted}" <ada@example.org>'])

        lines = _header_lines(received)
        assert max(map(len, lines)) <= 998
        assert {line.partition(b":")[0] for line in lines if not line.startswith((b" ", b"\t"))} == {
            b"Content-Type",
            b"MIME-Version",
            b"Subject",
            b"From",
            b"To",
            b"Date",
            b"Message-ID",
        }
        (recipient,) = received.message["To"].addresses
        assert recipient.addr_spec == "ada@example.org"
        assert received.recipients == ["ada@example.org"]

    @pytest.mark.parametrize(
        ("subject", "name"),
        [
            ("Grüße aus Köln", "Jürgen Müller"),
            ("ご登録ありがとう" * 20, "山田太郎"),
            ("👩‍💻 hello", "👩‍💻"),
            ("a, b", "Byron, A."),
        ],
    )
    def test_can_be_read_again_as_it_was_written(self, smtp: SMTPServer, send: Send, subject: str, name: str) -> None:
        message = _sent(smtp, send, subject=subject, to=[f'"{name}" <ada@example.org>']).message
        assert str(message["Subject"]).strip() == subject  # a folded one begins with a space
        assert message["To"].addresses[0].display_name == name

    def test_is_addressed_to_a_domain_in_the_form_that_smtp_speaks(self, smtp: SMTPServer, send: Send) -> None:
        received = _sent(smtp, send, to=["Ada <ada@exämple.org>"])
        assert received.recipients == ["ada@xn--exmple-cua.org"]
        assert "ada@xn--exmple-cua.org" in str(received.message["To"])

    @pytest.mark.parametrize(
        "text",
        [
            ".\n",
            "..\n",
            ".\r\n.\r\nRCPT TO:<eve@example.org>\r\n",
            "a\n.\nb\n",
            ".hidden\n",
            "a\n..\n...\n",
            "\n.\n",
            "",
            "no end",
        ],
    )
    def test_keeps_lines_that_start_with_a_dot(self, smtp: SMTPServer, send: Send, text: str) -> None:
        received = _sent(smtp, send, html="", plain_text=text)
        content = str(received.message.get_content()).replace("\r\n", "\n")
        assert content.removesuffix("\n") == text.replace("\r\n", "\n").removesuffix("\n")
        assert len(received.recipients) == 1

    @pytest.mark.parametrize("character", ["x", "é", "山", "👩"])
    def test_keeps_lines_that_are_longer_than_smtp_allows(self, smtp: SMTPServer, send: Send, character: str) -> None:
        text = character * 5000
        received = _sent(smtp, send, html=f"<p>{text}</p>", plain_text=text)
        assert _part(received.message, "plain").strip() == text
        assert _part(received.message, "html").strip() == f"<p>{text}</p>"
        assert max(map(len, received.data.split(b"\r\n"))) <= 998

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_has_no_bare_line_ends(self, smtp: SMTPServer, send: Send, end: str) -> None:
        """RFC 5321 2.3.8; with bare ones a second message can be smuggled past some servers."""
        received = _sent(smtp, send, plain_text=f"a{end}.{end}b", html=f"<p>{end}</p>")
        assert b"\n" not in received.data.replace(b"\r\n", b"")
        assert b"\r" not in received.data.replace(b"\r\n", b"")


class TestAttachments:
    @pytest.mark.parametrize(
        ("content", "content_type"),
        [
            (bytes(range(256)) * 40, "application/octet-stream"),
            (b"%PDF-1.7\r\n.\r\n", "application/pdf"),
            (b"", "application/pdf"),
            (b"a,b\n1,2\n", "text/csv"),
            (b"a,b\r\n1,2", "text/csv"),
            (b"a\rb\n\r\n.\r\n", "text/plain"),
            ("é".encode("latin-1"), "text/plain"),
            ("é\n".encode(), "text/plain"),
            (b"x" * 5000, "text/plain"),
            (b"From nobody\n", "text/plain"),
            (b'{"a": 1}\n', "application/json"),
            (b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "text/calendar"),
        ],
    )
    def test_arrive_byte_for_byte(self, smtp: SMTPServer, send: Send, content: bytes, content_type: str) -> None:
        message = _sent(smtp, send, attachments=[Attachment("file", content, content_type)]).message

        (attachment,) = message.iter_attachments()
        assert attachment.get_content_type() == content_type
        assert attachment.get_payload(decode=True) == content

    @pytest.mark.parametrize("name", ["terms.pdf", "Allgemeine Geschäftsbedingungen.pdf", 'a "b"; c.pdf', "x" * 255])
    def test_keep_their_names_and_order(self, smtp: SMTPServer, send: Send, name: str) -> None:
        message = _sent(smtp, send, attachments=[Attachment(name, b"1"), Attachment("b.bin", b"2")]).message
        attachments = list(message.iter_attachments())
        assert [attachment.get_filename() for attachment in attachments] == [name, "b.bin"]
        assert [attachment.get_payload(decode=True) for attachment in attachments] == [b"1", b"2"]

    def test_can_be_an_email_themselves(self, smtp: SMTPServer, send: Send) -> None:
        inner = b"Subject: Inner\r\n\r\nHello\r\n"
        message = _sent(smtp, send, attachments=[Attachment("inner.eml", inner, "message/rfc822")]).message
        (attachment,) = message.iter_attachments()
        assert attachment.get_content()["Subject"] == "Inner"
        assert attachment["Content-Transfer-Encoding"] in (None, "7bit", "8bit")

    def test_stand_beside_text_and_html(self, smtp: SMTPServer, send: Send) -> None:
        message = _sent(smtp, send, attachments=[Attachment("a", b"1")], html="<p>Hé</p>", plain_text="Hé").message
        assert message.get_content_type() == "multipart/mixed"
        assert "Hé" in _part(message, "plain")
        assert "<p>Hé</p>" in _part(message, "html")
