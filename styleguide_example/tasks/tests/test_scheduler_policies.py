"""What a schedule's policies do to its runs: jitter, overlap, one time only, start and end, expiry."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from pytest_django import Settings

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.enums import Overlap, RunState
from styleguide_example.tasks.models import Schedule, ScheduleRun
from styleguide_example.tasks.runs import runs_sweep
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, due_written, runs_of, schedule_make
from styleguide_example.tasks.timing import Cron, Every, Once

pytestmark = [pytest.mark.no_services, pytest.mark.django_db]

TEN = Every(10 * SECOND)
HOURLY = Every(3600 * SECOND)


def _jitter(row: PeriodicTask) -> timedelta:
    """How long after its due time, the next full hour, beat fires this one schedule."""
    beat = Beat().lead()
    seconds = beat.tick()
    beat.scheduler.close()
    assert row.pk
    return timedelta(seconds=round(seconds)) - 3600 * SECOND


class TestJitter:
    def test_delays_the_run_and_keeps_its_due_time(self, queue: Queue) -> None:
        row = schedule_make("Sweep", HOURLY, policies={"jitter_seconds": 600})
        delay = _jitter(row)
        assert delay
        beat = Beat().lead()

        beat.run_until(NOON + 3600 * SECOND + delay - SECOND)
        assert runs_of(row) == []
        beat.run_until(NOON + 3600 * SECOND + delay)

        assert due_written(row) == [NOON + 3600 * SECOND]
        assert row.runs.get().woken_at is not None

    def test_is_within_its_window_and_the_same_at_each_start(self, queue: Queue) -> None:
        row = schedule_make("Sweep", HOURLY, policies={"jitter_seconds": 600})
        delays = {_jitter(row) for _ in range(3)}
        assert len(delays) == 1
        assert timedelta(0) <= delays.pop() <= 600 * SECOND

    def test_is_another_one_for_each_schedule(self, queue: Queue) -> None:
        rows = [schedule_make(f"Sweep {number}", HOURLY, policies={"jitter_seconds": 3000}) for number in range(20)]
        beat = Beat().lead()
        fired_at = set()
        while beat.now < NOON + timedelta(hours=1, minutes=50):
            beat.now += timedelta(seconds=beat.tick())
            fired_at.add(beat.now)
        assert len(fired_at) > len(rows) / 2

    def test_is_another_one_in_each_installation(self, queue: Queue, settings: Settings) -> None:
        row = schedule_make("Sweep", HOURLY, policies={"jitter_seconds": 3000})
        delays = set()
        for number in range(10):
            settings.APP_BASE_URL = f"https://{number}.example"
            delays.add(_jitter(row))
        assert len(delays) > 5

    def test_loses_and_doubles_nothing_over_restarts(self, queue: Queue) -> None:
        row = schedule_make("Sweep", Every(60 * SECOND), policies={"jitter_seconds": 50})
        for start in range(0, 600, 45):
            beat = Beat(NOON + start * SECOND).lead()
            beat.run_until(NOON + (start + 45) * SECOND)
            beat.scheduler.close()
        assert due_written(row)[:9] == [NOON + number * 60 * SECOND for number in range(1, 10)]
        assert {covers for _, _, covers in runs_of(row)} == {0}

    def test_may_be_longer_than_the_interval(self, queue: Queue) -> None:
        rows = [schedule_make(f"Sweep {n}", TEN, policies={"jitter_seconds": 600}) for n in range(5)]
        Beat().lead().run_until(NOON + 900 * SECOND)
        tens = [NOON + number * 10 * SECOND for number in range(1, 31)]
        assert [due_written(row)[:30] for row in rows] == [tens] * 5

    @pytest.mark.parametrize(("before", "after"), [(50, 0), (0, 50), (50, 7)])
    def test_loses_and_doubles_nothing_when_it_is_changed(self, queue: Queue, before: int, after: int) -> None:
        rows = [
            schedule_make(f"Sweep {number}", Every(60 * SECOND), policies={"jitter_seconds": before})
            for number in range(10)
        ]
        beat = Beat().lead()
        beat.run_until(NOON + 205 * SECOND)
        Schedule.objects.update(jitter_seconds=after)
        PeriodicTasks.update_changed()
        beat.run_until(NOON + 360 * SECOND)

        assert [due_written(row)[:5] for row in rows] == [[NOON + n * 60 * SECOND for n in range(1, 6)]] * 10
        assert {covers for row in rows for _, _, covers in runs_of(row)} == {0}


class TestOverlap:
    def test_is_allowed_unless_told_otherwise(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        Beat().lead().run_until(NOON + 20 * SECOND)
        assert [state for _, state, _ in runs_of(row)] == [RunState.WAITING] * 2

    @pytest.mark.parametrize("state", [RunState.WAITING, RunState.RUNNING, RunState.RETRY])
    def test_is_skipped_while_the_last_run_is_still_going(self, queue: Queue, state: RunState) -> None:
        row = schedule_make("Sweep", TEN, policies={"overlap": Overlap.SKIP})
        beat = Beat().lead()
        beat.tick(NOON + 10 * SECOND)
        ScheduleRun.objects.update(state=state)

        beat.tick(NOON + 20 * SECOND)

        assert [state for _, state, _ in runs_of(row)] == [state, RunState.SKIPPED]
        assert len(queue) == 1
        skipped = row.runs.get(state=RunState.SKIPPED)
        assert skipped.finished_at == NOON + 20 * SECOND
        assert skipped.next_attempt_at is None

    @pytest.mark.parametrize("state", [RunState.SUCCESS, RunState.FAILURE, RunState.EXPIRED, RunState.LOST])
    def test_is_none_once_the_last_run_has_ended(self, queue: Queue, state: RunState) -> None:
        row = schedule_make("Sweep", TEN, policies={"overlap": Overlap.SKIP})
        beat = Beat().lead()
        beat.tick(NOON + 10 * SECOND)
        ScheduleRun.objects.update(state=state, next_attempt_at=None)

        beat.tick(NOON + 20 * SECOND)

        assert [state for _, state, _ in runs_of(row)] == [state, RunState.WAITING]

    def test_is_skipped_no_longer_than_until_the_last_run_expires(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN, policies={"overlap": Overlap.SKIP}, expire_seconds=10)
        now = timezone.now().replace(microsecond=0)
        beat = Beat(now).lead()
        beat.run_until(now + 20 * SECOND)
        ScheduleRun.objects.update(expires_at=now - SECOND)  # its message was lost, and ten seconds have passed
        runs_sweep()

        beat.run_until(now + 40 * SECOND)

        states = [state for _, state, _ in runs_of(row)]
        assert states[0] == RunState.EXPIRED
        assert RunState.WAITING in states[2:]

    def test_is_skipped_among_due_times_that_are_fired_together(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN, policies={"overlap": Overlap.SKIP})
        Beat().lead().tick(NOON + 25 * SECOND)
        assert [state for _, state, _ in runs_of(row)] == [RunState.WAITING, RunState.SKIPPED]

    def test_is_a_matter_of_one_schedule(self, queue: Queue) -> None:
        rows = [schedule_make(f"Sweep {number}", TEN, policies={"overlap": Overlap.SKIP}) for number in range(2)]
        Beat().lead().tick(NOON + 10 * SECOND)
        assert [runs_of(row)[0][1] for row in rows] == [RunState.WAITING] * 2


class TestOneOff:
    def test_runs_once_and_is_disabled(self, queue: Queue) -> None:
        row = schedule_make("Once", Once(NOON + 30 * SECOND))
        beat = Beat().lead()
        assert beat.tick() == 30

        beat.run_until(NOON + timedelta(days=1))

        assert runs_of(row) == [("12:00:30", RunState.WAITING, 0)]
        row.refresh_from_db()
        assert not row.enabled
        assert (row.total_run_count, row.last_run_at) == (1, NOON + 30 * SECOND)

    @pytest.mark.parametrize("late", [1, 25, 3600])
    def test_runs_once_though_it_could_several_times(self, queue: Queue, late: int) -> None:
        row = schedule_make("Once", TEN, one_off=True)
        beat = Beat().lead()
        beat.tick(NOON + (10 + late) * SECOND)
        beat.run_until(NOON + timedelta(hours=2))
        assert [state for _, state, _ in runs_of(row)] == [RunState.WAITING]
        row.refresh_from_db()
        assert not row.enabled

    def test_is_made_up_for_when_beat_was_down_at_its_moment(self, queue: Queue) -> None:
        row = schedule_make("Once", Once(NOON + 30 * SECOND))
        Beat().lead().scheduler.close()
        Beat(NOON + timedelta(days=1)).lead().tick()
        assert runs_of(row) == [("12:00:30", RunState.WAITING, 0)]


class TestStartAndEnd:
    def test_are_honoured(self, queue: Queue) -> None:
        row = schedule_make(
            "Sweep", Cron("* * * * *"), start_time=NOON + timedelta(minutes=2), expires=NOON + timedelta(minutes=5)
        )
        Beat().lead().run_until(NOON + timedelta(minutes=10))
        assert [time for time, _, _ in runs_of(row)] == ["12:02:00", "12:03:00", "12:04:00"]

    def test_are_where_an_interval_is_counted_from(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN, start_time=NOON + 33 * SECOND)
        Beat().lead().run_until(NOON + 60 * SECOND)
        assert [time for time, _, _ in runs_of(row)] == ["12:00:33", "12:00:43", "12:00:53"]

    def test_of_a_downtime_are_not_overstepped(self, queue: Queue) -> None:
        row = schedule_make(
            "Sweep", Cron("* * * * *"), start_time=NOON + timedelta(minutes=2), expires=NOON + timedelta(minutes=5)
        )
        Beat().lead().tick(NOON + timedelta(hours=1))
        assert runs_of(row) == [("12:04:00", RunState.WAITING, 2)]


class TestExpiry:
    def test_is_counted_from_when_the_run_was_written(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN, expire_seconds=60)
        Beat().lead().tick(NOON + 10 * SECOND)
        assert row.runs.get().expires_at == NOON + 70 * SECOND

    def test_does_not_travel_with_the_message_where_the_broker_would_drop_it_unseen(self, queue: Queue) -> None:
        """The gate in the worker looks at the row, so that the row tells what happened."""
        schedule_make("Sweep", TEN, expire_seconds=60)
        Beat().lead().tick(NOON + 10 * SECOND)
        (message,) = messages_take(celery_app)
        headers: dict[str, Any] = message.headers
        assert headers["expires"] is None


class TestPolicies:
    def test_are_made_for_a_row_that_came_another_way(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        assert not Schedule.objects.exists()
        beat = Beat().lead()
        beat.run_until(NOON + 10 * SECOND)
        policies = Schedule.objects.get()
        assert (policies.periodic_task_id, policies.overlap, policies.jitter_seconds) == (row.pk, Overlap.ALLOW, 0)
