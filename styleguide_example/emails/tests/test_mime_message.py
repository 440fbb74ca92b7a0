"""From a row to the bytes on the wire, and when it takes Django's builder."""

import re
import secrets
from email import message_from_bytes
from email.message import Message as MIMEMessage
from email.utils import parseaddr
from itertools import count
from typing import Any

import pytest
from django.core import mail
from django.core.mail.message import sanitize_address
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.emails import mime, mime_lean
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import AttachmentContent, Email, EmailAttachment
from styleguide_example.emails.services import Attachment
from styleguide_example.emails.tests.factories import EmailFactory
from styleguide_example.emails.tests.mime_corpus import addresses, each

#: Not the end of a line to Django, which judges by ``str.splitlines``, but to nobody else.
LONG_LINE = ("x" * 600 + "\u2028") * 3

#: How the standard library's parser refuses an address, and what it does so with.
STUMBLES = (ValueError, AttributeError, IndexError, NameError, TypeError)
STUMBLED_OVER = ["<>", "a@[", "a@[ ", " .@", ".<ada@example.org>", "A.<ada@example.org>", "Ada <>"]


def _row(**fields: Any) -> Email:
    return Email(
        **{"to": ["ada@example.org"], "subject": "Hello", "plain_text": "Hé\n", "html": "<p>Hé</p>\n", **fields}
    )


def _attachment(content: bytes) -> EmailAttachment:
    stored = AttachmentContent(sha256="0", content=content)
    return EmailAttachment(content=stored, filename="a.pdf", content_type="application/pdf")


def _contents(message: MIMEMessage) -> list[Any]:
    return [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]


def _files(payload: bytes) -> list[tuple[str | None, Any]]:
    parts = message_from_bytes(payload).walk()
    return [(part.get_filename(), part.get_payload(decode=True)) for part in parts if part.get_filename()]


class TestPayload:
    def test_is_built_once(self) -> None:
        message = mime.email_to_message(_row(), [])
        assert message.payload() is message.payload()

    @pytest.mark.parametrize(
        "fields",
        [
            {"headers": {"Content-Language": "en", "Date": "Fri, 20 Nov 2026 10:00:00 -0000"}},
            {"headers": {"to": "eve@example.org"}},
            {"headers": {"subject": "Another one"}},
        ],
    )
    def test_is_djangos_where_a_header_overrules_a_field(self, fields: dict[str, Any]) -> None:
        message = mime.email_to_message(_row(html="", **fields), [])
        assert mime_lean.message_bytes(message) is None
        assert message.payload() == message.message().as_bytes(linesep="\r\n")

    def test_is_djangos_where_the_project_writes_in_another_charset(self, settings: Settings) -> None:
        settings.DEFAULT_CHARSET = "iso-8859-1"
        message = mime.email_to_message(_row(html=""), [])
        assert message_from_bytes(message.payload()).get_content_charset() == "iso-8859-1"

    def test_is_djangos_where_something_is_attached(self) -> None:
        message = mime.email_to_message(_row(), [_attachment(b"%PDF\r\n")])
        assert mime_lean.message_bytes(message) is None
        assert _files(message.payload()) == [("a.pdf", b"%PDF\r\n")]

    @pytest.mark.parametrize("attachments", [[], [_attachment(b"1")]])
    @pytest.mark.parametrize("text", [LONG_LINE, "x" * 999, "é" * 500])
    @pytest.mark.parametrize("field", ["html", "plain_text"])
    def test_has_no_line_over_998_octets_whoever_builds_it(
        self, field: str, text: str, attachments: list[EmailAttachment]
    ) -> None:
        payload = mime.email_to_message(_row(**{field: text}), attachments).payload()
        assert max(map(len, payload.split(b"\r\n"))) <= 998
        assert text.encode() in _contents(message_from_bytes(payload))

    def test_has_a_boundary_that_stands_nowhere_in_its_texts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        numbers = count()
        monkeypatch.setattr(secrets, "randbits", lambda _bits: next(numbers))
        taken = [f"\n--==============={number:019d}==\n" for number in range(3)]
        payload = mime.email_to_message(_row(plain_text=taken[0] + taken[2], html=taken[1]), []).payload()
        texts = [text.decode().replace("\r\n", "\n") for text in _contents(message_from_bytes(payload))]
        assert texts == [taken[0] + taken[2], taken[1]]

    def test_has_another_boundary_each_time(self) -> None:
        payloads = [mime.email_to_message(_row(), []).payload() for _ in range(100)]
        assert len({re.findall(rb'boundary="(.*)"', payload)[0] for payload in payloads}) == 100

    @pytest.mark.parametrize(
        "end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
    )
    @pytest.mark.parametrize("field", ["subject", "from_email", "to", "headers"])
    def test_gets_no_header_from_a_row_that_was_written_past_the_service(self, end: str, field: str) -> None:
        evil = f"a{end}Bcc: eve@example.org"
        fields: dict[str, Any] = {"subject": evil, "headers": {"X-Campaign": evil}}
        fields |= {"from_email": f'"{evil}" <a@example.org>', "to": [f'"{evil}" <a@example.org>']}
        try:
            payload = mime.email_to_message(_row(**{field: fields[field]}), []).payload()
        except EmailInvalidError:
            return
        assert message_from_bytes(payload)["Bcc"] is None

    def test_cannot_be_built_of_half_a_character(self) -> None:
        with pytest.raises(EmailInvalidError, match="cannot be built"):
            mime.email_to_message(_row(plain_text="\ud83d"), [])


