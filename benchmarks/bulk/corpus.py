"""The e-mail that everybody sends: 4 KB of HTML and text, the same for all but the reader's number."""

from dataclasses import dataclass

SENDER = "Fieldnote <hello@example.com>"
DOMAIN = "example.net"
SIZE = 4096

_HTML_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Your week</title></head>
<body style="margin:0;background:#f5f5f0;font-family:Georgia,serif;color:#222">
<table role="presentation" width="600" align="center" cellpadding="0" cellspacing="0"><tr><td>
<h1 style="font-size:24px">Good morning, reader {number}</h1>
"""
_HTML_NOTE = (
    '<p style="font-size:16px;line-height:1.5">The caf\N{LATIN SMALL LETTER E WITH ACUTE} by the river opened again, and '
    'three of your notes mention it. <a href="https://example.com/notes/{note}">Read them</a>.</p>\n'
)
_HTML_TAIL = "</td></tr></table></body></html>\n"
_TEXT_NOTE = (
    "The caf\N{LATIN SMALL LETTER E WITH ACUTE} by the river opened again, and three of your notes mention it.\n"
    "https://example.com/notes/{note}\n\n"
)


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
    html = _filled(html, _HTML_NOTE, SIZE * 3 // 4 - len(_HTML_TAIL)) + _HTML_TAIL
    text = _filled(text, _TEXT_NOTE, SIZE // 4)
    return Letter(to=address(number), subject=f"Your week, reader {number}", html=html, plain_text=text)


def address(number: int) -> str:
    """Return where the e-mail of this reader goes. It tells a lost or doubled one, whatever its Message-ID is."""
    return f"reader-{number}@{DOMAIN}"


def _filled(text: str, paragraph: str, size: int) -> str:
    note = 1
    while len(text) < size:
        text += paragraph.format(note=note)
        note += 1
    return text
