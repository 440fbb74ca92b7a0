"""Runs that must not become a message, and messages that the broker does not take."""

from datetime import timedelta

import pytest
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.tasks import email_send
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.runs import WAKE_AGAIN_SECONDS, runs_sweep
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, schedule_make
from styleguide_example.tasks.tests.workers import run_make
from styleguide_example.tasks.timing import Every

pytestmark = [pytest.mark.django_db, pytest.mark.processes]

TEN = Every(timedelta(seconds=10))


class TestRunThatIsRefused:
    @pytest.mark.parametrize(
        ("columns", "error"),
        [
            ({"headers": '{"task": "styleguide_example.emails.tasks.email_send"}'}, "Headers of Celery's own"),
            ({"headers": '{"id": "x"}'}, "Headers of Celery's own"),
            ({"headers": '{"job": "count"}'}, "Headers of Celery's own"),
            ({"headers": "[1]"}, "TypeError"),
            ({"kwargs": "[" * 20_000}, "RecursionError"),
            ({"kwargs": "{"}, "JSONDecodeError"),
            ({"kwargs": '{"nobody": "asked"}'}, "unexpected keyword argument"),
            ({"queue": "nobody-listens"}, "No queue is called 'nobody-listens'"),
            ({"priority": 10}, "A priority is a number from 0 (first) to 9 (last), not 10"),
        ],
    )
    def test_ends_in_failure_and_holds_back_no_other(self, queue: Queue, columns: dict[str, str], error: str) -> None:
        bad, good = schedule_make("Bad", TEN), schedule_make("Good", TEN)
        PeriodicTask.objects.filter(pk=bad.pk).update(**columns)
        beat = Beat().lead()
        beat.tick(NOON + 10 * SECOND)

        refused = ScheduleRun.objects.get(periodic_task=bad)
        assert refused.state == RunState.FAILURE
        assert error in refused.error
        assert ScheduleRun.objects.get(periodic_task=good).woken_at is not None
        assert len(queue) == 1
        assert beat.is_leading()


class TestTaskThatMayNotBeScheduledAnyMore:
    def test_is_not_run_by_a_run_that_was_written_before(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        run_make(row)
        PeriodicTask.objects.update(task=email_send.name, kwargs='{"email_id": 1}')

        runs_sweep()

        run = ScheduleRun.objects.get()
        assert (run.state, len(queue)) == (RunState.FAILURE, 0)
        assert f"No task called {email_send.name} may be scheduled" in run.error


class TestTaskThatThisReleaseDoesNotHave:
    def test_keeps_its_run_for_a_beat_that_knows_it(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        run_make(row)
        PeriodicTask.objects.update(task="tests.of_another_release")
        runs_sweep()
        run = ScheduleRun.objects.get()
        assert (run.state, len(queue)) == (RunState.WAITING, 0)
        assert run.woken_at is not None  # so that it does not stand before all others in each sweep

        PeriodicTask.objects.update(task=row.task)
        ScheduleRun.objects.update(woken_at=run.woken_at - timedelta(seconds=WAKE_AGAIN_SECONDS))
        runs_sweep()
        assert len(queue) == 1


class TestQueueThatNobodyEmpties:
    def test_gets_no_more_messages_than_the_sweep_may_add(self, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("styleguide_example.tasks.runs.SWEEP_LIMIT", 3)
        for number in range(5):
            schedule_make(f"Schedule {number}", TEN)
        Beat().lead().tick(NOON + 10 * SECOND)
        assert len(queue) == 5

        ScheduleRun.objects.update(woken_at=None)
        runs_sweep()

        assert len(queue) == 5
