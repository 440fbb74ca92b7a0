"""Caught mail as files: a Maildir whose messages begin with one line that keeps the envelope and the time.

The rest of each file is the message as it came over the wire, byte for byte. A message is in ``new`` until somebody
reads it, then in ``cur`` with its flags behind a colon: https://cr.yp.to/proto/maildir.html
"""

import json
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from functools import cached_property
from mailbox import Maildir
from pathlib import Path

from styleguide_example.embedded.letters import (
    Attachment,
    attachments_of,
    body_text,
    header_text,
    message_parse,
    text_clean,
)

#: The header in front. JSON in ASCII, so that no address can break out of its line.
_CAUGHT = b"X-Caught: "
#: How :class:`mailbox.Maildir` names a message: seconds, microseconds, process, number within the process.
_KEY = re.compile(r"(\d+)\.M(\d+)P(\d+)Q(\d+)\.")
_SEEN = ":2,S"


@dataclass(frozen=True)
class CaughtMail:
    """A message that the SMTP server took. ``source`` is what came over the wire or its beginning, ``size`` of all."""

    key: str
    caught_at: datetime
    envelope_from: str
    envelope_to: tuple[str, ...]
    source: bytes
    size: int

    @cached_property
    def message(self) -> Message:
        """The message, parsed."""
        return message_parse(self.source)

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

    @cached_property
    def html(self) -> str:
        """What a mail client shows; empty when there is none."""
        return body_text(self.message, "html")

    @cached_property
    def text(self) -> str:
        """What a mail client without HTML shows; empty when there is none."""
        return body_text(self.message, "plain")

    @cached_property
    def attachments(self) -> list[Attachment]:
        """The files, in their order."""
        return attachments_of(self.message)

    def header(self, name: str) -> str:
        """Return a header's value decoded, on one line; empty when it is missing."""
        return header_text(self.message, name)


def mailbox_directory(var_dir: Path) -> Path:
    """Return where the embedded profile of ``var_dir`` keeps caught mail."""
    return var_dir / "mail"


def caught_add(directory: Path, *, envelope_from: str, envelope_to: Sequence[str], source: bytes) -> str:
    """Store a message and return its key. It is on the disk when this returns.

    Raises:
        OSError: when it could not be stored; then nothing of it is in the mailbox.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    to = [text_clean(address) for address in envelope_to]
    caught = json.dumps({"at": time.time(), "from": text_clean(envelope_from), "to": to})
    return Maildir(directory).add(_CAUGHT + caught.encode("ascii") + b"\r\n" + source)


def caught_paths(directory: Path) -> dict[str, Path]:
    """Return where each message lies, by its key, newest first."""
    paths: dict[str, Path] = {}
    for folder in ("new", "cur", "new"):  # none is missed on its way from one to the other, read or marked as unread
        with suppress(FileNotFoundError):  # nothing was ever caught
            paths.update((path.name.partition(":")[0], path) for path in (directory / folder).iterdir())
    return {key: paths[key] for key in sorted(paths, key=key_order, reverse=True)}


def caught_places(path: Path) -> tuple[Path, Path, Path]:
    """Return where the message of a file may lie: there, or where it has moved since, read or marked as unread."""
    directory, key = path.parent.parent, path.name.partition(":")[0]
    return path, directory / "cur" / (key + _SEEN), directory / "new" / key


def caught_keys(directory: Path) -> list[str]:
    """Return the keys of all messages, newest first."""
    return list(caught_paths(directory))


def caught_list(directory: Path, *, keys: Sequence[str] | None = None) -> list[CaughtMail]:
    """Return the messages with these ``keys``, or all, newest first. Those deleted meanwhile are left out."""
    paths = caught_paths(directory)
    mails = (_read(paths.get(key)) for key in (paths if keys is None else keys))
    return [mail for mail in mails if mail is not None]


def caught_get(directory: Path, key: str) -> CaughtMail | None:
    """Return one message, or None. A key is looked up among those that exist, never used as a path."""
    return _read(caught_paths(directory).get(key))


def caught_read(path: Path, *, bytes_at_most: int = -1) -> CaughtMail:
    """Return the message in a file of :func:`caught_paths`, whole or its beginning.

    Raises:
        FileNotFoundError: it was deleted or moved meanwhile.
    """
    with path.open("rb") as file:
        first = file.readline()
        source = file.read(bytes_at_most)
    caught = json.loads(first.removeprefix(_CAUGHT))
    return CaughtMail(
        key=path.name.partition(":")[0],
        caught_at=datetime.fromtimestamp(caught["at"], tz=UTC),
        envelope_from=caught["from"],
        envelope_to=tuple(caught["to"]),
        source=source,
        size=len(source) if bytes_at_most < 0 else path.stat().st_size - len(first),
    )


def caught_mark(directory: Path, *, keys: Sequence[str], seen: bool) -> int:
    """Mark the messages with these keys as read, or as unread. Returns how many were not so before."""
    paths = caught_paths(directory)
    changed = [key for key in set(keys).intersection(paths) if is_seen(paths[key]) != seen]
    for key in changed:
        with suppress(FileNotFoundError):  # deleted, or marked by somebody else
            paths[key].rename(directory / "cur" / (key + _SEEN) if seen else directory / "new" / key)
    return len(changed)


def caught_delete(directory: Path, *, keys: Sequence[str]) -> int:
    """Delete the messages with these keys, those too that are opened at this moment. Returns how many there were."""
    paths = caught_paths(directory)
    return sum(_unlink(paths[key]) for key in set(keys).intersection(paths))


def is_seen(path: Path) -> bool:
    """Return whether somebody has read the message in this file."""
    return "S" in path.name.partition(":2,")[2]


def key_order(key: str) -> tuple[int, ...]:
    """Return by what keys are sorted: the order in which the messages came."""
    match = _KEY.match(key)
    return tuple(int(number) for number in match.groups()) if match else ()


def _read(path: Path | None) -> CaughtMail | None:
    for place in caught_places(path) if path else ():
        with suppress(FileNotFoundError):
            return caught_read(place)
    return None


def _unlink(path: Path) -> bool:
    for place in caught_places(path):
        with suppress(FileNotFoundError):
            place.unlink()
            return True
    return False
