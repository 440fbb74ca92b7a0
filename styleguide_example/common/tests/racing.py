"""Races for tests: the same call from several threads at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
