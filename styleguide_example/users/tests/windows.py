"""The windows in which attempts are counted are fixed: a test that crosses the edge of one begins to count anew."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import time_machine

#: A multiple of each window that a test has: 10 minutes and 15.
_SECONDS = 1800


@contextmanager
def window_begun() -> Iterator[None]:
    """The clock goes on from the beginning of a window inside this block, so that none ends in the middle of it."""
    with time_machine.travel(time.time() // _SECONDS * _SECONDS + 1):
        yield
