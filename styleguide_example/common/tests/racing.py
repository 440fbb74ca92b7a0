"""Races for tests: the same call from several threads at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")


def race(call: Callable[[int], Result], *, runners: int) -> list[Result]:
    """Call ``call`` with 0, 1, ... in threads that start together. Returns the results; the first error rises."""
    line = threading.Barrier(runners)

    def run(number: int) -> Result:
        try:
            connection.ensure_connection()
            line.wait(30)
            return call(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(runners) as pool:
        return list(pool.map(run, range(runners)))


@contextmanager
def meanwhile(call: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Call ``call`` in a thread with a database connection of its own while the block runs; wait for it at its end."""

    def run() -> Result:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)
