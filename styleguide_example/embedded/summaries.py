"""One line for each message in the list: what it says in short, how often it came, and what it is found by."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from styleguide_example.embedded.letters import has_attachments, html_text
from styleguide_example.embedded.mailbox import CaughtMail, caught_places, caught_read

#: So many messages, the newest, are searched and compared with each other; older ones are listed only.
COMPARED_MAX = 1000
SNIPPET_CHARACTERS = 140
#: Of each message: what is longer is neither read for the list nor found.
_BYTES_READ = 128 * 1024
_CHARACTERS_SEARCHED = 8 * 1024
_CHARACTERS_SHOWN = 300


@dataclass(frozen=True)
class Summary:
    """A message as one line. ``searched`` is what it is found by, in lower case."""

    key: str
    caught_at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    snippet: str
    message_id: str
    has_files: bool
    searched: str

    def is_found_by(self, query: str) -> bool:
        """Return whether every word of ``query`` is in its subject, its addresses or its text."""
        return all(word in self.searched for word in query.lower().split())


def summary_list(paths: Iterable[Path]) -> list[Summary]:
    """Return the lines for these files of the mailbox, in their order. Those deleted meanwhile are left out."""
    return [summary for summary in map(_summary_or_none, paths) if summary is not None]


def times_came(summaries: Iterable[Summary]) -> Counter[str]:
    """Return how often each Message-ID is among ``summaries``: more than once is a doubled delivery."""
    return Counter(summary.message_id for summary in summaries if summary.message_id)


def _summary_or_none(path: Path) -> Summary | None:
    for place in caught_places(path):
        with suppress(FileNotFoundError):
            return _summary(place)
    return None


@lru_cache(maxsize=4 * COMPARED_MAX)
def _summary(path: Path) -> Summary:
    """A message never changes, and no other one ever bears its name."""
    mail = caught_read(path, bytes_at_most=_BYTES_READ)
    text = _text(mail)
    addresses = [mail.sender, mail.envelope_from, *mail.envelope_to, mail.header("To"), mail.header("Cc")]
    return Summary(
        key=mail.key,
        caught_at=mail.caught_at,
        sender=mail.sender[:_CHARACTERS_SHOWN],
        to=mail.envelope_to,
        subject=mail.subject[:_CHARACTERS_SHOWN],
        snippet=text[:SNIPPET_CHARACTERS],
        message_id=mail.message_id,
        has_files=has_attachments(mail.message),
        searched="\n".join([mail.subject, mail.message_id, *addresses, text]).lower()[:_CHARACTERS_SEARCHED],
    )


def _text(mail: CaughtMail) -> str:
    plain = " ".join(mail.text[:_CHARACTERS_SEARCHED].split())
    return plain or html_text(mail.html[: 4 * _CHARACTERS_SEARCHED])
