"""The database of a test, asked as the suite asks one."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from faults.database import Row


class DatabaseOfTest:
    """The database of the test, in its transaction: the statements are the ledger's own."""

    def __init__(self) -> None:
        is_postgresql = connection.vendor == "postgresql"
        # Not `now()`, which in a transaction is the moment of its beginning; and `%` doubled for Django's cursor.
        self.now = "clock_timestamp()" if is_postgresql else "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(statement, list(parameters))
            return list(cursor.fetchall())
