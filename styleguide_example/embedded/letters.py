"""What a message says, read so that no broken and no hostile one breaks the reader."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32
from html.parser import HTMLParser

#: Of one header; what is longer is a mistake or an attack, and stands in the source.
HEADER_CHARACTERS_MAX = 20_000
#: Pictures that a browser shows without running anything in them (SVG may hold scripts), and how each begins.
_PICTURES = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_UNSEEN = ("head", "style", "script", "title", "template")
_URL = re.compile(r"https?://[^\s<>\"'\x00-\x1f]+")


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message."""

    filename: str
    content_type: str
    content: bytes
    content_id: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether a browser may show it: it says that it is a picture, and begins as one."""
        begins = _PICTURES.get(self.content_type)
        return begins is not None and self.content.startswith(begins)


class _Lenient(Compat32):
    """Parses the old way: the newer ones raise on addresses that are broken enough. Bytes are UTF-8 (RFC 6532)."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return what can be shown of a header."""
        return text_clean(value)


def message_parse(source: bytes) -> Message:
    """Return the message, parsed as far as it can be. Raises nothing."""
    try:
        return message_from_bytes(source, policy=_Lenient())
    except RecursionError:  # parts within parts within parts: its headers are all that can be shown
        return BytesHeaderParser(policy=_Lenient()).parsebytes(source)


def header_text(message: Message, name: str) -> str:
    """Return a header's value decoded, on one line; empty when it is missing."""
    return _decoded(message.get(name, ""))


def header_lines(message: Message) -> list[tuple[str, str]]:
    """Return every header as it came, decoded, in its order."""
    return [(text_clean(name), _decoded(value)) for name, value in message.items()]


def body_text(message: Message, kind: str) -> str:
    """Return the body of type ``text/<kind>``; empty when there is none."""
    parts = (part for part in _parts(message) if part.get_content_type() == f"text/{kind}")
    part = next((part for part in parts if not _is_attachment(part)), None)
    if part is None:
        return ""
    content = _content(part).replace(b"\r\n", b"\n")
    try:
        return content.decode(part.get_content_charset("utf-8"), errors="replace")
    except (LookupError, ValueError):  # a charset that Python does not know
        return content.decode("utf-8", errors="replace")


def attachments_of(message: Message) -> list[Attachment]:
    """Return the files, in their order: those to be saved, and those that the HTML shows by their Content-ID."""
    return [
        Attachment(
            filename=text_clean(part.get_filename() or f"attachment-{number}"),
            content_type=part.get_content_type(),
            content=_content(part),
            content_id=header_text(part, "Content-ID").strip("<>"),
        )
        for number, part in enumerate(_attached(message), start=1)
    ]


def has_attachments(message: Message) -> bool:
    """Return whether any file came with it. Decodes none."""
    return any(True for _ in _attached(message))


def html_text(html: str) -> str:
    """Return what is to be read in ``html``, on one line."""
    return " ".join(" ".join(_HTML.read(html).words).split())


def html_links(html: str) -> list[tuple[str, str]]:
    """Return each link's target and what it is called, in their order."""
    return [(target.strip(), " ".join("".join(words).split())) for target, words in _HTML.read(html).links]


def text_links(text: str) -> list[str]:
    """Return the addresses that stand in a plain text, without the full stop behind them."""
    return [found.rstrip(".,;:!?)]") for found in _URL.findall(text)]


def text_clean(text: str) -> str:
    """Bytes that are not UTF-8 come as lone surrogates, which no page can show."""
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


class _HTML(HTMLParser):
    """Collects the words outside of what is not shown, and the links."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[tuple[str, list[str]]] = []
        self._unseen = ""
        self._in_link = False

    @classmethod
    def read(cls, html: str) -> "_HTML":
        """Read as far as it can be read."""
        reader = cls()
        with suppress(AssertionError):  # how the parser says that it has never seen such a declaration
            reader.feed(html)
            reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter a link, or what is not shown."""
        if tag in _UNSEEN and not self._unseen:
            self._unseen = tag
        target = dict(attrs).get("href")
        if tag in ("a", "area") and target:
            self.links.append((target, []))
            self._in_link = tag == "a"

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        if tag == self._unseen:
            self._unseen = ""
        if tag == "a":
            self._in_link = False

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if self._unseen:
            return
        self.words.append(data)
        if self._in_link:
            self.links[-1][1].append(data)


def _decoded(value: str) -> str:
    text = value[:HEADER_CHARACTERS_MAX]
    with suppress(HeaderParseError, LookupError, ValueError):  # not decodable: as it stands
        text = str(make_header(decode_header(text)))
    return " ".join(text_clean(text).split())


def _attached(message: Message) -> Iterator[Message]:
    return (part for part in _parts(message) if _is_attachment(part))


def _parts(message: Message) -> Iterator[Message]:
    """As :meth:`Message.walk`, which goes down by calling itself: hundreds of parts within each other end that."""
    waiting: list[Message] = [message]
    while waiting:
        part = waiting.pop()
        yield part
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting.extend(inner for inner in reversed(payload) if isinstance(inner, Message))


def _is_attachment(part: Message) -> bool:
    if part.is_multipart():
        return False
    is_shown_by_its_id = "Content-ID" in part and part.get_content_maintype() == "image"
    return part.get_content_disposition() == "attachment" or bool(part.get_filename()) or is_shown_by_its_id


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
