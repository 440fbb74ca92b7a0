"""What should run and does not is said once, not every minute."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from structlog.testing import capture_logs

from styleguide_example.common.tests.processes import Queue
from styleguide_example.tasks import overdue
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import TimetableEntry
from styleguide_example.tasks.overdue import OVERDUE_SECONDS, overdue_log
from styleguide_example.tasks.tests.beats import SECOND, Beat, schedule_make
from styleguide_example.tasks.tests.workers import run_make
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Every

pytestmark = pytest.mark.django_db

LATE = timedelta(seconds=OVERDUE_SECONDS + 5)


@pytest.fixture(autouse=True)
def _nothing_was_logged() -> Iterator[None]:
    overdue._Missing.logged = set()
    yield
    overdue._Missing.logged = set()


def _late(name: str = "Sweep", **columns: Any) -> PeriodicTask:
    """A schedule with a run that no worker started in time."""
    row = schedule_make(name, Every(10 * SECOND), policies={})
    _written(row, timezone.now() - LATE, **columns)
    return row


def _written(row: PeriodicTask, at: datetime, **columns: Any) -> None:
    """A run that was written at its due time, and ended then if it has ended."""
    run_make(row, **{"due_at": at, "next_attempt_at": at, "finished_at": at, **columns})


def _said(*, expected: tuple[str, ...] = ()) -> list[str]:
    """The schedules that are said to be overdue now."""
    with capture_logs() as lines:
        overdue_log(expected=expected)
    assert {line["log_level"] for line in lines} <= {"error"}
    return [line["schedule"] for line in lines if line["event"] == "schedule_overdue"]


class TestOverdueLog:
    def test_names_a_schedule_whose_runs_no_worker_starts(self) -> None:
        _late()
        assert _said() == ["Sweep"]

    def test_names_it_once(self) -> None:
        row = _late()
        _said()
        _written(row, timezone.now() - LATE + SECOND)
        assert _said() == []

    def test_names_each(self) -> None:
        _late("First")
        _late("Second")
        assert sorted(_said()) == ["First", "Second"]

    def test_names_it_again_after_it_was_well(self) -> None:
        row = _late()
        _said()
        run_make(row, state=RunState.SUCCESS, started_at=timezone.now() + SECOND, next_attempt_at=None)
        assert _said() == []
        assert row.policies.overdue_logged_at is None
        row.runs.all().delete()
        _written(row, timezone.now() - LATE)
        assert _said() == ["Sweep"]

    @pytest.mark.parametrize("state", [RunState.WAITING, RunState.EXPIRED])
    def test_counts_what_waits_and_what_waited_in_vain(self, state: RunState) -> None:
        _late(state=state)
        assert _said() == ["Sweep"]

    @pytest.mark.parametrize("state", [RunState.MISSED, RunState.SKIPPED, RunState.FAILURE, RunState.LOST])
    def test_does_not_count_what_became_of_it_otherwise(self, state: RunState) -> None:
        _late(state=state)
        assert _said() == []

    def test_does_not_name_what_is_only_a_little_late(self) -> None:
        row = schedule_make("Sweep", Every(10 * SECOND), policies={})
        _written(row, timezone.now() - LATE + 20 * SECOND)
        assert _said() == []

    def test_does_not_name_what_was_just_written_for_a_due_time_long_ago(self) -> None:
        """With jitter, or to make up for what was missed."""
        row = schedule_make("Sweep", Every(10 * SECOND), policies={})
        _written(row, timezone.now() - LATE, next_attempt_at=timezone.now())
        assert _said() == []

    def test_does_not_name_what_runs_again(self) -> None:
        """One run was lost long ago, and a later one was started."""
        row = _late(state=RunState.EXPIRED)
        run_make(row, state=RunState.SUCCESS, started_at=timezone.now())
        assert _said() == []

    def test_does_not_name_what_is_disabled(self) -> None:
        row = _late()
        PeriodicTask.objects.filter(pk=row.pk).update(enabled=False)
        assert _said() == []

    def test_does_not_name_what_is_history(self) -> None:
        row = schedule_make("Sweep", Every(10 * SECOND), policies={})
        _written(row, timezone.now() - timedelta(days=3))
        assert _said() == []

    def test_is_what_beat_does(self, queue: Queue) -> None:
        _late()
        with capture_logs() as lines:
            beat = Beat().lead()
            beat.minute_passes()
            beat.tick()
        assert [line["schedule"] for line in lines if line["event"] == "schedule_overdue"] == ["Sweep"]


class TestTimetableNotApplied:
    def test_names_the_entries_that_the_database_does_not_have(self) -> None:
        row = schedule_make("Applied", Every(10 * SECOND))
        TimetableEntry.objects.create(periodic_task=row, name="Applied", applied={})
        with capture_logs() as lines:
            overdue_log(expected=["Applied", "Never applied"])
        (line,) = lines
        assert (line["event"], line["missing"]) == ("timetable_not_applied", ["Never applied"])

    def test_is_said_once(self) -> None:
        overdue_log(expected=["Never applied"])
        with capture_logs() as lines:
            overdue_log(expected=["Never applied"])
        assert lines == []

    def test_is_said_by_beat(self, queue: Queue) -> None:
        with capture_logs() as lines:
            beat = Beat().lead()
            beat.minute_passes()
            beat.tick()
        (line,) = [line for line in lines if line["event"] == "timetable_not_applied"]
        assert line["missing"] == sorted(entry.name for entry in TIMETABLE)
