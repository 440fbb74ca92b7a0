from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from structlog.testing import capture_logs

from styleguide_example.tasks.cleanup import LAST_RUNS_KEPT, schedule_run_cleanup
from styleguide_example.tasks.enums import OPEN_STATES, RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.tasks import schedule_run_cleanup as schedule_run_cleanup_task
from styleguide_example.tasks.tests.beats import SECOND, schedule_make
from styleguide_example.tasks.timing import Every

pytestmark = pytest.mark.django_db

OLD = timedelta(days=django_settings.SCHEDULE_RUNS_KEEP_DAYS + 1)
VERY_OLD = timedelta(days=django_settings.SCHEDULE_RUNS_KEEP_FAILED_DAYS + 1)


def _runs(number: int, *, age: timedelta, state: RunState = RunState.SUCCESS, name: str = "Sweep") -> PeriodicTask:
    """So many runs of this age, on top of the last 20 that are kept anyway."""
    row = PeriodicTask.objects.filter(name=name).first() or schedule_make(name, Every(10 * SECOND))
    if not row.runs.exists():
        _write(row, LAST_RUNS_KEPT, age=timedelta(0), state=RunState.SUCCESS)
    _write(row, number, age=age, state=state)
    return row


def _write(row: PeriodicTask, number: int, *, age: timedelta, state: RunState) -> None:
    first = timezone.now() - age
    ScheduleRun.objects.bulk_create(
        ScheduleRun(periodic_task=row, due_at=first - index * SECOND, state=state) for index in range(number)
    )


class TestScheduleRunCleanup:
    def test_deletes_what_is_old(self) -> None:
        row = _runs(3, age=OLD)
        assert schedule_run_cleanup() == 3
        assert row.runs.count() == LAST_RUNS_KEPT

    def test_keeps_what_is_not(self) -> None:
        _runs(3, age=OLD - timedelta(days=2))
        assert schedule_run_cleanup() == 0

    @pytest.mark.parametrize("state", [RunState.FAILURE, RunState.LOST, RunState.EXPIRED, RunState.MISSED])
    def test_keeps_trouble_longer(self, state: RunState) -> None:
        row = _runs(3, age=OLD, state=state)
        _runs(2, age=VERY_OLD, state=state)
        assert schedule_run_cleanup() == 2
        assert row.runs.filter(state=state).count() == 3

    @pytest.mark.parametrize("state", OPEN_STATES)
    def test_never_deletes_what_has_not_ended(self, state: RunState) -> None:
        _runs(3, age=VERY_OLD, state=state)
        assert schedule_run_cleanup() == 0

    def test_keeps_the_last_twenty_of_each_however_old(self) -> None:
        rows = [schedule_make(name, Every(10 * SECOND)) for name in ("Yearly", "Monthly")]
        for row in rows:
            _write(row, LAST_RUNS_KEPT + 5, age=VERY_OLD, state=RunState.SUCCESS)
        assert schedule_run_cleanup() == 10
        for row in rows:
            newest = VERY_OLD + LAST_RUNS_KEPT * SECOND
            assert row.runs.filter(due_at__gt=timezone.now() - newest - 30 * SECOND).count() == LAST_RUNS_KEPT

    @pytest.mark.django_db(transaction=True)
    def test_takes_a_batch_at_a_time(self) -> None:
        _runs(25, age=OLD)
        with CaptureQueriesContext(connection) as queries:
            assert schedule_run_cleanup(batch_size=10) == 25
        deletes = [query for query in queries.captured_queries if query["sql"].startswith("DELETE")]
        assert len(deletes) == 3

    def test_does_nothing_a_second_time(self) -> None:
        _runs(3, age=OLD)
        schedule_run_cleanup()
        assert schedule_run_cleanup() == 0

    def test_says_how_many(self) -> None:
        _runs(3, age=OLD)
        with capture_logs() as lines:
            schedule_run_cleanup()
        assert [(line["event"], line["runs"]) for line in lines] == [("schedule_runs_cleaned_up", 3)]

    def test_is_what_the_task_does(self) -> None:
        _runs(3, age=OLD)
        schedule_run_cleanup_task()
        assert ScheduleRun.objects.count() == LAST_RUNS_KEPT
