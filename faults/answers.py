"""How long people waited for their answers, and how long they may."""

from collections.abc import Iterable

from faults.web import Answer

#: A request takes at most this, whatever is broken behind it, and however busy the machine is.
REQUEST_SECONDS = 1.0


def slowest(answers: Iterable[Answer]) -> float:
    """Return the seconds of the slowest one."""
    return max(answer.seconds for answer in answers)
