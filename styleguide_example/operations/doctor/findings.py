"""What a check has to say."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

_UNITS = ((86_400, "days"), (3600, "h"), (60, "min"))


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    SKIPPED = "skipped"  # it could not be asked, and why is a finding of its own
    WARNING = "warning"  # it works, and will not always
    ERROR = "error"  # something does not work

    @property
    def rank(self) -> int:
        """The worse, the higher."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        title: what is, in a sentence.
        meaning: what follows from it for people; empty where nothing does.
        advice: what to do about it, as a command where there is one.
        check: the name of the check that found it; the checkup writes it.
    """

    severity: Severity
    title: str
    meaning: str = ""
    advice: str = ""
    check: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it, in plain values."""
        return asdict(self)


def ok(title: str) -> Finding:
    """Nothing to do."""
    return Finding(Severity.OK, title)


def warning(title: str, *, meaning: str = "", advice: str) -> Finding:
    """It works, and will not always."""
    return Finding(Severity.WARNING, title, meaning, advice)


def error(title: str, *, meaning: str = "", advice: str) -> Finding:
    """Something does not work."""
    return Finding(Severity.ERROR, title, meaning, advice)


def skipped(title: str) -> Finding:
    """It could not be asked."""
    return Finding(Severity.SKIPPED, title)


def counted(number: int, noun: str, plural: str = "", *, at_most: int | None = None) -> str:
    """Return "1 e-mail", "1,200 e-mails", or "1,000 e-mails or more" where nobody counted further."""
    words = f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
    return f"{words} or more" if at_most is not None and number >= at_most else words


def lasted(seconds: float) -> str:
    """Return a duration as "under 1 ms", "35 ms", "2.4 s", "12 min", "3 h", "2 days"."""
    if seconds < 0.001:
        return "under 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= 2 * size)
    return f"{seconds / size:.0f} {unit}"
