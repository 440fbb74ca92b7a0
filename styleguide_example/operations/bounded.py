"""An answer within a time, whatever hangs: a database behind a cut cable, a broker that accepts and says nothing."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class Asked(Generic[T]):
    """A question that is being asked, in a thread of its own, which nobody has to wait for.

    The thread has database connections of its own and closes them. One that hangs ends with the process.
    """

    def __init__(self, question: Callable[[], T]) -> None:
        self._question = question
        self._answers: list[T] = []
        self._error: Exception | None = None
        self._is_over = threading.Event()
        self._began = time.monotonic()
        threading.Thread(target=self._ask, name="asked", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether there is an answer, or an error."""
        return self._is_over.is_set()

    @property
    def age(self) -> float:
        """For how many seconds it has been asked."""
        return time.monotonic() - self._began

    def answer(self, *, by: float) -> T:
        """Return the answer, or raise what asking raised.

        Args:
            by: on the monotonic clock; at least what is there already is returned.

        Raises:
            TimeoutError: there is none by then.
        """
        if not self._is_over.wait(max(by - time.monotonic(), 0)):
            raise TimeoutError("There was no answer in time.")
        if self._error is not None:
            raise self._error
        return self._answers[0]

    def _ask(self) -> None:
        try:
            self._answers.append(self._question())
        except Exception as error:  # noqa: BLE001  whoever waits gets it
            self._error = error
        finally:
            connections.close_all()  # of this thread
            self._is_over.set()


def within(seconds: float, question: Callable[[], T]) -> T:
    """Return the answer to ``question``, or raise what it raises.

    Raises:
        TimeoutError: it took longer.
    """
    return Asked(question).answer(by=time.monotonic() + seconds)
