"""What all of them send."""

from benchmarks.bulk.corpus import SENDER, Letter, letter

__all__ = ["SENDER", "letter_for"]


def letter_for(to: str) -> Letter:
    """Return four kilobytes of HTML and text for this address."""
    made = letter(int("".join(filter(str.isdigit, to.partition("@")[0])) or 0))
    return Letter(to=to, subject=made.subject, html=made.html, plain_text=made.plain_text)
