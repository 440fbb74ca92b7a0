"""Tables with so many rows that a planner looks for an index."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault


def table_fill(row: Model, count: int, *, key: Callable[[], Any] | None = None) -> None:
    """Write ``count`` copies of ``row``, saved or not, and have the planner's figures renewed.

    ``key`` makes the primary key of each, where the database does not. By hand: SQLite takes so few parameters in a
    statement that ``bulk_create`` would take seconds.
    """
    primary, table = row._meta.pk, row._meta.db_table
    assert primary is not None
    given = [field for field in row._meta.concrete_fields if not field.primary_key]
    fields = [field for field in given if not isinstance(getattr(row, field.attname), DatabaseDefault)]
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    columns = [str(field.column) for field in fields]
    keys: list[list[Any]] = [[]] * count
    if key is not None:
        columns.append(str(primary.column))
        keys = [[primary.get_db_prep_save(key(), connection)] for _ in range(count)]
    names = ", ".join(map(connection.ops.quote_name, columns))
    places = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", [values + each for each in keys])  # noqa: S608
        cursor.execute("ANALYZE")
