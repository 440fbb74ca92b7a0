"""``--reset`` and ``--reset --all``."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from pytest_django import DjangoAssertNumQueries

from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.models import Schedule, ScheduleRun, TimetableEntry
from styleguide_example.tasks.services import periodic_tasks_plan, periodic_tasks_rebuild, periodic_tasks_sync
from styleguide_example.tasks.tests.factories import by_hand, entry_make, rows_read

pytestmark = pytest.mark.django_db

LATER = datetime(2030, 1, 1, tzinfo=UTC)
BEATS_OWN = ("decided_until", "decided_for")


def _edit(name: str) -> None:
    """Everything that an admin can edit."""
    row = PeriodicTask.objects.filter(name=name)
    Schedule.objects.filter(periodic_task__name=name).update(
        jitter_seconds=5, overlap="skip", grace_seconds=5, disabled_reason="x", disabled_until=LATER
    )
    row.update(task="x", kwargs='{"a": 1}', priority=9, queue="q", enabled=False, description="x", args="[1]")
    row.update(headers='{"a": 1}', exchange="e", routing_key="r", start_time=LATER, expires=LATER)
    row.update(interval=None, crontab=CrontabSchedule.objects.create(minute="1"), last_run_at=LATER, total_run_count=3)


def _said(name: str) -> dict[str, object]:
    """What the row says, apart from its history, and from when it begins."""
    row = PeriodicTask.objects.filter(name=name).values().get()
    policies = Schedule.objects.filter(periodic_task__name=name).values().get()
    return {
        column: value
        for column, value in {**policies, **row}.items()
        if column not in {"date_changed", "updated_at", "last_run_at", "total_run_count", *BEATS_OWN}
    }


class TestReset:
    def test_drops_every_edit_and_keeps_the_history(self) -> None:
        entries = [entry_make("A"), entry_make("B")]
        periodic_tasks_sync(entries=entries)
        before = _said("A")
        _edit("A")
        run = ScheduleRun.objects.create(periodic_task=PeriodicTask.objects.get(name="A"), due_at=LATER)

        plan = periodic_tasks_sync(entries=entries, reset=True)

        assert [line.action.value for line in plan.lines] == ["changed", "unchanged"]
        assert not plan.drift
        assert _said("A") == before
        row = PeriodicTask.objects.get(name="A")
        assert (row.last_run_at, row.total_run_count, row.runs.get()) == (LATER, 3, run)

    def test_brings_back_the_name(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(name="Mine")
        periodic_tasks_sync(entries=[entry_make()], reset=True)
        assert PeriodicTask.objects.get().name == "Sweep"

    def test_of_some_leaves_the_others_and_deletes_nothing(self) -> None:
        entries = [entry_make("A"), entry_make("B"), entry_make("Gone")]
        periodic_tasks_sync(entries=entries)
        PeriodicTask.objects.update(priority=9)

        plan = periodic_tasks_sync(entries=entries[:2], reset=True, names=["B"])

        assert [(line.action.value, line.name) for line in plan.lines] == [("changed", "B")]
        assert dict(PeriodicTask.objects.values_list("name", "priority")) == {"A": 9, "B": 0, "Gone": 9}

    def test_of_a_name_that_code_does_not_know_is_refused(self) -> None:
        with pytest.raises(TimetableError, match="No entry of the timetable is called: Swep"):
            periodic_tasks_sync(entries=[entry_make()], reset=True, names=["Swep"])

    def test_never_touches_a_row_of_others(self) -> None:
        by_hand(priority=9)
        before = PeriodicTask.objects.values().get()
        periodic_tasks_sync(entries=[entry_make()], reset=True)
        assert PeriodicTask.objects.filter(name="By hand").values().get() == before


class TestRebuild:
    def test_leaves_what_code_says_and_nothing_else(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("Gone")])
        before = _said("A")
        _edit("A")
        _edit("Gone")
        ScheduleRun.objects.create(periodic_task=by_hand("By hand"), due_at=LATER)
        by_hand("B")

        plan = periodic_tasks_rebuild(entries=[entry_make("A"), entry_make("B")])

        assert [(line.action.value, line.name) for line in plan.lines] == [
            ("changed", "A"),
            ("changed", "B"),
            ("deleted", "By hand"),
            ("deleted", "Gone"),
        ]
        assert _said("A") == before
        assert PeriodicTask.objects.get(name="A").total_run_count == 3, "Its history stays."
        assert not ScheduleRun.objects.exists()
        assert set(PeriodicTask.objects.values_list("name", flat=True)) == {"A", "B"}
        assert set(TimetableEntry.objects.values_list("name", flat=True)) == {"A", "B"}
        assert periodic_tasks_rebuild(entries=[entry_make("A"), entry_make("B")]).is_empty

    def test_takes_the_name_back_from_a_row_of_others(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(name="Mine")
        by_hand("Sweep")

        plan = periodic_tasks_rebuild(entries=[entry_make()])

        assert plan.counts[SyncAction.DELETED] == 1
        assert PeriodicTask.objects.get().timetable_entry.name == "Sweep"


class TestPeriodicTasksPlan:
    @pytest.mark.parametrize("how", [{}, {"reset": True}, {"adopt": True}, {"rebuild": True}], ids=str)
    def test_writes_nothing_and_is_what_the_sync_does(self, how: dict[str, Any]) -> None:
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("Gone")])
        _edit("A")
        by_hand()
        entries = [entry_make("A", priority=3), entry_make("New")]
        before = rows_read()

        plan = periodic_tasks_plan(entries=entries, **how)

        assert rows_read() == before
        applied = (
            periodic_tasks_rebuild(entries=entries) if "rebuild" in how else periodic_tasks_sync(entries=entries, **how)
        )
        assert plan == applied
        assert periodic_tasks_plan(entries=entries).is_empty

    def test_is_three_queries_however_many_there_are(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("Gone")])
        with django_assert_num_queries(3):
            periodic_tasks_plan(entries=[entry_make("A", priority=3), entry_make("New")])
