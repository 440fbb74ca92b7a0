"""A run that a person asks for."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoCaptureOnCommitCallbacks

from styleguide_example.common.tests.brokers import message_priority, messages_take
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.common.wakeups import broker_pause_end
from styleguide_example.core.enums import Priority, broker_priority
from styleguide_example.emails.tasks import email_send
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.enums import Overlap, RunState, RunTrigger
from styleguide_example.tasks.exceptions import ScheduleNotRunError
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.runs import runs_sweep
from styleguide_example.tasks.services import schedule_run_now
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, schedule_make
from styleguide_example.tasks.tests.workers import run_make
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

YEARLY = Cron("0 0 1 1 *")


def _run_now(row: PeriodicTask, capture: DjangoCaptureOnCommitCallbacks, **options: Any) -> ScheduleRun:
    with capture(execute=True):
        return schedule_run_now(periodic_task=row, **options)


class TestScheduleRunNow:
    def test_writes_a_run_and_wakes_a_worker_after_the_commit(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        row = schedule_make("Yearly", YEARLY)
        user = get_user_model().objects.create(email="ada@example.com")
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            run = schedule_run_now(periodic_task=row, requested_by=user)
            assert len(queue) == 0
        assert len(callbacks) == 1
        run.refresh_from_db()
        assert (run.state, run.trigger, run.requested_by) == (RunState.WAITING, RunTrigger.PERSON, user)
        assert abs(run.due_at - timezone.now()) < timedelta(seconds=30)
        assert run.woken_at is not None
        assert len(queue) == 1

    def test_sends_what_the_row_says(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        row = schedule_make("Yearly", YEARLY, headers='{"tenant": "blue"}', priority=int(Priority.LOWEST))
        run = _run_now(row, django_capture_on_commit_callbacks)
        (message,) = messages_take(celery_app)
        headers: dict[str, Any] = message.headers
        assert (headers["id"], headers["tenant"]) == (str(run.pk), "blue")
        assert message_priority(message) == broker_priority(Priority.LOWEST, broker_url=celery_app.conf.broker_url)

    def test_expires_as_the_row_says(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        run = _run_now(schedule_make("Yearly", YEARLY, expire_seconds=60), django_capture_on_commit_callbacks)
        run.refresh_from_db()
        assert run.expires_at is not None
        assert timedelta(seconds=30) < run.expires_at - timezone.now() <= timedelta(seconds=61)

    def test_is_nothing_when_it_is_rolled_back(self, queue: Queue) -> None:
        row = schedule_make("Yearly", YEARLY)
        with transaction.atomic():
            schedule_run_now(periodic_task=row)
            transaction.set_rollback(True)
        assert not ScheduleRun.objects.exists()
        assert len(queue) == 0

    def test_is_sent_later_when_the_broker_is_away(
        self, broker: Broker, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        row = schedule_make("Yearly", YEARLY)
        with broker.down():
            _run_now(row, django_capture_on_commit_callbacks)
        broker_pause_end()
        runs_sweep()
        assert len(queue) == 1

    def test_runs_what_is_disabled(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        _run_now(schedule_make("Yearly", YEARLY, enabled=False), django_capture_on_commit_callbacks)
        assert len(queue) == 1

    def test_changes_nothing_of_the_schedule(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        row = schedule_make("Sweep", Every(10 * SECOND))
        beat = Beat().lead()
        _run_now(row, django_capture_on_commit_callbacks)
        assert beat.tick() == 10
        row.refresh_from_db()
        assert (row.last_run_at, row.total_run_count) == (None, 0)
        beat.run_until(NOON + 10 * SECOND)
        assert row.runs.filter(trigger=RunTrigger.SCHEDULE).count() == 1

    @pytest.mark.parametrize("task", ["gone.task", email_send.name])
    def test_refuses_a_task_that_may_not_be_scheduled(self, queue: Queue, task: str) -> None:
        row = schedule_make("Forged", YEARLY, task=task)
        with pytest.raises(ScheduleNotRunError, match=rf"^'Forged' was not run: .*'{task}' .*Choose another task\.$"):
            schedule_run_now(periodic_task=row)
        assert not ScheduleRun.objects.exists()

    @pytest.mark.parametrize("state", [RunState.WAITING, RunState.RUNNING, RunState.RETRY])
    def test_refuses_to_overlap_where_the_schedule_does_not(self, queue: Queue, state: RunState) -> None:
        row = schedule_make("Sweep", YEARLY, policies={"overlap": Overlap.SKIP})
        run_make(row, state=state)
        with pytest.raises(ScheduleNotRunError, match=r"^'Sweep' was not run: its last run has not ended"):
            schedule_run_now(periodic_task=row)
        assert ScheduleRun.objects.count() == 1

    def test_overlaps_where_the_schedule_does(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        row = schedule_make("Sweep", YEARLY)
        run_make(row, due_at=NOON)
        _run_now(row, django_capture_on_commit_callbacks)
        assert ScheduleRun.objects.count() == 2

    def test_holds_back_the_next_due_time_where_the_schedule_does_not_overlap(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        row = schedule_make("Sweep", Every(10 * SECOND), policies={"overlap": Overlap.SKIP})
        beat = Beat().lead()
        _run_now(row, django_capture_on_commit_callbacks)
        beat.tick(NOON + 10 * SECOND)
        assert row.runs.get(trigger=RunTrigger.SCHEDULE).state == RunState.SKIPPED


@pytest.mark.django_db(transaction=True)
class TestScheduleRunNowAtOnce:
    def test_of_two_clicks_runs_one_where_the_schedule_does_not_overlap(self, queue: Queue) -> None:
        row = schedule_make("Sweep", YEARLY, policies={"overlap": Overlap.SKIP})

        def click(_: int) -> bool:
            try:
                schedule_run_now(periodic_task=row)
            except ScheduleNotRunError:
                return False
            return True

        assert sum(race(click, runners=4)) == 1
        assert ScheduleRun.objects.count() == len(queue) == 1
