"""The e-mail that everybody sends: 4 KB of HTML and text, compressible as one with a tracked link in each line is."""

from dataclasses import dataclass
from hashlib import md5

SENDER = "Fieldnote <hello@example.com>"
DOMAIN = "example.net"
SIZE = 4096

_HTML_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Your week</title></head>
<body style="margin:0;background:#f5f5f0;font-family:Georgia,serif;color:#222">
<table role="presentation" width="600" align="center" cellpadding="0" cellspacing="0"><tr><td>
<h1 style="font-size:24px">Good morning, reader {number}</h1>
"""
_HTML_NOTE = '<p style="font-size:16px;line-height:1.5">{sentence} <a href="{link}">Read them</a>.</p>\n'
_HTML_TAIL = "</td></tr></table></body></html>\n"
_TEXT_NOTE = "{sentence}\n{link}\n\n"
_SENTENCE = "The {place} by the {by} opened again, and {count} of your notes mention it."
_PLACES = (
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "library",
    "nursery",
    "swimming pool",
    "market",
    "gallery",
    "bakery",
)
_BYS = ("river", "old harbour", "station", "park gate", "town hall")
_COUNTS = ("two", "three", "four", "eleven")


@dataclass(frozen=True)
class Letter:
    """What one reader gets."""

    to: str
    subject: str
    html: str
    plain_text: str


def letter(number: int) -> Letter:
    """Return the e-mail of one reader: 4 KB, of which three quarters are HTML."""
    html, text = _HTML_HEAD.format(number=number), f"Good morning, reader {number}\n\n"
    html = _filled(html, _HTML_NOTE, SIZE * 3 // 4 - len(_HTML_TAIL), number) + _HTML_TAIL
    text = _filled(text, _TEXT_NOTE, SIZE // 4, number)
    return Letter(to=address(number), subject=f"Your week, reader {number}", html=html, plain_text=text)


def address(number: int) -> str:
    """Return where the e-mail of this reader goes. It tells a lost or doubled one, whatever its Message-ID is."""
    return f"reader-{number}@{DOMAIN}"


def _filled(text: str, paragraph: str, size: int, number: int) -> str:
    note = number
    while len(text) < size:
        words = {"place": _PLACES[note % 7], "by": _BYS[note % 5], "count": _COUNTS[note % 4]}
        token = md5(f"{number}/{note}".encode(), usedforsecurity=False).hexdigest()
        link = f"https://example.com/notes/{note}?from={token}"
        text += paragraph.format(sentence=_SENTENCE.format(**words), link=link)
        note += 1
    return text
