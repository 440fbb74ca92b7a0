"""A database that is away, for tests."""

from collections.abc import Callable
from typing import Any

from django.db import OperationalError


class DatabaseAway:
    """The database's answer to the next ``times`` statements."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        if self.times:
            self.times -= 1
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)
