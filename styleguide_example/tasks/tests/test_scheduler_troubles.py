"""What goes wrong in one schedule, in the broker or in the database, and what it must not do to the others."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django_celery_beat.models import (
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from structlog.testing import capture_logs

from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.common.wakeups import broker_pause_end
from styleguide_example.emails.tasks import email_send
from styleguide_example.tasks.enums import MissedRuns, RunState
from styleguide_example.tasks.leadership import STANDBY_SECONDS
from styleguide_example.tasks.models import BeatLeader, Schedule, ScheduleRun
from styleguide_example.tasks.scheduler import DATABASE_PAUSE_SECONDS
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, due_written, runs_of, schedule_make
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

TEN = Every(10 * SECOND)


def _nothing() -> None: ...


def _errors(lines: list[Any], event: str) -> list[str]:
    return [line["schedule"] for line in lines if line["event"] == event and line["log_level"] == "error"]


def _broken(name: str, **columns: Any) -> PeriodicTask:
    """A row with a timing that beat cannot read."""
    row = schedule_make(name, TEN)
    PeriodicTask.objects.filter(pk=row.pk).update(**{"interval": None, **columns})
    return row


class TestScheduleThatCannotBeFired:
    @pytest.fixture
    def rows(self) -> list[PeriodicTask]:
        """One of each kind."""
        return [
            schedule_make("Unknown task", TEN, task="gone.task"),
            schedule_make("Not schedulable", TEN, task=email_send.name, kwargs='{"email_id": 1}'),
            _broken("No timing"),
            _broken("Impossible", crontab=CrontabSchedule.objects.create(minute="0", hour="99")),
            _broken("Never", crontab=CrontabSchedule.objects.create(day_of_month="31", month_of_year="2")),
            _broken("Too fast", interval=IntervalSchedule.objects.create(every=10, period="microseconds")),
            _broken("Backwards", interval=IntervalSchedule.objects.create(every=-10, period="seconds")),
            _broken("Eternal", interval=IntervalSchedule.objects.create(every=2**31 - 1, period="days")),
            _broken("After all years", interval=IntervalSchedule.objects.create(every=4_000_000, period="days")),
            _broken(
                "Sun", solar=SolarSchedule.objects.create(event="sunset", latitude="48.857000", longitude="2.352000")
            ),
        ]

    def test_stops_no_other_is_kept_and_is_reported_once(self, queue: Queue, rows: list[PeriodicTask]) -> None:
        other = schedule_make("Other", TEN)
        with capture_logs() as lines:
            beat = Beat().lead()
            beat.run_until(NOON + 30 * SECOND)
            beat.minute_passes()
            PeriodicTasks.update_changed()
            beat.run_until(NOON + 60 * SECOND)

        assert due_written(other) == [NOON + number * 10 * SECOND for number in range(1, 7)]
        assert [run for row in rows for run in runs_of(row)] == []
        assert sorted(_errors(lines, "schedule_cannot_be_fired")) == sorted(row.name for row in rows)
        assert PeriodicTask.objects.filter(enabled=True).count() == len(rows) + 1

    def test_because_its_time_zone_is_gone_stops_no_other(self, queue: Queue) -> None:
        """Zones are renamed, and then a new machine does not know the old name."""
        row = schedule_make("Zone", Cron("* * * * *", "Europe/Paris"))
        other = schedule_make("Other", TEN)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Olympus'")
        with capture_logs() as lines:
            Beat().lead().run_until(NOON + 10 * SECOND)
        assert due_written(other) == [NOON + 10 * SECOND]
        assert runs_of(row) == []
        assert _errors(lines, "schedule_cannot_be_fired") == ["Zone"]

    def test_is_reported_again_when_it_was_edited_in_vain(self, queue: Queue) -> None:
        row = schedule_make("Unknown task", TEN, task="gone.task")
        with capture_logs() as lines:
            beat = Beat().lead()
            row.task = "gone.too"
            row.save()
            beat.tick()
        assert _errors(lines, "schedule_cannot_be_fired") == ["Unknown task"] * 2

    def test_is_not_reported_again_when_the_lead_comes_back(self, queue: Queue) -> None:
        schedule_make("Unknown task", TEN, task="gone.task")
        with capture_logs() as lines:
            beat = Beat().lead()
            beat.scheduler._leadership.release()
            beat.lead()
        assert _errors(lines, "schedule_cannot_be_fired") == ["Unknown task"]

    def test_is_reported_with_what_to_do(self, queue: Queue) -> None:
        schedule_make("Unknown task", TEN, task="gone.task")
        schedule_make("Not schedulable", TEN, task=email_send.name)
        with capture_logs() as lines:
            Beat().lead()
        errors = {line["schedule"]: line["error"] for line in lines if line["event"] == "schedule_cannot_be_fired"}
        assert errors == {
            "Unknown task": "No task is called gone.task; deploy the code that has it, or delete the schedule.",
            "Not schedulable": f"{email_send.name} may not be scheduled; declare it with schedulable=True.",
        }

    def test_is_fired_when_it_was_repaired(self, queue: Queue) -> None:
        row = schedule_make("Unknown task", TEN, task="gone.task")
        beat = Beat().lead()
        with task_registered(_nothing, schedulable=True) as task:
            row.task = task.name
            row.save()
            beat.run_until(NOON + 10 * SECOND)
        assert due_written(row) == [NOON + 10 * SECOND]


class TestRunThatCannotBeCalled:
    @pytest.mark.parametrize(
        "columns",
        [{"kwargs": "not json"}, {"args": "{]"}, {"headers": "x"}, {"kwargs": '{"color": "red"}'}, {"args": "7"}],
        ids=str,
    )
    def test_fails_and_stops_no_other(self, queue: Queue, columns: dict[str, str]) -> None:
        row = schedule_make("Broken", TEN)
        PeriodicTask.objects.filter(pk=row.pk).update(**columns)
        others = [schedule_make(f"Other {number}", TEN) for number in range(2)]

        with capture_logs() as lines:
            Beat().lead().run_until(NOON + 20 * SECOND)

        assert [state for _, state, _ in runs_of(row)] == [RunState.FAILURE] * 2
        assert row.runs.exclude(error="").filter(finished_at__isnull=False, next_attempt_at=None).count() == 2
        assert [len(due_written(other, RunState.WAITING)) for other in others] == [2, 2]
        assert len(queue) == 4
        assert set(_errors(lines, "schedule_cannot_be_called")) == {"Broken"}


class TestDueTimeThatIsWritten:
    def test_is_not_fired_again_and_stops_no_other(self, queue: Queue) -> None:
        """Another beat that thinks it leads was faster."""
        row, other = schedule_make("Sweep", TEN), schedule_make("Other", TEN)
        beat = Beat().lead()
        ScheduleRun.objects.create(periodic_task=row, due_at=NOON + 10 * SECOND)

        beat.run_until(NOON + 20 * SECOND)

        assert due_written(row) == due_written(other) == [NOON + 10 * SECOND, NOON + 20 * SECOND]
        assert len(queue) == 3


@pytest.mark.django_db(transaction=True)
class TestScheduleThatWasDeleted:
    def test_behind_beats_back_stops_no_other(self, queue: Queue) -> None:
        """The check of the foreign key comes at the commit."""
        row, other = schedule_make("Sweep", TEN), schedule_make("Other", TEN)
        beat = Beat().lead()
        Schedule.objects.filter(periodic_task=row).delete()
        rows = PeriodicTask.objects.filter(pk=row.pk)
        rows._raw_delete(rows.db)

        beat.tick(NOON + 10 * SECOND)
        assert due_written(other) == [NOON + 10 * SECOND], "At once, not after a pause."
        beat.run_until(NOON + 20 * SECOND)

        assert due_written(other) == [NOON + 10 * SECOND, NOON + 20 * SECOND]
        assert not ScheduleRun.objects.filter(periodic_task=row.pk).exists()


@pytest.mark.django_db(transaction=True)
class TestDatabaseAway:
    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("styleguide_example.common.persistence.PAUSES_SECONDS", (0.0,))

    def test_is_waited_for_and_nothing_is_lost(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        beat = Beat().lead()
        with connection.execute_wrapper(DatabaseAway(times=1)):
            assert beat.tick(NOON + 10 * SECOND) == DATABASE_PAUSE_SECONDS
        beat.run_until(NOON + 20 * SECOND)
        assert due_written(row) == [NOON + 10 * SECOND, NOON + 20 * SECOND]
        assert len(queue) == 2

    @pytest.mark.parametrize("statement", range(2, 9))
    def test_in_the_middle_of_firing_loses_and_doubles_nothing(self, queue: Queue, statement: int) -> None:
        row = schedule_make("Sweep", TEN, one_off=False)
        beat = Beat().lead()
        with connection.execute_wrapper(_CutAt(statement)):
            beat.tick(NOON + 10 * SECOND)
        beat.run_until(NOON + 20 * SECOND)
        assert due_written(row) == [NOON + 10 * SECOND, NOON + 20 * SECOND]
        assert {state for _, state, _ in runs_of(row)} == {RunState.WAITING}

    @pytest.mark.parametrize("statement", range(1, 12))
    def test_while_taking_the_lead_is_waited_for(self, queue: Queue, statement: int) -> None:
        row = schedule_make("Sweep", TEN)
        beat = Beat()
        with connection.execute_wrapper(_CutAt(statement)):
            beat.tick()
        beat.run_until(NOON + 20 * SECOND)
        assert due_written(row) == [NOON + 10 * SECOND, NOON + 20 * SECOND]

    def test_is_reported_once(self, queue: Queue) -> None:
        beat = Beat().lead()
        with capture_logs() as lines, connection.execute_wrapper(DatabaseAway(times=1000)):
            for _ in range(3):
                beat.tick()
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["beat_waits_for_the_database"]

    def test_does_not_keep_beat_from_ending(self, queue: Queue) -> None:
        beat = Beat().lead()
        with connection.execute_wrapper(DatabaseAway(times=1000)):
            beat.scheduler.close()
        assert BeatLeader.objects.get().lease_token is not None


class TestBrokerAway:
    def test_loses_nothing_and_is_left_to_another_beat(self, broker: Broker, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        beat = Beat().lead()
        with broker.down():
            beat.tick(NOON + 10 * SECOND)
            assert not beat.is_leading()
            with capture_logs() as lines:
                assert beat.tick() == STANDBY_SECONDS
            assert lines == [], "It stands back, and does not even ask."
            assert runs_of(row) == [("12:00:10", RunState.WAITING, 0)]
            assert row.runs.get().woken_at is None
        broker_pause_end()

        other = Beat(NOON + 20 * SECOND).lead()
        other.tick()
        other.tick()

        assert due_written(row) == [NOON + 10 * SECOND, NOON + 20 * SECOND]
        assert row.runs.filter(woken_at=None).count() == 0
        assert len(queue) == 2

    def test_is_tried_again_by_the_same_beat(self, broker: Broker, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        beat = Beat().lead()
        with broker.down():
            beat.tick(NOON + 10 * SECOND)
        broker_pause_end()
        beat.scheduler._stand_back_until = 0.0
        beat.tick()
        assert beat.is_leading()
        assert row.runs.get().woken_at is not None
        assert len(queue) == 1

    @pytest.mark.parametrize(
        ("policy", "state"), [(MissedRuns.RUN_ONCE, RunState.WAITING), (MissedRuns.SKIP, RunState.MISSED)]
    )
    def test_for_an_hour_is_a_downtime(self, broker: Broker, queue: Queue, policy: MissedRuns, state: RunState) -> None:
        row = schedule_make("Sweep", Cron("*/10 * * * *"), policies={"missed_runs": policy})
        beat = Beat().lead()
        with broker.down():
            beat.tick(NOON + timedelta(minutes=10))
            beat.scheduler._stand_back_until = 0.0
            beat.tick(NOON + timedelta(minutes=30))
        broker_pause_end()
        beat.scheduler._stand_back_until = 0.0
        beat.now = NOON + timedelta(minutes=55)
        beat.lead().tick()
        assert runs_of(row) == [("12:10:00", RunState.WAITING, 0), ("12:50:00", state, 3)]
        assert len(queue) == len(due_written(row, RunState.WAITING))


class _CutAt:
    """The connection is cut at the n-th statement, once."""

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)
