import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from styleguide_example.core.enums import Priority
from styleguide_example.emails.tasks import email_cleanup, email_sweep
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.models import TimetableEntry
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.tests.factories import entry_make, rows_read
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def _beat_was_told() -> bool:
    """Whether beat was told to read the schedules again since :data:`LONG_AGO`."""
    return not PeriodicTasks.objects.filter(last_update=LONG_AGO).exists()


class TestPeriodicTasksSync:
    def test_writes_what_the_entry_says(self) -> None:
        entry = entry_make(
            "Clean up",
            task=email_cleanup,
            when=Cron("30 3 1-7 */2 mon", time_zone="Europe/Berlin"),
            in_words="On the first Monday",
            kwargs={"batch_size": 10},
            priority=Priority.LOW,
            enabled=False,
            expires_seconds=60,
        )

        (line,) = periodic_tasks_sync(entries=[entry])

        assert (line.action, line.name) == (SyncAction.CREATED, "Clean up")
        row = PeriodicTask.objects.get()
        assert (row.name, row.task, row.enabled, row.expire_seconds) == ("Clean up", email_cleanup.name, False, 60)
        assert json.loads(row.kwargs) == {"batch_size": 10}
        assert row.priority == 7
        assert row.description == "On the first Monday. https://crontab.guru/#30_3_1-7_*/2_mon"
        assert row.interval is None
        assert row.crontab is not None
        assert str(row.crontab.timezone) == "Europe/Berlin"
        assert (row.crontab.minute, row.crontab.hour, row.crontab.day_of_month) == ("30", "3", "1-7")
        assert (row.crontab.month_of_year, row.crontab.day_of_week) == ("*/2", "mon")
        row.full_clean()

    def test_uses_the_tasks_own_priority_unless_told(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        assert PeriodicTask.objects.get().priority == Priority.RESERVED

    def test_writes_schedules_that_beat_can_read(self) -> None:
        periodic_tasks_sync(entries=[entry_make(), entry_make("Clean up", when=Cron("30 3 * * *"))])
        cron, interval = (row.schedule for row in PeriodicTask.objects.order_by("name"))
        assert (cron.minute, cron.hour, len(cron.day_of_week)) == ({30}, {3}, 7)
        assert interval.run_every == timedelta(seconds=10)

    def test_shares_schedules_of_one_meaning(self) -> None:
        shared = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.SECONDS)
        periodic_tasks_sync(
            entries=[
                *(entry_make(f"Every {number}") for number in range(3)),
                *(entry_make(f"Cron {number}", when=Cron("0 0 * * *")) for number in range(3)),
                entry_make("Elsewhere", when=Cron("0 0 * * *", time_zone="Europe/Berlin")),
            ]
        )
        assert IntervalSchedule.objects.get() == shared
        assert CrontabSchedule.objects.count() == 2

    def test_does_not_take_another_schedule_for_its_own(self) -> None:
        IntervalSchedule.objects.create(every=10, period=IntervalSchedule.MINUTES)
        CrontabSchedule.objects.create(minute="0", hour="0", timezone="Europe/Berlin")
        entries = [entry_make(), entry_make("Clean up", when=Cron("0 0 * * *"))]

        periodic_tasks_sync(entries=entries)

        cron, interval = PeriodicTask.objects.order_by("name")
        assert (str(cron.crontab.timezone), str(interval.interval)) == ("UTC", "every 10 seconds")
        assert {line.action for line in periodic_tasks_sync(entries=entries)} == {SyncAction.UNCHANGED}

    def test_writes_nothing_when_nothing_changed(self) -> None:
        entries = [entry_make(), entry_make("Clean up", when=Cron("30 3 * * *"), kwargs={"b": 1, "a": [None]})]
        periodic_tasks_sync(entries=entries)
        before = rows_read()

        with CaptureQueriesContext(connection) as queries:
            lines = periodic_tasks_sync(entries=entries)

        assert {line.action for line in lines} == {SyncAction.UNCHANGED}
        assert not [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert rows_read() == before

    def test_writes_nothing_when_arguments_are_only_in_another_order(self) -> None:
        periodic_tasks_sync(entries=[entry_make(kwargs={"a": 1, "b": 2})])
        (line,) = periodic_tasks_sync(entries=[entry_make(kwargs={"b": 2, "a": 1})])
        assert line.action is SyncAction.UNCHANGED

    def test_keeps_when_and_how_often_it_ran(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(last_run_at=LONG_AGO, total_run_count=42)
        pk = PeriodicTask.objects.get().pk

        periodic_tasks_sync(entries=[entry_make(when=Cron("* * * * *"), in_words="Every minute")])

        row = PeriodicTask.objects.get()
        assert (row.pk, row.last_run_at, row.total_run_count) == (pk, LONG_AGO, 42)

    @pytest.mark.parametrize(
        ("changes", "columns"),
        [
            ({"task": email_cleanup, "priority": 0}, ("task",)),
            ({"when": Every(timedelta(seconds=20))}, ("interval",)),
            ({"when": Cron("* * * * *"), "in_words": "x"}, ("crontab", "interval", "description")),
            ({"kwargs": {"a": 1}}, ("kwargs",)),
            ({"priority": Priority.LOW}, ("priority",)),
            ({"enabled": False}, ("enabled",)),
            ({"expires_seconds": 5}, ("expire_seconds",)),
            ({"in_words": "Often"}, ("description",)),
        ],
    )
    def test_says_which_columns_changed(self, changes: dict[str, Any], columns: tuple[str, ...]) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        (line,) = periodic_tasks_sync(entries=[entry_make(**changes)])

        assert (line.action, line.columns) == (SyncAction.CHANGED, columns)
        (again,) = periodic_tasks_sync(entries=[entry_make(**changes)])
        assert again.action is SyncAction.UNCHANGED

    @pytest.mark.parametrize(
        "edit", [{"enabled": False}, {"kwargs": '{"a": 1}'}, {"task": "x"}, {"priority": 9}, {"expire_seconds": None}]
    )
    def test_puts_back_what_was_edited_by_hand(self, edit: dict[str, Any]) -> None:
        periodic_tasks_sync(entries=[entry_make(expires_seconds=5)])
        before = PeriodicTask.objects.values(*edit).get()
        PeriodicTask.objects.update(**edit)

        (line,) = periodic_tasks_sync(entries=[entry_make(expires_seconds=5)])

        assert line.columns == tuple(edit)
        assert PeriodicTask.objects.values(*edit).get() == before

    def test_remembers_what_code_said(self) -> None:
        """The third side of the merge that keeps admins' edits."""
        periodic_tasks_sync(entries=[entry_make(kwargs={"a": 1})])
        PeriodicTask.objects.update(enabled=False)
        applied = TimetableEntry.objects.get().applied
        assert applied["enabled"] is True
        assert applied["kwargs"] == '{"a": 1}'
        assert applied["interval"] == "every 10 seconds"

        periodic_tasks_sync(entries=[entry_make(kwargs={"a": 2})])
        assert TimetableEntry.objects.get().applied["kwargs"] == '{"a": 2}'

    def test_deletes_what_left_the_timetable(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("B"), entry_make("C")])

        lines = periodic_tasks_sync(entries=[entry_make("B")])

        assert [(line.action.value, line.name) for line in lines] == [
            ("unchanged", "B"),
            ("deleted", "A"),
            ("deleted", "C"),
        ]
        assert [row.name for row in PeriodicTask.objects.all()] == ["B"]
        assert TimetableEntry.objects.count() == 1

    def test_writes_again_what_an_admin_deleted(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.all().delete()
        (line,) = periodic_tasks_sync(entries=[entry_make()])
        assert line.action is SyncAction.CREATED
        assert TimetableEntry.objects.count() == 1


class TestRowsOfOthers:
    def test_are_never_touched(self) -> None:
        interval = IntervalSchedule.objects.create(every=3, period=IntervalSchedule.HOURS)
        PeriodicTask.objects.create(name="By hand", task="x", interval=interval, total_run_count=3)
        before = PeriodicTask.objects.values().get()

        for entries in ([entry_make()], [entry_make(in_words="x")], []):
            periodic_tasks_sync(entries=entries)

        assert PeriodicTask.objects.filter(name="By hand").values().get() == before

    def test_of_the_same_name_stop_the_sync_and_nothing_changes(self) -> None:
        interval = IntervalSchedule.objects.create(every=3, period=IntervalSchedule.HOURS)
        PeriodicTask.objects.create(name="Sweep", task="x", interval=interval)
        before = PeriodicTask.objects.values().get()

        with pytest.raises(TimetableError, match=r"did not write: Sweep.*--adopt"):
            periodic_tasks_sync(entries=[entry_make("Another"), entry_make("Sweep")])

        assert PeriodicTask.objects.values().get() == before

    def test_are_taken_over_when_told_and_keep_their_history(self) -> None:
        interval = IntervalSchedule.objects.create(every=3, period=IntervalSchedule.HOURS)
        by_hand = PeriodicTask.objects.create(
            name="Sweep", task="x", interval=interval, total_run_count=3, last_run_at=LONG_AGO
        )

        (line,) = periodic_tasks_sync(entries=[entry_make()], adopt=True)

        assert line.action is SyncAction.CHANGED
        row = PeriodicTask.objects.get()
        assert (row.pk, row.task, row.total_run_count, row.last_run_at) == (by_hand.pk, email_sweep.name, 3, LONG_AGO)
        (again,) = periodic_tasks_sync(entries=[entry_make()])
        assert again.action is SyncAction.UNCHANGED

    def test_are_taken_over_even_when_they_say_the_same(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        TimetableEntry.objects.all().delete()

        (line,) = periodic_tasks_sync(entries=[entry_make()], adopt=True)

        assert line.action is SyncAction.UNCHANGED
        assert TimetableEntry.objects.count() == 1


class TestTwoEntriesOfOneName:
    def test_stop_the_sync_and_nothing_changes(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        before = rows_read()
        with pytest.raises(TimetableError, match="same name"):
            periodic_tasks_sync(entries=[entry_make(), entry_make("B"), entry_make(in_words="x")])
        assert rows_read() == before


class TestBeat:
    @pytest.mark.parametrize(
        "entries",
        [[], [entry_make(), entry_make("B")], [entry_make(in_words="x")], [entry_make(enabled=False)]],
        ids=["deleted", "created", "changed", "disabled"],
    )
    def test_is_told_once_when_something_changed(self, entries: list[Entry]) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTasks.objects.update(last_update=LONG_AGO)
        with CaptureQueriesContext(connection) as queries:
            periodic_tasks_sync(entries=entries)
        assert _beat_was_told()
        notices = [query for query in queries if query["sql"].startswith('UPDATE "django_celery_beat_periodictasks"')]
        assert len(notices) == 1

    def test_is_not_disturbed_when_nothing_changed(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTasks.objects.update(last_update=LONG_AGO)
        periodic_tasks_sync(entries=[entry_make()])
        assert not _beat_was_told()
