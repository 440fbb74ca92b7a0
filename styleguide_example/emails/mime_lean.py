"""The bytes of a common e-mail, written at once instead of by way of the tree that Django builds.

Common is text, or text and HTML, in UTF-8 and without attachments. Byte for byte it is what Django's builder makes of
the same message, but for the boundary, and for quoted-printable: that is written by C, and wherever the wire needs it.
The tests compare the two. A header that is not simply one short line is encoded and folded by Django's own functions.
"""

import secrets
from binascii import b2a_qp
from collections.abc import Iterator, Sequence
from email.policy import compat32
from email.utils import formatdate
from functools import lru_cache

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import forbid_multi_line_headers

#: RFC 5322 2.1.1: what a line must not exceed, and what it should not.
_LINE_MAX_LENGTH = 998
_HEADER_LINE_LENGTH = 78
#: Headers that Django writes from fields of the message. Given as an extra header, one overrules or doubles the other.
_FROM_FIELDS = {
    *("from", "to", "cc", "reply-to", "subject", "date"),
    *("content-type", "content-transfer-encoding", "mime-version"),
}
_ON_THE_WIRE = compat32.clone(linesep="\r\n")


def message_bytes(message: EmailMultiAlternatives) -> bytes | None:
    """Return ``message`` as it goes over the wire, or None for one that is not common: that one is left to Django.

    Lines end in CRLF and hold at most 998 octets. Dots are not doubled.

    Raises:
        ValueError, email.errors.MessageError: for what cannot be written, as Django's builder does.
    """
    if not _is_common(message):
        return None
    headers = "".join(_headers(message)).encode("ascii")
    alternatives = [_part("html", str(content)) for content, _ in message.alternatives]
    if not alternatives:
        own, content = _part("plain", str(message.body))
        return b"".join((own, headers, b"\r\n", content))
    plain = [_part("plain", str(message.body))] if message.body else []
    return _multipart(headers, [own + b"\r\n" + content for own, content in plain + alternatives])


def has_long_line(text: str) -> bool:
    """Whether a line of ``text`` is too long for the wire.

    Django asks for the lines of ``str.splitlines``; on the wire U+2028, for one, ends none.
    """
    return _is_too_long(_normalised(text))


def _is_common(message: EmailMultiAlternatives) -> bool:
    names = {name.lower() for name in message.extra_headers}
    return (
        not message.attachments
        and message.encoding is None
        and settings.DEFAULT_CHARSET == "utf-8"
        and "message-id" in names
        and names.isdisjoint(_FROM_FIELDS)
        and all(mimetype == "text/html" for _, mimetype in message.alternatives)
    )


def _headers(message: EmailMultiAlternatives) -> Iterator[str]:
    yield _header("Subject", str(message.subject))
    yield _header("From", message.from_email)
    for name, addresses in (("To", message.to), ("Cc", message.cc), ("Reply-To", message.reply_to)):
        if addresses:
            yield _header(name, ", ".join(addresses))
    yield _header("Date", formatdate(localtime=settings.EMAIL_USE_LOCALTIME))
    for name, value in message.extra_headers.items():
        yield _header(name, value)


def _header(name: str, value: str) -> str:
    line = f"{name}: {value}"
    if len(line) <= _HEADER_LINE_LENGTH and line.isascii() and line.isprintable():
        return f"{line}\r\n"
    return _header_encoded(name, value)


@lru_cache(maxsize=128)  # of many e-mails at once the sender is the same, and often the subject
def _header_encoded(name: str, value: str) -> str:
    return _ON_THE_WIRE.fold(*forbid_multi_line_headers(name, value, "utf-8"))


def _part(subtype: str, text: str) -> tuple[bytes, bytes]:
    """Return the headers and the content."""
    content = _normalised(text)
    if _is_too_long(content):
        encoding, content = "quoted-printable", b2a_qp(content)
    else:
        encoding = "7bit" if content.isascii() else "8bit"
    headers = (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "MIME-Version: 1.0\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
    )
    return headers.encode("ascii"), content.replace(b"\n", b"\r\n")


def _multipart(headers: bytes, parts: Sequence[bytes]) -> bytes:
    boundary = _boundary(parts)
    own = b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\nMIME-Version: 1.0\r\n' % boundary
    delimiter = b"\r\n--" + boundary
    return b"".join((own, headers, *(delimiter + b"\r\n" + part for part in parts), delimiter, b"--\r\n"))


def _boundary(parts: Sequence[bytes]) -> bytes:
    """Return what stands in none of ``parts``, in the form that the standard library gives it."""
    while True:
        boundary = b"===============%019d==" % secrets.randbits(63)
        if not any(boundary in part for part in parts):
            return boundary


def _normalised(text: str) -> bytes:
    """Return ``text`` with the line ends that :meth:`bytes.split` is asked for: a lone CR is one too."""
    content = text.encode()
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def _is_too_long(content: bytes) -> bool:
    return len(content) > _LINE_MAX_LENGTH and max(map(len, content.split(b"\n"))) > _LINE_MAX_LENGTH