@pytest.mark.django_db
class TestAttachments:
    def test_are_read_from_the_database_where_none_are_given(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        row = EmailFactory.create(attachments=[Attachment("a.pdf", b"1"), Attachment("b.pdf", b"2")])
        with django_assert_num_queries(1):
            payload = mime.email_to_message(row).payload()
        assert _files(payload) == [("a.pdf", b"1"), ("b.pdf", b"2")]

    def test_are_those_that_are_given(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        row = EmailFactory.create(attachments=[Attachment("a.pdf", b"1"), Attachment("b.pdf", b"2")])
        given_ones = list(row.attachments.select_related("content"))
        with django_assert_num_queries(0):
            assert _files(mime.email_to_message(row, given_ones).payload()) == [("a.pdf", b"1"), ("b.pdf", b"2")]
            assert _files(mime.email_to_message(row, []).payload()) == []


class TestTree:
    """What backends that are not ours ask for."""

    def test_reads_like_the_payload(self) -> None:
        message = mime.email_to_message(_row(to=["Jürgen <j@exämple.org>"]), [])
        tree, parsed = message.message(), message_from_bytes(message.payload())
        assert [tree[name] for name in ("To", "Subject", "From", "Message-ID")] == [
            parsed[name] for name in ("To", "Subject", "From", "Message-ID")
        ]
        assert [text.replace(b"\n", b"\r\n") for text in _contents(tree)] == _contents(parsed)

    def test_is_sent_by_djangos_backends(self) -> None:
        mail.get_connection().send_messages([mime.email_to_message(_row(), [])])
        assert [message.subject for message in mail.outbox] == ["Hello"]


class TestAddressBare:
    @each
    @given(address=addresses | st.text("abc.@<> \"'-_+é[(", max_size=20))
    def test_is_what_the_parser_finds(self, address: str) -> None:
        """It takes a short cut where an address is plain."""
        try:
            wanted = parseaddr(sanitize_address(address, "utf-8"))[1]
        except STUMBLES:
            with pytest.raises(ValueError, match=r"\w"):
                mime.address_bare(address)
        else:
            assert mime.address_bare(address) == wanted

    @pytest.mark.parametrize(
        ("address", "bare"),
        [
            ("ada@example.org", "ada@example.org"),
            ("Ada.L+news@EXAMPLE.org", "Ada.L+news@EXAMPLE.org"),
            ("Ada Lovelace <ada@example.org>", "ada@example.org"),
            ("Jürgen <j@exämple.org>", "j@xn--exmple-cua.org"),
            ('"Byron, Ada" <ada@example.org>', "ada@example.org"),
        ],
    )
    def test_is_the_address_without_a_name(self, address: str, bare: str) -> None:
        assert mime.address_bare(address) == bare

    @pytest.mark.parametrize("address", ["", "ada@", "@example.org", "a@" + "x" * 64, *STUMBLED_OVER])
    def test_is_nothing_where_there_is_no_address(self, address: str) -> None:
        with pytest.raises(ValueError, match=r"Invalid address|label"):
            mime.address_bare(address)


class TestAddressCheck:
    @pytest.mark.parametrize("address", STUMBLED_OVER)
    def test_refuses_what_the_parser_stumbles_over(self, address: str) -> None:
        with pytest.raises(EmailInvalidError, match="not valid"):
            mime.address_check(address)
