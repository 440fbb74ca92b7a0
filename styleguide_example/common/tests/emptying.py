"""How a test that commits leaves its database: as Django's ``flush`` would, in a tenth of the time.

``flush`` empties every table, however empty it is, and then every app writes its content types and permissions again.
That takes longer than most of those tests.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import TransactionTestCase

#: So many deleted rows may lie about; on PostgreSQL they keep their place, which the planner sees, until a ``flush``.
DELETED_MAX = 1_000

Flush = Callable[[TransactionTestCase], None]


@contextmanager
def emptied_quickly() -> Iterator[None]:
    """Inside this block a test that commits has the tables emptied that are not empty, and no others."""
    case: type = TransactionTestCase
    flush: Flush = case._fixture_teardown  # type: ignore[attr-defined]
    emptying = _Emptying(flush)

    def empty(self: TransactionTestCase) -> None:  # a function, so that it becomes a method
        emptying.empty(self)

    case._fixture_teardown = empty  # type: ignore[attr-defined]
    try:
        yield
    finally:
        case._fixture_teardown = flush  # type: ignore[attr-defined]


class _Emptying:
    """Knows what the first ``flush`` left, and flushes again when that is touched, or too much was deleted."""

    def __init__(self, flush: Flush) -> None:
        self._flush = flush
        self._left: list[tuple[object, ...]] = []
        self._deleted = 0

    def empty(self, case: TransactionTestCase) -> None:
        kept = {ContentType._meta.db_table, Permission._meta.db_table}
        tables = sorted(set(connection.introspection.django_table_names(include_views=False)) - kept)
        with transaction.atomic():
            _wait_for_others([*tables, *kept])
            rows = _rows(tables)
            self._deleted += sum(rows.values())
            is_as_left = _written_by_apps() == self._left
            if is_as_left and self._deleted <= DELETED_MAX:
                _delete([table for table in tables if rows[table]])
                return
        self._flush(case)
        self._left, self._deleted = _written_by_apps(), 0


def _written_by_apps() -> list[tuple[object, ...]]:
    """What every app writes after the migrations."""
    return [*ContentType.objects.order_by("pk").values_list(), *Permission.objects.order_by("pk").values_list()]


def _wait_for_others(tables: list[str]) -> None:
    """A statement of a process that was killed may still be at work: ``TRUNCATE`` would wait for it as well."""
    if connection.vendor == "postgresql":
        names = ", ".join(connection.ops.quote_name(table) for table in tables)
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")


def _rows(tables: list[str]) -> dict[str, int]:
    """How many rows each holds; more than are worth deleting are not counted."""
    quote = connection.ops.quote_name
    each = [
        f"SELECT '{table}', count(*) FROM (SELECT 1 FROM {quote(table)} LIMIT {DELETED_MAX + 1}) AS found"  # noqa: S608
        for table in tables
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return dict(cursor.fetchall())


def _delete(tables: list[str]) -> None:
    """In any order: whatever refers to another row is looked at when the transaction is committed."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608  a name of ours
