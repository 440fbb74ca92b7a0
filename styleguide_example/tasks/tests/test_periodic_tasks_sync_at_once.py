"""Many entries, many syncs, and one that is cut off."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from styleguide_example.common.tests.racing import race
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.models import TimetableEntry
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.tests.factories import entry_make, rows_read
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db


class TestThousandEntries:
    def test_take_at_most_25_queries_whatever_happens_to_them(self) -> None:
        def entries(shift: int, count: int = 1000) -> list[Entry]:
            return [
                entry_make(
                    f"Entry {number}",
                    when=Cron(f"{number % 60} {(number // 60 + shift) % 24} * * *")
                    if number % 2
                    else Every(timedelta(seconds=number + 1 + shift)),
                )
                for number in range(count)
            ]

        for wanted in (entries(0), entries(0), entries(1), entries(1, 500), [], entries(0)):
            with CaptureQueriesContext(connection) as queries:
                periodic_tasks_sync(entries=wanted)
            assert len(queries) <= 25
            assert PeriodicTask.objects.count() == TimetableEntry.objects.count() == len(wanted)


@pytest.mark.django_db(transaction=True)
class TestCrash:
    def test_at_any_statement_leaves_everything_as_it_was(self) -> None:
        periodic_tasks_sync(entries=[entry_make("Changes"), entry_make("Goes")])
        before = rows_read()
        entries = [entry_make("Changes", in_words="x"), entry_make("Comes", when=Cron("* * * * *"))]

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

        assert survived > 8
        assert {row.name for row in PeriodicTask.objects.all()} == {"Changes", "Comes"}


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_ends_as_if_one_had_come_after_the_other(self) -> None:
        old = [entry_make("Old"), entry_make("Both")]
        new = [entry_make("Both", in_words="x"), entry_make("New", when=Cron("* * * * *"))]
        periodic_tasks_sync(entries=old)

        for _ in range(5):
            race(lambda number: periodic_tasks_sync(entries=new if number % 2 else old), runners=4)

            names = {row.name for row in PeriodicTask.objects.all()}
            assert names in ({"Old", "Both"}, {"Both", "New"})
            assert TimetableEntry.objects.count() == 2
            last = old if "Old" in names else new
            assert {line.action for line in periodic_tasks_sync(entries=last)} == {SyncAction.UNCHANGED}

    def test_works_on_a_database_where_it_never_ran(self) -> None:
        race(lambda _: periodic_tasks_sync(entries=[entry_make()]), runners=4)
        assert PeriodicTask.objects.count() == TimetableEntry.objects.count() == IntervalSchedule.objects.count() == 1
        assert abs(timezone.now() - PeriodicTasks.objects.get().last_update) < timedelta(minutes=1)
