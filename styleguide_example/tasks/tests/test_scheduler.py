"""What beat fires, and how: rows first, messages after them."""

from datetime import timedelta
from typing import Any

import kombu
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from pytest_django import Settings

from styleguide_example.common.tests.brokers import message_priority, messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.core.enums import Priority, broker_priority
from styleguide_example.emails.tasks import email_cleanup, email_sweep
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.enums import RunState, RunTrigger
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.scheduler import LeasedScheduler
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, due_written, runs_of, schedule_make
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.tasks.timing import Every

pytestmark = pytest.mark.django_db

TEN = Every(10 * SECOND)


def _report_send(report_id: int, *, language: str = "en") -> None: ...


class TestLeasedScheduler:
    def test_is_the_one_that_celery_beat_starts(self) -> None:
        app: Any = celery_app
        scheduler = app.Beat().scheduler_cls
        assert scheduler == f"{LeasedScheduler.__module__}:{LeasedScheduler.__qualname__}"
        assert issubclass(LeasedScheduler, DatabaseScheduler)

    def test_writes_no_schedules_of_its_own(self) -> None:
        Beat().lead()
        assert not PeriodicTask.objects.exists()

    def test_asks_again_as_soon_as_the_settings_say(self) -> None:
        scheduler = LeasedScheduler(app=celery_app)
        assert scheduler.tick() == scheduler.max_interval == django_settings.CELERY_BEAT_MAX_LOOP_INTERVAL <= 5
        scheduler.close()

    def test_tells_the_databases_time_unless_told_otherwise(self) -> None:
        scheduler = LeasedScheduler(app=celery_app)
        scheduler.tick()
        assert abs(scheduler._now() - timezone.now()) < timedelta(seconds=5)
        scheduler.close()


class TestFiring:
    def test_writes_a_run_for_each_due_time_and_sleeps_until_the_next(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        beat = Beat().lead()

        assert beat.tick(NOON + 9 * SECOND) == 1
        assert runs_of(row) == []
        assert beat.tick(NOON + 10 * SECOND) == 10
        assert beat.tick(NOON + 20 * SECOND) == 10

        assert runs_of(row) == [("12:00:10", RunState.WAITING, 0), ("12:00:20", RunState.WAITING, 0)]
        assert len(queue) == 2

    def test_notes_when_and_how_often(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        beat = Beat().lead()
        beat.run_until(NOON + 31 * SECOND)

        row.refresh_from_db()
        assert (row.last_run_at, row.total_run_count) == (NOON + 30 * SECOND, 3)
        assert row.policies.decided_until == NOON + 30 * SECOND

    def test_begins_when_it_first_sees_a_schedule(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        Beat(NOON + 5 * SECOND).lead()
        assert runs_of(row) == []
        assert row.policies.decided_for == "every 10 seconds"

    def test_goes_on_where_the_last_beat_ended(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        first = Beat().lead()
        first.run_until(NOON + 20 * SECOND)
        first.scheduler.close()

        second = Beat(NOON + 25 * SECOND).lead()
        second.run_until(NOON + 40 * SECOND)

        assert due_written(row) == [NOON + number * 10 * SECOND for number in range(1, 5)]

    def test_is_fired_before_it_is_published_and_published_before_it_is_claimed(self, queue: Queue) -> None:
        schedule_make("Sweep", TEN)
        Beat().lead().tick(NOON + 10 * SECOND)

        run = ScheduleRun.objects.get()
        assert (run.state, run.trigger, run.attempts) == (RunState.WAITING, RunTrigger.SCHEDULE, 0)
        assert (run.started_at, run.finished_at, run.worker, run.requested_by) == (None, None, "", None)
        assert run.woken_at is not None
        assert run.next_attempt_at is not None

    def test_fires_schedules_that_are_due_together_together(self, queue: Queue) -> None:
        rows = [schedule_make(f"Sweep {number}", Every(number * SECOND)) for number in (2, 3, 6)]
        Beat().lead().run_until(NOON + 6 * SECOND)
        assert [len(due_written(row)) for row in rows] == [3, 2, 1]

    def test_takes_more_than_one_transaction_for_very_many(self, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("styleguide_example.tasks.scheduler.BATCH_SIZE", 2)
        rows = [schedule_make(f"Sweep {number}", TEN) for number in range(5)]
        beat = Beat().lead()
        assert beat.tick(NOON + 10 * SECOND) == 0, "There is more to do."
        beat.run_until(NOON + 10 * SECOND)
        assert [due_written(row) for row in rows] == [[NOON + 10 * SECOND]] * 5


class TestMessage:
    def test_says_what_the_row_says(self, queue: Queue) -> None:
        with task_registered(_report_send, schedulable=True) as task:
            schedule_make(
                "Report",
                TEN,
                task=task.name,
                args="[7]",
                kwargs='{"language": "fr"}',
                headers='{"tenant": "blue"}',
                priority=int(Priority.LOW),
            )
            Beat().lead().tick(NOON + 10 * SECOND)

        (message,) = messages_take(celery_app)
        headers: dict[str, Any] = message.headers
        body: Any = message.payload
        assert (headers["task"], headers["id"]) == (task.name, str(ScheduleRun.objects.get().pk))
        assert (headers["tenant"], headers["periodic_task_name"]) == ("blue", "Report")
        assert body[:2] == [[7], {"language": "fr"}]
        assert message_priority(message) == broker_priority(Priority.LOW, broker_url=celery_app.conf.broker_url)

    def test_has_the_tasks_own_priority_where_the_row_has_none(self, queue: Queue) -> None:
        schedule_make("Clean up", TEN, task=email_cleanup.name)
        Beat().lead().tick(NOON + 10 * SECOND)
        (message,) = messages_take(celery_app)
        assert message_priority(message) == broker_priority(Priority.LOWEST, broker_url=celery_app.conf.broker_url)

    def test_goes_to_the_queue_of_the_row(self, queue: Queue, settings: Settings) -> None:
        elsewhere = f"{settings.CELERY_TASK_DEFAULT_QUEUE}-elsewhere"
        settings.CELERY_TASK_QUEUES = [kombu.Queue(elsewhere)]
        schedule_make("Elsewhere", TEN, queue=elsewhere)
        Beat().lead().tick(NOON + 10 * SECOND)
        assert email_sweep.messages_waiting(queue=elsewhere) == 1
        with celery_app.connection_for_write() as connection:
            channel: Any = connection.default_channel
            channel.queue_delete(elsewhere)
        assert len(queue) == 0
