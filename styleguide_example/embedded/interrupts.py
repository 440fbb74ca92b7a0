"""Ctrl-C, ``kill`` and a closed terminal mean the same: stop all, once."""

import signal
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupts_become_one() -> None:
    """Turn the first of these signals into ``KeyboardInterrupt``, ignore the others: the clean-up must not be cut."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
