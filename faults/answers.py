"""How long people waited for their answers, and how long they may."""

from collections.abc import Iterable

from faults.web import Answer

#: A request takes at most this, whatever is broken behind it.
REQUEST_SECONDS = 1.0
#: Of that, what a broker or a mail server that is broken may cost.
FAULT_SECONDS = 0.7


def slowest(answers: Iterable[Answer]) -> float:
    """Return the seconds of the slowest one."""
    return max(answer.seconds for answer in answers)


def seconds_at_most(usual: Iterable[Answer]) -> float:
    """Return what a request may take: a second, unless this machine is so busy that ``usual`` ones take long.

    ``usual`` are answers that were given before anything was broken.
    """
    return max(REQUEST_SECONDS, FAULT_SECONDS + slowest(usual))
