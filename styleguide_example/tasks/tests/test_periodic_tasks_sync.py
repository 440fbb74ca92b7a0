import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
)

from styleguide_example.core.enums import Priority
from styleguide_example.jobs.tasks import job_sweep
from styleguide_example.tasks import schedules
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import MissedRuns, Overlap, SyncAction
from styleguide_example.tasks.models import Schedule, ScheduleRun, TimetableEntry
from styleguide_example.tasks.schedules import UNSAID, entry_says
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.tests.factories import anything, entry_make, rows_read
from styleguide_example.tasks.timing import Cron, Every, Once

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def _beat_was_told() -> bool:
    """Whether beat was told to read the schedules again since :data:`LONG_AGO`."""
    return not PeriodicTasks.objects.filter(last_update=LONG_AGO).exists()


class TestPeriodicTasksSync:
    def test_writes_what_the_entry_says(self) -> None:
        entry = entry_make(
            "Clean up",
            task=anything,
            when=Cron("30 3 1-7 */2 mon", time_zone="Europe/Berlin"),
            in_words="On the first Monday",
            kwargs={"a": 10},
            priority=Priority.LOW,
            enabled=False,
            expires_seconds=60,
        )

        (line,) = periodic_tasks_sync(entries=[entry]).lines

        assert (line.action, line.name) == (SyncAction.CREATED, "Clean up")
        row = PeriodicTask.objects.get()
        assert (row.name, row.task, row.enabled, row.expire_seconds) == ("Clean up", anything.name, False, 60)
        assert json.loads(row.kwargs) == {"a": 10}
        assert row.priority == 7
        assert row.description == "On the first Monday."
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
        assert periodic_tasks_sync(entries=entries).is_empty

    def test_writes_nothing_when_nothing_changed(self) -> None:
        entries = [entry_make(), entry_make("Clean up", task=anything, kwargs={"b": 1, "a": [None]})]
        periodic_tasks_sync(entries=entries)
        before = rows_read()

        with CaptureQueriesContext(connection) as queries:
            plan = periodic_tasks_sync(entries=entries)

        assert plan.is_empty
        assert not [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert rows_read() == before

    def test_writes_nothing_when_arguments_are_only_in_another_order(self) -> None:
        periodic_tasks_sync(entries=[entry_make(task=anything, kwargs={"a": 1, "b": 2})])
        assert periodic_tasks_sync(entries=[entry_make(task=anything, kwargs={"b": 2, "a": 1})]).is_empty

    def test_keeps_when_and_how_often_it_ran(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(last_run_at=LONG_AGO, total_run_count=42)
        run = ScheduleRun.objects.create(periodic_task=PeriodicTask.objects.get(), due_at=LONG_AGO)

        for changes in ({"when": Cron("* * * * *")}, {"enabled": False}, {"enabled": True}):
            periodic_tasks_sync(entries=[entry_make(**changes)])

        row = PeriodicTask.objects.get()
        assert (row.last_run_at, row.total_run_count, row.runs.get()) == (LONG_AGO, 42, run)

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"task": job_sweep}, ("task",)),
            ({"when": Every(timedelta(seconds=20))}, ("when",)),
            ({"when": Cron("* * * * *"), "in_words": "x"}, ("when", "description")),
            ({"when": Once(LONG_AGO)}, ("when",)),
            ({"task": anything, "kwargs": {"a": 1}}, ("task", "kwargs", "priority")),
            ({"priority": Priority.LOW}, ("priority",)),
            ({"queue": "slow"}, ("queue",)),
            ({"enabled": False}, ("enabled",)),
            ({"expires_seconds": 5}, ("expire_seconds",)),
            ({"in_words": "Often"}, ("description",)),
            ({"jitter_seconds": 60}, ("jitter_seconds",)),
            ({"overlap": Overlap.SKIP}, ("overlap",)),
            ({"missed_runs": MissedRuns.SKIP}, ("missed_runs",)),
            ({"grace_seconds": 60}, ("grace_seconds",)),
        ],
    )
    def test_writes_what_changed_in_the_code_and_says_so(
        self, changes: dict[str, Any], fields: tuple[str, ...]
    ) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        (line,) = periodic_tasks_sync(entries=[entry_make(**changes)]).lines

        assert line.action is SyncAction.CHANGED
        assert tuple(field.field for field in line.written) == fields
        (row,) = schedules.rows_read(PeriodicTask.objects.all())
        assert row.says == {**UNSAID, **entry_says(entry_make(**changes))}
        assert periodic_tasks_sync(entries=[entry_make(**changes)]).is_empty

    def test_remembers_what_code_said(self) -> None:
        """The third side of the merge."""
        periodic_tasks_sync(entries=[entry_make(task=anything, kwargs={"a": 1})])
        assert TimetableEntry.objects.get().applied == entry_says(entry_make(task=anything, kwargs={"a": 1}))

        periodic_tasks_sync(entries=[entry_make(task=anything, kwargs={"a": 2})])
        assert TimetableEntry.objects.get().applied == entry_says(entry_make(task=anything, kwargs={"a": 2}))

    def test_writes_again_what_an_admin_deleted(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.all().delete()
        (line,) = periodic_tasks_sync(entries=[entry_make()]).lines
        assert line.action is SyncAction.CREATED
        assert TimetableEntry.objects.count() == 1

    def test_has_nothing_to_make_up_for_in_what_it_just_wrote(self) -> None:
        before = timezone.now()
        periodic_tasks_sync(entries=[entry_make("Cron", when=Cron("30 3 * * *")), entry_make("Off", enabled=False)])
        on, off = Schedule.objects.order_by("periodic_task__name")
        assert on.decided_until is not None
        assert before <= on.decided_until <= timezone.now()
        assert (on.decided_for, off.decided_for) == ("cron 30 3 * * * UTC", "")

    def test_leaves_to_beat_what_beat_decided(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        Schedule.objects.update(decided_until=LONG_AGO, decided_for="x")
        periodic_tasks_sync(entries=[entry_make(in_words="x", jitter_seconds=5)])
        assert Schedule.objects.values("decided_until", "decided_for", "jitter_seconds").get() == {
            "decided_until": LONG_AGO,
            "decided_for": "x",
            "jitter_seconds": 5,
        }

    def test_writes_policies_to_a_row_that_has_none_yet(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        Schedule.objects.all().delete()
        assert periodic_tasks_sync(entries=[entry_make()]).is_empty

        periodic_tasks_sync(entries=[entry_make(jitter_seconds=5)])

        assert Schedule.objects.get().jitter_seconds == 5
        assert Schedule.objects.get().decided_until is None, "Beat's own, from its first look on."


class TestOnce:
    AT = datetime(2030, 1, 1, 3, tzinfo=UTC)

    def test_is_a_clocked_schedule_that_runs_one_time(self) -> None:
        periodic_tasks_sync(entries=[entry_make(when=Once(self.AT.astimezone(ZoneInfo("Europe/Paris"))))])
        row = PeriodicTask.objects.get()
        assert row.clocked is not None
        assert (row.clocked.clocked_time, row.one_off, row.crontab, row.interval) == (self.AT, True, None, None)
        row.full_clean()

    def test_becomes_something_else_and_back(self) -> None:
        for when, one_off in ((Once(self.AT), True), (Every(timedelta(hours=1)), False), (Once(self.AT), True)):
            periodic_tasks_sync(entries=[entry_make(when=when)])
            assert PeriodicTask.objects.get().one_off is one_off
        assert ClockedSchedule.objects.count() == 1

    def _end(self) -> None:
        """What beat does when the moment has come."""
        PeriodicTask.objects.update(enabled=False, last_run_at=self.AT, total_run_count=1)
        Schedule.objects.update(decided_until=self.AT)

    def test_that_beat_ended_is_not_edited(self) -> None:
        entries = [entry_make(when=Once(self.AT))]
        periodic_tasks_sync(entries=entries)
        self._end()

        plan = periodic_tasks_sync(entries=entries)

        assert plan.is_empty
        assert not plan.drift
        assert not PeriodicTask.objects.get().enabled
        (line,) = periodic_tasks_sync(entries=[]).lines
        assert line.action is SyncAction.DELETED

    def test_that_beat_ended_starts_again_at_a_new_moment(self) -> None:
        periodic_tasks_sync(entries=[entry_make(when=Once(self.AT))])
        self._end()
        periodic_tasks_sync(entries=[entry_make(when=Once(self.AT + timedelta(days=1)))])
        assert PeriodicTask.objects.get().enabled

    def test_that_an_admin_disabled_before_its_moment_is_edited(self) -> None:
        entries = [entry_make(when=Once(self.AT))]
        periodic_tasks_sync(entries=entries)
        PeriodicTask.objects.update(enabled=False)
        assert periodic_tasks_sync(entries=entries).drift

    def test_that_code_disables_has_no_edit_when_its_moment_has_passed(self) -> None:
        entries = [entry_make(when=Once(self.AT), enabled=False)]
        periodic_tasks_sync(entries=entries)
        Schedule.objects.update(decided_until=self.AT)
        plan = periodic_tasks_sync(entries=entries)
        assert plan.is_empty
        assert not plan.drift


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
