"""One process at a time: for as long as it lives, or for a moment."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockHeldError(Exception):
    """Somebody else holds the lock."""


def lock_take(path: Path) -> int:
    """Take the lock file at ``path`` and return its descriptor. Never waits.

    The kernel gives the lock back when the last process that has the descriptor ends, however it ends, so there is no
    stale lock and no pid file to believe. The descriptor survives ``exec`` and is not passed on by :mod:`subprocess`.

    Raises:
        LockHeldError: when another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise LockHeldError(f"{path} is held by another process.") from error
    os.set_inheritable(descriptor, True)  # noqa: FBT003  it takes nothing else
    return descriptor


@contextmanager
def lock_hold(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path`` while the block runs. Waits for others, so hold it for milliseconds only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
