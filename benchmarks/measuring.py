"""A database of the benchmark's own, and seconds and queries of a call."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

#: Seconds and queries.
Result = tuple[float, int]


def timed(call: Callable[[], object]) -> Result:
    """Call it once."""
    queries = 0

    def count(execute: Callable[..., Any], *statement: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*statement)

    with connection.execute_wrapper(count):
        began = time.perf_counter()
        call()
        return time.perf_counter() - began, queries


@contextmanager
def database_made() -> Iterator[None]:
    """A database of its own, never that of ``DATABASE_URL`` itself: benchmarks delete every schedule."""
    name = connection.settings_dict["NAME"]
    if connection.vendor != "sqlite":
        connection.settings_dict["TEST"]["NAME"] = f"benchmark_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
