from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoAssertNumQueries

from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.selectors import RUNS_SHOWN, Schedule, runs_latest, schedule_rows, schedules_with_runs
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _run(row: PeriodicTask, due_at: datetime, state: RunState = RunState.SUCCESS, **columns: Any) -> ScheduleRun:
    return ScheduleRun.objects.create(periodic_task=row, due_at=due_at, state=state, **columns)


def _schedule(row: PeriodicTask) -> Schedule:
    with time_machine.travel(NOON, tick=False):
        return schedules_with_runs(schedule_rows(PeriodicTask.objects.filter(pk=row.pk)))[0]


class TestRunsLatest:
    def test_returns_the_last_ones_of_each_oldest_first(self) -> None:
        one, other = schedule_make("One", Every(MINUTE)), schedule_make("Other", Every(MINUTE))
        for number in range(5):
            _run(one, NOON + number * MINUTE)
        _run(other, NOON)

        runs = runs_latest([one.pk, other.pk], count=3)

        assert [run.due_at for run in runs[one.pk]] == [NOON + number * MINUTE for number in (2, 3, 4)]
        assert [run.due_at for run in runs[other.pk]] == [NOON]

    def test_is_one_query_for_all(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        rows = [schedule_make(f"Schedule {number}", Every(MINUTE)) for number in range(5)]
        for row in rows:
            _run(row, NOON)
        with django_assert_num_queries(1):
            assert len(runs_latest([row.pk for row in rows])) == 5


class TestSchedule:
    def test_is_read_with_its_runs_in_two_queries(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        for number in range(5):
            _run(schedule_make(f"Schedule {number}", Cron("0 * * * *"), policies={}), NOON)
        with django_assert_num_queries(2):
            schedules = schedules_with_runs(schedule_rows(PeriodicTask.objects.order_by("name")))
            assert all(one.in_words and one.next_run_at and not one.is_overdue and one.runs for one in schedules)

    def test_runs_next_after_its_start_time(self) -> None:
        row = schedule_make("Later", Cron("0 * * * *"), start_time=NOON + timedelta(days=1))
        assert _schedule(row).next_run_at == NOON + timedelta(days=1)

    @pytest.mark.parametrize(("hours", "next_run_at"), [(1, None), (2, NOON + timedelta(hours=1))])
    def test_runs_next_before_it_expires_or_never(self, hours: int, next_run_at: datetime | None) -> None:
        row = schedule_make("Ends", Cron("0 * * * *"), expires=NOON + timedelta(hours=hours))
        assert _schedule(row).next_run_at == next_run_at

    @pytest.mark.parametrize(
        ("decided_until", "is_overdue"),
        [(NOON - timedelta(hours=2), True), (NOON - timedelta(minutes=5), False), (NOON - MINUTE, False)],
    )
    def test_is_overdue_when_no_beat_decided_its_due_time(self, decided_until: datetime, is_overdue: bool) -> None:  # noqa: FBT001
        row = schedule_make("Hourly", Cron("0 * * * *"), policies={"decided_until": decided_until})
        assert _schedule(row).is_overdue is is_overdue

    def test_is_overdue_when_beat_said_that_no_worker_starts_it(self) -> None:
        row = schedule_make("Hourly", Cron("0 * * * *"), policies={"overdue_logged_at": NOON})
        assert _schedule(row).is_overdue

    def test_is_not_overdue_while_it_is_disabled(self) -> None:
        policies = {"decided_until": NOON - timedelta(days=2), "overdue_logged_at": NOON}
        row = schedule_make("Hourly", Cron("0 * * * *"), policies=policies, enabled=False)
        assert not _schedule(row).is_overdue

    def test_never_ran_until_a_run_is_known(self) -> None:
        row = schedule_make("New", Cron("0 * * * *"))
        assert _schedule(row).never_ran
        _run(row, NOON)
        assert not _schedule(row).never_ran

    def test_tells_how_long_the_last_run_took_that_ended(self) -> None:
        row = schedule_make("Hourly", Cron("0 * * * *"))
        _run(row, NOON, started_at=NOON, finished_at=NOON + MINUTE)
        _run(row, NOON + MINUTE, RunState.SKIPPED, finished_at=NOON)
        _run(row, NOON + 2 * MINUTE, RunState.RUNNING, started_at=NOON)
        assert _schedule(row).last_duration == MINUTE

    def test_says_what_the_dots_show(self) -> None:
        row = schedule_make("Hourly", Cron("0 * * * *"))
        for number in range(RUNS_SHOWN + 5):
            _run(row, NOON + number * MINUTE)
        _run(row, timezone.now() + timedelta(days=9), RunState.FAILURE)
        assert _schedule(row).runs_in_words == "Last 20 runs: 19 success, 1 failure. The last one: failure."

    def test_names_a_task_that_is_not_registered_any_more(self) -> None:
        row = schedule_make("Gone", Cron("0 * * * *"), task="shop.tasks.gone")
        assert "shop.tasks.gone" in _schedule(row).problem

    def test_names_a_task_that_may_not_be_scheduled(self) -> None:
        row = schedule_make("Forbidden", Cron("0 * * * *"), task="styleguide_example.emails.tasks.email_send")
        assert "may not be scheduled" in _schedule(row).problem
