"""Whatever an e-mail holds, its lean bytes are those of Django's builder. Derandomized: a red build is red again."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message as MIMEMessage
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from styleguide_example.emails import mime, mime_lean
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import Email

pytestmark = pytest.mark.once

each = settings(derandomize=True, deadline=None, max_examples=100, database=None)

#: Django's builder judges by other lines than those of the wire.
ENCODING = "Content-Transfer-Encoding"
#: What texts are made of. Each has broken a mail program somewhere.
PIECES = [
    *("\n", "\r\n", "\r", "\n\r", "\n\n", ".", "\n.\n", "\r\n.\r\n", "\n..", " ", "  \n", "\t", "\t\n", "\x0b", "\x0c"),
    *(
        "\x1c",
        "\x7f",
        "\x85",
        "\xa0",
        "\u2028",
        "\u2029",
        "\ufeff",
        "=",
        "=\n",
        "=3D",
        "=20",
        "&nbsp;",
        "\nFrom here on",
    ),
    *(
        "Hello",
        "<p>Hé</p>",
        "Grüße",
        "ご登録ありがとう",
        "👩‍💻",
        "مرحبا",
        "\u202eshalom שלום",
        "e\u0301",
        "--",
        "\n--==",
    ),
    *(
        "\n--===============0000000000000000000==--\n",
        "Bcc: eve@example.org\n",
        "=?utf-8?q?x?=",
        "\n\nContent-Type: a/b\n",
    ),
]
#: About what a line should hold, and what it must not exceed.
characters = st.sampled_from("x.é山👩")
header_words = st.builds(str.__mul__, characters, st.integers(56, 80))
long_words = header_words | st.builds(str.__mul__, characters, st.sampled_from([*range(990, 1001), 5000]))
any_pieces = st.one_of(st.sampled_from(PIECES), st.text(max_size=20))
short_texts = st.lists(any_pieces, max_size=12).map("".join)
texts = st.lists(any_pieces | long_words, max_size=12).map("".join)

words = st.one_of(
    st.sampled_from([piece for piece in PIECES if not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", piece)]),
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12),
    header_words,
)
subjects = st.lists(words, max_size=12).flatmap(
    lambda some: st.sampled_from([" ", "", "  ", "\t", ", "]).map(lambda space: space.join(some))
)
quoted = subjects.map(lambda name: '"' + name[:60].replace("\\", "\\\\").replace('"', '\\"') + '"')
unquoted = st.from_regex(r"[\w-]{1,8}( [\w-]{1,8})?", fullmatch=True)
names = st.one_of(
    st.sampled_from(["Ada", "Ada Lovelace", "Jürgen Müller", "山田 太郎", "👩‍💻", "A. Byron"]), unquoted, quoted
)
local_parts = st.from_regex(r"[A-Za-z0-9_+-]{1,20}(\.[a-z0-9'=]{1,8})?", fullmatch=True)
domains = st.sampled_from(
    ["example.org", "EXAMPLE.org", "a-b.example", "exämple.org", "例え.jp", "x" * 63 + ".org", "localhost"]
)
bare = st.builds("{}@{}".format, local_parts, domains)
addresses = bare | st.builds("{} <{}>".format, names, bare) | st.builds("<{}>".format, bare)
own_headers = st.sampled_from(["X-Campaign", "List-Unsubscribe", "List-Unsubscribe-Post", "Sender", "X-" + "Y" * 70])

#: What the corpus leaves alone.
NEUTRAL: dict[str, Any] = {
    "cc": [],
    "bcc": [],
    "reply_to": [],
    "from_email": "",
    "headers": {},
    "category": "",
    "idempotency_key": None,
    "priority": 5,
}
emails: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    subject=subjects,
    plain_text=texts,
    html=texts,
    from_email=st.just("") | addresses,
    to=st.lists(addresses, min_size=1, max_size=12),
    cc=st.lists(addresses, max_size=2),
    reply_to=st.lists(addresses, max_size=2),
    headers=st.dictionaries(own_headers, words, max_size=2),
)


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
    return lean


def _djangos(message: mime.Message) -> bytes:
    raw: bytes = EmailMultiAlternatives.message(message).as_bytes(linesep="\r\n")  # type: ignore[call-arg]
    return raw


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
    def test_is_byte_for_byte_what_django_builds_while_lines_are_short(
        self, fields: dict[str, Any], plain_text: str, html: str
    ) -> None:
        message = _message({**fields, "plain_text": plain_text, "html": html})
        assert _unmarked(_lean(message)) == _unmarked(_djangos(message))

    @each
    @given(fields=emails)
    @example(fields={"subject": "", "plain_text": "", "html": "", "to": ["ada@example.org"]})
    @example(fields={"subject": "", "plain_text": "", "html": "x", "to": ["ada@example.org"]})
    @example(fields={"subject": "a", "plain_text": "x" * 998, "html": "x" * 999, "to": ["ada@example.org"]})
    def test_reads_like_what_django_builds(self, fields: dict[str, Any]) -> None:
        message = _message(fields)
        assert _read(_unmarked(_lean(message))) == _read(_unmarked(_djangos(message)))

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
