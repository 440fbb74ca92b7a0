"""The bytes of an e-mail: the lean builder against Django's, in builds a second, and how many e-mails it serves.

``python -m benchmarks.mime``. Rows that were never stored: no database, no network. In short rounds that alternate, and
in seconds of the processor. Both begin with the same message object and end with the bytes that go over the wire; *from
the row* is all that a worker does, recipients included.
"""

import benchmarks.prepared  # noqa: F401  sets Django up, before models are imported

# isort: split

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import mean, median
from typing import Any

from django.core.mail import EmailMultiAlternatives

from styleguide_example.emails import mime, mime_lean
from styleguide_example.emails.models import AttachmentContent, Email, EmailAttachment

ROUNDS = 30
BUILDS = 40  # in a round, of each
ROW = "{:<44} {:>9} {:>10} {:>8} {:>14} {:>6}\n"

WORDS = "A line of the letter as it might be written."
TEXT = "\n".join([WORDS] * 22)
HTML = "<html><body>\n" + "\n".join(f'<p style="margin: 0">{WORDS}</p>' for _ in range(43)) + "\n</body></html>\n"
PDF = EmailAttachment(
    content=AttachmentContent(content=bytes(3000)), filename="terms.pdf", content_type="application/pdf"
)

#: What each e-mail has; a number in braces makes it its own.
KINDS: dict[str, dict[str, Any]] = {
    "HTML and text": {},
    "text alone": {"html": ""},
    "a name, a sender, links to unsubscribe": {
        "to": ["Ada Lovelace <ada{0}@example.org>"],
        "from_email": "Fieldnote <hello@example.com>",
        "headers": {
            "List-Unsubscribe": "<https://example.com/unsubscribe/{0:080}/>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    },
    "in Japanese": {"subject": "ご登録", "plain_text": "ようこそ。\n" * 60, "html": "<p>ようこそ。</p>\n" * 60},
    "in Japanese, each with a subject of its own": {"subject": "ご登録 {0}"},
    "a name that is not ASCII": {"to": ["Jürgen Müller <jm{0}@example.org>"]},
    "twenty recipients": {"to": [f"Person <person{number}-{{0}}@example.org>" for number in range(20)]},
    "HTML in one line": {"html": HTML.replace("\n", " ")},
    "with an attachment": {"attachments": [PDF]},
}


def main() -> None:
    """Measure, and print a table."""
    octets = len(HTML + TEXT)
    sys.stdout.write(f"Python {sys.version.split()[0]}, {ROUNDS * BUILDS:,} builds of each, {octets:,} octets\n\n")
    sys.stdout.write(ROW.format("builds a second", "Django's", "ours", "ratio", "from the row", "lean"))
    for kind, fields in KINDS.items():
        seconds, share = _measured(**fields)
        rates = [f"{1 / each:,.0f}" for each in seconds]
        ratio = f"{seconds[0] / seconds[1]:.1f} x"
        sys.stdout.write(ROW.format(kind, rates[0], rates[1], ratio, rates[2], f"{share:.0%}"))


def _measured(*, attachments: Sequence[EmailAttachment] = (), **fields: Any) -> tuple[list[float], float]:
    """Return the seconds of a build by Django, by us, by us beginning with the row; and the share of lean ones."""
    count = ROUNDS * BUILDS
    emails = [_email(number, fields) for number in range(2 * count)]
    messages = [mime.email_to_message(email, attachments) for email in emails[:count]]
    seconds = _alternating(
        [partial(_djangos, message) for message in messages],
        [partial(_ours, message) for message in messages],
        # Others: folded headers are kept for a while, and these would find them.
        [partial(mime.email_to_message, email, attachments) for email in emails[count:]],
    )
    return seconds, mean(mime_lean.message_bytes(message) is not None for message in messages)


def _email(number: int, fields: dict[str, Any]) -> Email:
    common = {"to": ["ada{0}@example.org"], "subject": "Welcome", "plain_text": TEXT, "html": HTML}
    return Email(**{name: _filled(value, number) for name, value in {**common, **fields}.items()})


def _filled(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, number) for name, each in value.items()}
    return [each.format(number) for each in value] if isinstance(value, list) else value.format(number)


def _djangos(message: mime.Message) -> bytes:
    raw: bytes = EmailMultiAlternatives.message(message).as_bytes(linesep="\r\n")  # type: ignore[call-arg]
    return raw


def _ours(message: mime.Message) -> bytes:
    return mime_lean.message_bytes(message) or _djangos(message)


def _alternating(*builds: Sequence[Callable[[], object]]) -> list[float]:
    """Return the median seconds of a build; each begins a round in turn."""
    rounds: list[list[float]] = [[] for _ in builds]
    for number in range(ROUNDS):
        for turn in range(len(builds)):
            place = (number + turn) % len(builds)
            calls = builds[place][number * BUILDS : (number + 1) * BUILDS]
            began = time.process_time()
            for call in calls:
                call()
            rounds[place].append((time.process_time() - began) / BUILDS)
    return [median(seconds) for seconds in rounds]


if __name__ == "__main__":
    main()
