"""What threads own, so that somebody can close what one of them left when it ended."""

import os
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Owned(Generic[T]):
    """One thing for each thread that says so. Safe to use from any thread; a child knows nothing of its parent's."""

    def __init__(self) -> None:
        # Each operation on the dictionary is one step, so no lock is needed, which a fork could leave locked for ever.
        self._by_thread: dict[threading.Thread, tuple[int, T]] = {}

    def own(self, thing: T) -> None:
        """Note that ``thing`` is this thread's, in the place of what was."""
        self._by_thread[threading.current_thread()] = (os.getpid(), thing)

    def disown(self) -> None:
        """Note that this thread has nothing any more."""
        self._by_thread.pop(threading.current_thread(), None)

    def orphans(self) -> list[T]:
        """Return what threads left that have ended: each thing to one caller, once."""
        ended = [thread for thread in list(self._by_thread) if not thread.is_alive()]
        left = [entry for thread in ended if (entry := self._by_thread.pop(thread, None)) is not None]
        return [thing for pid, thing in left if pid == os.getpid()]
