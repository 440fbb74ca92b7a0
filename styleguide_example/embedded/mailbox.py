"""Caught mail as files: a Maildir whose messages begin with one line that keeps the envelope and the time.

The rest of each file is the message as it came over the wire, byte for byte.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from functools import cached_property
from mailbox import Maildir
from pathlib import Path

#: The header in front. JSON in ASCII, so that no address can break out of its line.
_CAUGHT = b"X-Caught: "
#: How :class:`mailbox.Maildir` names a message: seconds, microseconds, process, number within the process.
_KEY = re.compile(r"(\d+)\.M(\d+)P(\d+)Q(\d+)\.")


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class CaughtMail:
    """A message that the SMTP server took. ``source`` is what came over the wire."""

    key: str
    caught_at: datetime
    envelope_from: str
    envelope_to: tuple[str, ...]
    source: bytes

    @cached_property
    def message(self) -> Message:
        """The message, parsed in the old way: the newer policies raise on addresses that are broken enough."""
        return message_from_bytes(self.source)

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return self.header("Subject")

    @property
    def message_id(self) -> str:
        """The Message-ID: the same in every copy of one e-mail."""
        return self.header("Message-ID")

    @property
    def sender(self) -> str:
        """Whom the recipient sees as the sender; the envelope's where the message names none."""
        return self.header("From") or self.envelope_from

    @property
    def html(self) -> str:
        """What a mail client shows; empty when there is none."""
        return self._body("html")

    @property
    def text(self) -> str:
        """What a mail client without HTML shows; empty when there is none."""
        return self._body("plain")

    @property
    def attachments(self) -> list[Attachment]:
        """The files, in their order."""
        parts = [part for part in self.message.walk() if _is_attachment(part)]
        return [
            Attachment(_clean(part.get_filename() or f"attachment-{number}"), part.get_content_type(), _content(part))
            for number, part in enumerate(parts, start=1)
        ]

    def header(self, name: str) -> str:
        """Return a header's value decoded, on one line; empty when it is missing."""
        raw = self.message.get(name, "")
        try:
            text = str(make_header(decode_header(raw)))
        except (HeaderParseError, LookupError, ValueError):  # not decodable: as it stands
            text = str(raw)
        return " ".join(_clean(text).split())

    def _body(self, kind: str) -> str:
        parts = (part for part in self.message.walk() if part.get_content_type() == f"text/{kind}")
        part = next((part for part in parts if not _is_attachment(part)), None)
        if part is None:
            return ""
        content = _content(part).replace(b"\r\n", b"\n")
        try:
            return content.decode(part.get_content_charset("utf-8"), errors="replace")
        except (LookupError, ValueError):  # a charset that Python does not know
            return content.decode("utf-8", errors="replace")


def mailbox_directory(var_dir: Path) -> Path:
    """Return where the embedded profile of ``var_dir`` keeps caught mail."""
    return var_dir / "mail"


def caught_add(directory: Path, *, envelope_from: str, envelope_to: Sequence[str], source: bytes) -> str:
    """Store a message and return its key. It is on the disk when this returns.

    Raises:
        OSError: when it could not be stored; then nothing of it is in the mailbox.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    caught = json.dumps({"at": time.time(), "from": _clean(envelope_from), "to": [_clean(to) for to in envelope_to]})
    return Maildir(directory).add(_CAUGHT + caught.encode("ascii") + b"\r\n" + source)


def caught_keys(directory: Path) -> list[str]:
    """Return the keys of all messages, newest first."""
    try:
        keys = [path.name for path in (directory / "new").iterdir()]
    except FileNotFoundError:  # nothing was ever caught
        return []
    return sorted(keys, key=_order, reverse=True)


def caught_list(directory: Path, *, keys: Sequence[str] | None = None) -> list[CaughtMail]:
    """Return the messages with these ``keys``, or all, newest first. Those deleted meanwhile are left out."""
    wanted = caught_keys(directory) if keys is None else keys
    return [mail for mail in (_read(directory, key) for key in wanted) if mail is not None]


def caught_get(directory: Path, key: str) -> CaughtMail | None:
    """Return one message, or None. A key is looked up among those that exist, never used as a path."""
    return _read(directory, key) if key in caught_keys(directory) else None


def caught_delete(directory: Path, *, keys: Sequence[str]) -> int:
    """Delete the messages with these keys. Returns how many there were."""
    existing = set(caught_keys(directory)).intersection(keys)
    for key in existing:
        (directory / "new" / key).unlink(missing_ok=True)
    return len(existing)


def _clean(address: str) -> str:
    """Bytes that are not UTF-8 come from aiosmtpd as lone surrogates, which no page can show."""
    return address.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def _read(directory: Path, key: str) -> CaughtMail | None:
    try:
        content = (directory / "new" / key).read_bytes()
    except FileNotFoundError:
        return None
    first, _, source = content.partition(b"\r\n")
    caught = json.loads(first.removeprefix(_CAUGHT))
    return CaughtMail(
        key=key,
        caught_at=datetime.fromtimestamp(caught["at"], tz=UTC),
        envelope_from=caught["from"],
        envelope_to=tuple(caught["to"]),
        source=source,
    )


def _order(key: str) -> tuple[int, ...]:
    match = _KEY.match(key)
    return tuple(int(number) for number in match.groups()) if match else ()


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
