"""A database that is away, and one that others use, for tests."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from django.db import OperationalError, connection

_OTHERS_IN_TRANSACTION = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""


class DatabaseAway:
    """The database's answer to the next ``times`` statements."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        if self.times:
            self.times -= 1
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)


class DatabaseAwayFor:
    """A database that is away for the statements of which ``is_away`` says so; ``asked`` counts them."""

    def __init__(self, is_away: Callable[[str], bool]) -> None:
        self._is_away = is_away
        self.asked = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        if self._is_away(sql):
            self.asked += 1
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)


def is_in_transaction_elsewhere() -> bool:
    """Whether another process is inside a transaction of this database: on SQLite, one that writes."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_OTHERS_IN_TRANSACTION)
            return bool(cursor.fetchone()[0])
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0, isolation_level=None, uri=True)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        other.execute("ROLLBACK")
        return False


def database_url() -> str:
    """Where the test's database is, for another process."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    password = f":{values['PASSWORD']}" if values["PASSWORD"] else ""
    if str(values["HOST"]).startswith("/"):  # the directory of a Unix socket
        return f"postgres://{values['USER']}{password}@/{values['HOST']}/{values['NAME']}"
    return f"postgres://{values['USER']}{password}@{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"
