"""What was written and not sent, not taken, or not survived by its worker."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.common.wakeups import broker_pause_end
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.runs import ATTEMPTS_MAX, WAKE_AGAIN_SECONDS, runs_sweep
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, runs_of, schedule_make
from styleguide_example.tasks.tests.workers import run_make
from styleguide_example.tasks.timing import Every

pytestmark = pytest.mark.django_db

AGO = timedelta(seconds=WAKE_AGAIN_SECONDS + 1)
DEAD: dict[str, Any] = {"state": RunState.RUNNING, "lease_owner": "dead", "attempts": 1}


def _row() -> PeriodicTask:
    return schedule_make("Sweep", Every(10 * SECOND))


def _dead(row: PeriodicTask, **columns: Any) -> ScheduleRun:
    """A run whose worker was killed."""
    past = timezone.now() - timedelta(seconds=1)
    return run_make(
        row, **{**DEAD, "lease_token": uuid.uuid4(), "lease_expires_at": past, "started_at": past, **columns}
    )


def _read(run: ScheduleRun) -> ScheduleRun:
    return ScheduleRun.objects.get(pk=run.pk)


class TestRunWithoutAMessage:
    def test_is_sent(self, queue: Queue) -> None:
        """Beat was killed between the row and the message."""
        run = run_make(_row())
        assert runs_sweep()
        (message,) = messages_take(celery_app)
        headers: dict[str, Any] = message.headers
        assert headers["id"] == str(run.pk)
        assert _read(run).woken_at is not None

    def test_is_sent_once(self, queue: Queue) -> None:
        run_make(_row())
        runs_sweep()
        runs_sweep()
        assert len(queue) == 1

    def test_is_sent_again_when_no_worker_took_it(self, queue: Queue) -> None:
        run_make(_row(), woken_at=timezone.now() - AGO)
        runs_sweep()
        assert len(queue) == 1

    @pytest.mark.parametrize(
        "columns",
        [
            {"state": RunState.SUCCESS, "next_attempt_at": None},
            {"state": RunState.EXPIRED, "next_attempt_at": None},
            {"state": RunState.RUNNING, "lease_token": uuid.uuid4(), "lease_expires_at": NOON.replace(year=2100)},
            {"state": RunState.RETRY, "next_attempt_at": NOON.replace(year=2100)},
        ],
        ids=lambda columns: str(columns["state"]),
    )
    def test_is_none_where_there_is_nothing_to_wake(self, queue: Queue, columns: dict[str, Any]) -> None:
        run = run_make(_row(), **columns)
        runs_sweep()
        assert len(queue) == 0
        assert _read(run).state == columns["state"]

    def test_waits_for_the_broker(self, broker: Broker, queue: Queue) -> None:
        run = run_make(_row())
        with broker.down():
            assert not runs_sweep()
            assert _read(run).woken_at is None
        broker_pause_end()
        assert runs_sweep()
        assert len(queue) == 1

    def test_waits_while_the_queue_is_full(self, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("styleguide_example.tasks.runs.SWEEP_LIMIT", 2)
        row = _row()
        for number in range(3):
            run_make(row, due_at=NOON + number * SECOND, next_attempt_at=NOON + number * SECOND)
        runs_sweep()
        runs_sweep()
        assert len(queue) == 2
        assert [run.woken_at is None for run in ScheduleRun.objects.order_by("due_at")] == [False, False, True]

    def test_of_a_task_that_is_gone_ends_and_holds_up_no_other(self, queue: Queue) -> None:
        gone = run_make(schedule_make("Gone", Every(10 * SECOND), task="gone.task"), next_attempt_at=NOON)
        other = run_make(_row())
        runs_sweep()
        assert _read(gone).state == RunState.FAILURE
        assert "gone.task" in _read(gone).error
        assert _read(other).woken_at is not None
        assert len(queue) == 1


class TestRunThatExpired:
    def test_before_a_worker_had_it_ends(self, queue: Queue) -> None:
        run = run_make(_row(), expires_at=timezone.now() - timedelta(seconds=1))
        runs_sweep()
        run = _read(run)
        assert (run.state, run.next_attempt_at, run.started_at) == (RunState.EXPIRED, None, None)
        assert run.finished_at is not None
        assert len(queue) == 0

    def test_after_a_worker_began_it_goes_on(self, queue: Queue) -> None:
        past = timezone.now() - timedelta(seconds=1)
        run = run_make(_row(), state=RunState.RETRY, expires_at=past, started_at=past)
        runs_sweep()
        assert _read(run).state == RunState.RETRY
        assert len(queue) == 1


class TestRunWhoseWorkerDied:
    def test_is_begun_again(self, queue: Queue) -> None:
        run = _dead(_row())
        runs_sweep()
        run = _read(run)
        assert (run.state, run.attempts, run.lease_token, run.lease_owner) == (RunState.RETRY, 1, None, "")
        assert run.woken_at is not None
        assert len(queue) == 1

    def test_is_lost_when_it_killed_its_workers_too_often(self, queue: Queue) -> None:
        run = _dead(_row(), attempts=ATTEMPTS_MAX)
        runs_sweep()
        run = _read(run)
        assert (run.state, run.next_attempt_at, run.lease_token) == (RunState.LOST, None, None)
        assert run.error
        assert run.finished_at is not None
        assert len(queue) == 0

    def test_is_lost_when_it_is_too_late_to_begin_again(self, queue: Queue) -> None:
        run = _dead(_row(), expires_at=timezone.now() - timedelta(seconds=1))
        runs_sweep()
        assert _read(run).state == RunState.LOST

    def test_is_not_one_that_still_holds_its_lease(self, queue: Queue) -> None:
        run = _dead(_row(), lease_expires_at=timezone.now() + timedelta(seconds=30))
        runs_sweep()
        assert _read(run).state == RunState.RUNNING


class TestBeat:
    def test_sweeps_what_another_beat_left_behind(self, queue: Queue) -> None:
        row = _row()
        run = run_make(row)
        Beat().lead()
        assert _read(run).woken_at is not None
        assert len(queue) == 1

    def test_notices_what_is_left_behind_while_it_is_idle(self, queue: Queue) -> None:
        row = schedule_make("By hand", Every(3600 * SECOND))
        beat = Beat().lead()
        beat.tick()
        run = run_make(row)
        beat.scheduler._sweep_at = 0.0  # five seconds later
        beat.tick()
        assert _read(run).woken_at is not None

    def test_asks_in_the_statement_that_it_makes_anyway(self, queue: Queue) -> None:
        beat = Beat().lead()
        beat.tick()
        beat.scheduler._sweep_at = 0.0
        with CaptureQueriesContext(connection) as queries:
            beat.tick()
        assert len(queries) == 1

    def test_lets_the_next_run_start_when_the_last_ones_worker_died(self, queue: Queue) -> None:
        """No overlap, and no jam either."""
        row = schedule_make("Sweep", Every(10 * SECOND), policies={"overlap": "skip"})
        _dead(row, due_at=NOON, attempts=ATTEMPTS_MAX)
        Beat().lead().tick(NOON + 10 * SECOND)
        assert [state for _, state, _ in runs_of(row)] == [RunState.LOST, RunState.WAITING]
