"""What makes two errors the same one: their text without what differs from one time to the next."""

import hashlib
import re

SHAPE_MAX_LENGTH = 300

#: Letters and digits, mixed: six or more at least. What is joined to it, with a digit in it, is of the same id: the
#: pieces of 4a-20020a05600c1e1a.123 are made by chance, and what each alone looks like is chance as well.
_ID = r"(?=[a-z]{0,40}[0-9])(?=[0-9]{0,40}[a-z])[a-z0-9]{6,}"
_MORE = r"(?=[a-z]{0,40}[0-9])[a-z0-9]+"

# In this order: what is inside quotes is not looked at again, an id is not read as a number. Each is linear.
_VARIABLE = (
    (re.compile(r"\"[^\"\n]*\"|(?<!\w)'[^'\n]*'|«[^»\n]*»"), "[text]"),
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s<>]+", re.IGNORECASE), "[link]"),
    (re.compile(r"<?[^\s<>@]{1,64}@[\w.-]+>?"), "[address]"),
    (re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b", re.IGNORECASE), "[id]"),
    (re.compile(rf"\b0x[0-9a-f]+\b|\b(?:[a-z0-9]{{1,3}}-)?{_ID}(?:[-.]{_MORE})*\b", re.IGNORECASE), "[id]"),
    # An SMTP reply's enhanced code says what went wrong (RFC 3463), and stays: 5.1.1
    (re.compile(r"(?<![A-Za-z0-9.])(?![245]\.\d{1,3}\.\d{1,3}\b)\d+(?:[.,:]\d+)*"), "[n]"),
    (re.compile(r"\s+"), " "),
)


def error_shape(text: str) -> str:
    """Return ``text`` with addresses, links, ids, numbers and what is quoted replaced: the same for the same error.

    Cut to ``SHAPE_MAX_LENGTH`` characters. Pure.
    """
    text = text[: 4 * SHAPE_MAX_LENGTH]
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    return text.strip()[:SHAPE_MAX_LENGTH]


def fingerprint(*parts: str, text: str) -> str:
    """Return twelve hex digits that are the same for errors with the same ``parts`` and the same shape of ``text``."""
    said = "\x00".join([*parts, error_shape(text)])
    return hashlib.sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:12]
