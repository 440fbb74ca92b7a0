"""Many entries, many syncs, and one that is cut off."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from styleguide_example.common.tests.racing import race
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.models import Schedule, ScheduleRun, TimetableEntry
from styleguide_example.tasks.services import periodic_tasks_rebuild, periodic_tasks_sync
from styleguide_example.tasks.tests.factories import entry_make, rows_read
from styleguide_example.tasks.timing import Cron, Every, Once, When

pytestmark = pytest.mark.django_db


def _entries(count: int, *, shift: int = 0, prefix: str = "Entry") -> list[Entry]:
    """Of three kinds; with another ``shift``, every one says something else in the row and in its policies."""
    whens: list[Callable[[int], When]] = [
        lambda number: Cron(f"{number % 60} {(number // 60 + shift) % 24} * * *"),
        lambda number: Every(timedelta(seconds=number + 1 + shift)),
        lambda number: Once(datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=number + shift)),
    ]
    return [
        entry_make(
            f"{prefix} {number}",
            when=whens[number % 3](number),
            jitter_seconds=shift,
            formerly=() if prefix == "Entry" else (f"Entry {number}",),
        )
        for number in range(count)
    ]


def _edit_all() -> None:
    PeriodicTask.objects.update(priority=9, args="[1]", name=Concat(Value("Mine "), Cast("pk", CharField())))
    Schedule.objects.update(grace_seconds=7)


@pytest.mark.once
class TestThousandEntries:
    def test_take_at_most_25_queries_whatever_happens_to_them(self) -> None:
        def take(entries: list[Entry], *, rows: int, **how: Any) -> None:
            with CaptureQueriesContext(connection) as queries:
                periodic_tasks_sync(entries=entries, **how)
            assert len(queries) <= 25
            assert PeriodicTask.objects.count() == Schedule.objects.count() == rows

        take(_entries(1000), rows=1000)
        take(_entries(1000), rows=1000)
        take(_entries(1000, shift=1), rows=1000)
        _edit_all()
        take(_entries(1000, shift=1), rows=1000)
        take(_entries(1000, shift=1), rows=1000, reset=True)
        take(_entries(1000, shift=2, prefix="Renamed"), rows=1000)
        take(_entries(500, shift=3, prefix="Other"), rows=500)
        _edit_all()
        take([], rows=500)
        assert not PeriodicTask.objects.filter(enabled=True).exists()
        assert not TimetableEntry.objects.exists()

    def test_take_at_most_25_queries_to_adopt_and_to_rebuild(self) -> None:
        periodic_tasks_sync(entries=_entries(1000))
        TimetableEntry.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            periodic_tasks_sync(entries=_entries(1000, shift=1), adopt=True)
        assert len(queries) <= 25

        with CaptureQueriesContext(connection) as queries:
            periodic_tasks_rebuild(entries=_entries(1000, shift=2, prefix="Other")[500:])
        assert len(queries) <= 25
        assert PeriodicTask.objects.count() == 500


@pytest.mark.long
@pytest.mark.once
class TestTenThousandEntries:
    def test_come_change_and_go(self) -> None:
        for entries in (_entries(10_000), _entries(10_000, shift=1), []):
            periodic_tasks_sync(entries=entries)
            assert PeriodicTask.objects.count() == TimetableEntry.objects.count() == len(entries)


@pytest.mark.django_db(transaction=True)
class TestCrash:
    def test_at_any_statement_leaves_everything_as_it_was(self) -> None:
        names = ("Changes", "Goes", "Edited, goes", "Old", "Edited")
        periodic_tasks_sync(entries=[entry_make(name) for name in names])
        PeriodicTask.objects.filter(name__startswith="Edited").update(priority=9)
        ScheduleRun.objects.create(periodic_task=PeriodicTask.objects.get(name="Goes"), due_at=timezone.now())
        before = rows_read()
        entries = [
            entry_make("Changes", in_words="x", jitter_seconds=5),
            entry_make("Comes", when=Cron("* * * * *")),
            entry_make("New", formerly=("Old",)),
            entry_make("Edited", priority=3),
        ]

        class PowerCutError(Exception):
            pass

        survived = 0
        while True:
            left = survived

            def cut(execute: Callable[..., Any], *statement: Any) -> Any:
                nonlocal left
                if not left:
                    raise PowerCutError
                left -= 1
                return execute(*statement)

            try:
                with connection.execute_wrapper(cut):
                    periodic_tasks_sync(entries=entries)
                break
            except PowerCutError:
                assert rows_read() == before
                survived += 1

        assert survived > 15
        assert {row.name for row in PeriodicTask.objects.all()} == {"Changes", "Comes", "New", "Edited", "Edited, goes"}


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_ends_as_if_one_had_come_after_the_other(self) -> None:
        old = [entry_make("Old"), entry_make("Both"), entry_make("Edited")]
        new = [entry_make("Both", in_words="x"), entry_make("New", when=Cron("* * * * *")), entry_make("Edited")]
        periodic_tasks_sync(entries=old)
        PeriodicTask.objects.filter(name="Edited").update(priority=9)

        for _ in range(5):
            race(lambda number: periodic_tasks_sync(entries=new if number % 2 else old), runners=4)

            names = {row.name for row in PeriodicTask.objects.all()}
            assert names in ({"Old", "Both", "Edited"}, {"Both", "New", "Edited"})
            assert TimetableEntry.objects.count() == 3
            assert periodic_tasks_sync(entries=old if "Old" in names else new).is_empty
            assert PeriodicTask.objects.get(name="Edited").priority == 9

    def test_works_on_a_database_where_it_never_ran(self) -> None:
        race(lambda _: periodic_tasks_sync(entries=[entry_make()]), runners=4)
        assert PeriodicTask.objects.count() == TimetableEntry.objects.count() == IntervalSchedule.objects.count() == 1
        assert abs(timezone.now() - PeriodicTasks.objects.get().last_update) < timedelta(minutes=1)

    def test_keeps_what_an_admin_edits_meanwhile(self) -> None:
        """An edit waits for a sync that runs, or the sync for the edit; neither is overwritten with what it was."""
        names = [f"Entry {number}" for number in range(50)]
        periodic_tasks_sync(entries=[entry_make(name) for name in names])

        def act(number: int) -> None:
            if number % 2:
                for version in range(5):
                    periodic_tasks_sync(entries=[entry_make(name, in_words=f"{number} {version}") for name in names])
            else:
                for name in names[number * 10 : number * 10 + 20]:
                    PeriodicTask.objects.filter(name=name).update(queue="mine")

        race(act, runners=4)

        edited = PeriodicTask.objects.filter(queue="mine").values_list("name", flat=True)
        assert set(edited) == {*names[0:40]}
