"""Whatever an e-mail holds, its lean bytes are those of Django's builder."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message as MIMEMessage
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from hypothesis import assume, example, given

from styleguide_example.emails import mime, mime_lean
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.mime_corpus import NEUTRAL, PLAIN, each, emails, short_texts

pytestmark = pytest.mark.once

#: Django's builder judges by other lines than those of the wire.
ENCODING = "Content-Transfer-Encoding"


def _message(fields: dict[str, Any]) -> mime.Message:
    """The message of a row that a service would have written."""
    row = {**NEUTRAL, **fields}
    try:
        mime.fields_check(row)
    except EmailInvalidError:
        assume(False)  # noqa: FBT003  hypothesis takes it so
    return mime.email_to_message(Email(**row), [])


def _lean(message: mime.Message) -> bytes:
    lean = mime_lean.message_bytes(message)
    assert lean is not None
    return _unmarked(lean)


def _djangos(message: mime.Message) -> bytes:
    raw: bytes = EmailMultiAlternatives.message(message).as_bytes(linesep="\r\n")  # type: ignore[call-arg]
    return _unmarked(raw)


def _unmarked(raw: bytes) -> bytes:
    """Without what is another one each time."""
    boundary = re.search(rb'\A.*;\r\n boundary="(.*)"', raw)
    raw = raw.replace(boundary[1], b"boundary") if boundary else raw
    return re.sub(rb"\r\nDate: [^\r]*", b"\r\nDate: now", raw, count=1)


def _read(raw: bytes) -> list[Any]:
    """What both of the standard library's parsers make of it: one decodes headers itself, one leaves that to others."""
    modern = message_from_bytes(raw, policy=policy.default).walk()
    older = message_from_bytes(raw, policy=policy.compat32).walk()
    return [
        *([part.defects, *_headers(part, str), *_content(part)] for part in modern),
        *([part.defects, *_headers(part, _decoded), *_content(part)] for part in older),
    ]


def _headers(part: MIMEMessage, decode: Callable[[str], str]) -> list[tuple[str, str]]:
    return [(name, decode(value)) for name, value in part.items() if name not in {"Content-Type", ENCODING}]


def _decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


def _content(part: MIMEMessage) -> list[Any]:
    parameters = [parameter for parameter in part.get_params() or [] if parameter[0] != "boundary"]
    return [part.get_content_type(), parameters, None if part.is_multipart() else part.get_payload(decode=True)]


def _wire(text: str) -> bytes:
    return re.sub("\r\n|\r|\n", "\r\n", text).encode()


class TestLean:
    @each
    @given(fields=emails, plain_text=short_texts, html=short_texts)
    @example(fields=PLAIN, plain_text="x" * 998, html="")
    @example(fields=PLAIN, plain_text="", html="\n" + "é" * 499)
    def test_is_byte_for_byte_what_django_builds_while_lines_are_short(
        self, fields: dict[str, Any], plain_text: str, html: str
    ) -> None:
        message = _message({**fields, "plain_text": plain_text, "html": html})
        assert _lean(message) == _djangos(message)

    @pytest.mark.parametrize("value", ["", " ", "a ", " a", "a  ", "  a b", "a  b", "a\tb", "\ta", "a\t"])
    def test_keeps_the_spaces_of_a_header_as_django_does(self, value: str) -> None:
        message = _message({**PLAIN, "subject": value, "headers": {"X-Campaign": value}, "plain_text": "", "html": ""})
        assert _lean(message) == _djangos(message)

    @pytest.mark.parametrize("length", range(70, 86))
    def test_folds_a_header_where_django_does(self, length: int) -> None:
        value = "in words " + "x" * (length - len("Subject: in words "))
        message = _message({**PLAIN, "subject": value, "headers": {"X-Chars": value}, "plain_text": "", "html": ""})
        assert _lean(message) == _djangos(message)

    @each
    @given(fields=emails)
    @example(fields={**PLAIN, "plain_text": "", "html": ""})
    @example(fields={**PLAIN, "plain_text": "x" * 998, "html": "x" * 999})
    def test_reads_like_what_django_builds(self, fields: dict[str, Any]) -> None:
        message = _message(fields)
        assert _read(_lean(message)) == _read(_djangos(message))

    @each
    @given(fields=emails)
    def test_holds_the_texts_of_the_row(self, fields: dict[str, Any]) -> None:
        parts = list(message_from_bytes(_lean(_message(fields))).walk())
        found = [
            (part.get_content_subtype(), part.get_payload(decode=True)) for part in parts if not part.is_multipart()
        ]
        wanted = [("plain", fields["plain_text"]), ("html", fields["html"])]
        kept = [(subtype, text) for subtype, text in wanted if text] or wanted[:1]
        assert found == [(subtype, _wire(text)) for subtype, text in kept]

    @each
    @given(fields=emails)
    def test_keeps_the_rules_of_the_wire(self, fields: dict[str, Any]) -> None:
        raw = _message(fields).payload()
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        head = raw.partition(b"\r\n\r\n")[0]
        assert head.isascii()
        assert all(re.match(rb"[!-9;-~]+: |[ \t]", line) for line in head.split(b"\r\n"))
        # RFC 5322 2.1.1: more than 78 only where there is no place to fold.
        assert not [line for line in head.split(b"\r\n") if len(line) > 78 and b" " in line.partition(b": ")[2].strip()]
