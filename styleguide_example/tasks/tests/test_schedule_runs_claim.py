"""The gate before the task's body, and the record after it."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import Ignore, Reject
from django.conf import settings as django_settings
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from structlog.testing import capture_logs

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.claims import LEASE_MARGIN_SECONDS
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.runs import RUN_HEADER, Published, runs_publish, runs_sweep
from styleguide_example.tasks.tests.beats import SECOND, schedule_make
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.tasks.tests.workers import HOSTNAME, message_work, messages_work, run_make
from styleguide_example.tasks.timing import Every

# As a worker has it: no transaction around the task.
pytestmark = pytest.mark.django_db(transaction=True)

CALLS: list[dict[str, Any]] = []
ERRORS: dict[str, type[BaseException]] = {
    "ignore": Ignore,
    "reject": Reject,
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
}


def _body(*, error: str = "", retry_in: int | None = None) -> None:
    run = ScheduleRun.objects.filter(pk=str(_task().request.id)).first()
    CALLS.append({"state": run and run.state, "retries": _task().request.retries})
    if retry_in is not None:
        raise _task().retry(countdown=retry_in, max_retries=2, exc=ConnectionError("No route to host"))
    if error:
        raise ERRORS.get(error, ConnectionError)(error)


def _task() -> WakeUpTask:
    task = celery_app.tasks["tests._body"]
    assert isinstance(task, WakeUpTask)
    return task


@pytest.fixture(autouse=True)
def _registered(queue: Queue) -> Iterator[None]:
    CALLS.clear()
    with task_registered(_body, schedulable=True):
        yield


def _published(*, kwargs: str = "{}", **columns: Any) -> ScheduleRun:
    """A run whose message lies in the queue."""
    row = schedule_make(uuid.uuid4().hex, Every(10 * SECOND), task=_task().name, kwargs=kwargs)
    run = run_make(row, **columns)
    runs_publish([Published(run.pk, row)])
    return run


def _read(run: ScheduleRun) -> ScheduleRun:
    return ScheduleRun.objects.get(pk=run.pk)


class TestRunClaim:
    def test_notes_who_runs_it_until_when(self) -> None:
        run = _published()
        messages_work()

        assert CALLS == [{"state": RunState.RUNNING, "retries": 0}]
        run = _read(run)
        assert run.attempts == 1
        assert run.worker.startswith(f"{HOSTNAME}:")
        assert run.started_at is not None
        assert abs(run.started_at - timezone.now()) < timedelta(seconds=30)

    def test_outlives_the_tasks_hard_time_limit(self) -> None:
        leases = []

        def _slow() -> None:
            run = ScheduleRun.objects.get()
            assert run.lease_expires_at is not None
            leases.append((run.lease_expires_at - timezone.now()).total_seconds())

        with task_registered(_slow, schedulable=True, time_limit=500) as task:
            row = schedule_make("Slow", Every(10 * SECOND), task=task.name)
            runs_publish([Published(run_make(row).pk, row)])
            messages_work()
        assert 500 + LEASE_MARGIN_SECONDS - 5 < leases[0] <= 500 + LEASE_MARGIN_SECONDS
        assert django_settings.CELERY_TASK_TIME_LIMIT < 500

    @pytest.mark.parametrize("columns", [{}, {"state": RunState.RETRY, "attempts": 1}])
    def test_lets_a_doubled_message_do_nothing(self, columns: dict[str, Any]) -> None:
        run = _published(**columns)
        (message,) = messages_take(celery_app)
        message_work(message)
        before = _read(run)

        message_work(message)

        assert len(CALLS) == 1
        assert ScheduleRun.objects.filter(pk=run.pk).values().get() == {
            name: getattr(before, name) for name in ScheduleRun.objects.filter(pk=run.pk).values().get()
        }

    @pytest.mark.parametrize(
        "columns",
        [
            {"state": RunState.SUCCESS},
            {"state": RunState.SUCCESS, "next_attempt_at": None},
            {"state": RunState.FAILURE, "next_attempt_at": None},
            {"state": RunState.MISSED, "next_attempt_at": None},
            {"state": RunState.SKIPPED, "next_attempt_at": None},
            {"state": RunState.EXPIRED, "next_attempt_at": None},
            {"state": RunState.LOST, "next_attempt_at": None},
            {"state": RunState.RUNNING, "lease_token": uuid.uuid4()},
        ],
        ids=lambda columns: str(columns["state"]),
    )
    def test_lets_a_late_message_do_nothing(self, columns: dict[str, Any]) -> None:
        run = _published(**columns)
        messages_work()
        assert CALLS == []
        assert _read(run).state == columns["state"]

    def test_lets_a_message_that_comes_before_its_time_do_nothing(self) -> None:
        """A retry that is due in an hour."""
        run = _published(state=RunState.RETRY, next_attempt_at=timezone.now() + timedelta(hours=1))
        messages_work()
        assert CALLS == []
        assert _read(run).state == RunState.RETRY

    def test_lets_the_message_of_a_run_that_is_gone_do_nothing(self) -> None:
        _published().delete()
        messages_work()
        assert CALLS == []

    def test_does_not_start_what_expired(self) -> None:
        run = _published(expires_at=timezone.now() - timedelta(seconds=1))
        messages_work()
        assert CALLS == []
        runs_sweep()
        assert _read(run).state == RunState.EXPIRED

    def test_starts_what_expires_later(self) -> None:
        run = _published(expires_at=timezone.now() + timedelta(minutes=1))
        messages_work()
        assert _read(run).state == RunState.SUCCESS

    def test_goes_on_with_what_was_started_in_time(self) -> None:
        """Expiry is about waiting for a worker, not about retries."""
        past = timezone.now() - timedelta(seconds=1)
        run = _published(state=RunState.RETRY, expires_at=past, started_at=past)
        messages_work()
        assert _read(run).state == RunState.SUCCESS
        assert _read(run).started_at == past

    def test_is_no_matter_of_messages_that_no_schedule_sent(self) -> None:
        _task().apply_async()
        messages_work()
        assert len(CALLS) == 1

    def test_says_what_it_did_not_start(self) -> None:
        run = _published(state=RunState.SUCCESS, next_attempt_at=None)
        with capture_logs() as lines:
            messages_work()
        (line,) = [line for line in lines if line["event"] == "schedule_run_not_claimed"]
        assert (line["task"], line["run_id"]) == (_task().name, str(run.pk))

    def test_is_not_fooled_by_a_header_of_somebody_else(self) -> None:
        """A message whose id is not a run's, or not even a key."""
        _task().apply_async(headers={RUN_HEADER: True}, task_id="no-key")
        _task().apply_async(headers={RUN_HEADER: True})
        assert messages_work() == 2
        assert CALLS == []


class TestRunClaimAtOnce:
    def test_starts_it_once(self) -> None:
        run = _published()
        (message,) = messages_take(celery_app)
        race(lambda _: message_work(message), runners=4)
        assert len(CALLS) == 1
        assert (_read(run).state, _read(run).attempts) == (RunState.SUCCESS, 1)


class TestRunRecord:
    def test_of_a_success_ends_it(self) -> None:
        run = _published()
        messages_work()
        run = _read(run)
        assert (run.state, run.error, run.next_attempt_at) == (RunState.SUCCESS, "", None)
        assert (run.lease_token, run.lease_owner, run.lease_expires_at) == (None, "", None)
        assert run.started_at is not None
        assert run.finished_at is not None
        assert run.started_at <= run.finished_at

    def test_of_a_failure_ends_it_and_says_why(self) -> None:
        run = _published(kwargs='{"error": "No route to host"}')
        messages_work()
        run = _read(run)
        assert (run.state, run.error) == (RunState.FAILURE, "ConnectionError: No route to host")
        assert run.finished_at is not None
        assert run.next_attempt_at is None

    def test_of_a_failure_keeps_no_address_and_no_secret(self) -> None:
        run = _published(kwargs='{"error": "550 <ann@example.com> refused by smtp://ann:hunter2@host"}')
        messages_work()
        assert "ann@example.com" not in _read(run).error
        assert "hunter2" not in _read(run).error

    def test_of_a_failure_is_not_longer_than_a_screen(self) -> None:
        run = _published(kwargs='{"error": "' + "x" * 10_000 + '"}')
        messages_work()
        assert len(_read(run).error) <= 2000

    def test_of_a_task_that_found_nothing_to_do_is_a_success(self) -> None:
        run = _published(kwargs='{"error": "ignore"}')
        messages_work()
        assert _read(run).state == RunState.SUCCESS

    @pytest.mark.parametrize("error", ["exit", "interrupt"])
    def test_is_no_success_when_the_process_was_told_to_exit(self, error: str) -> None:
        run = _published(kwargs=f'{{"error": "{error}"}}')
        with pytest.raises(ERRORS[error]):
            messages_work()
        assert _read(run).state == RunState.RUNNING
        ScheduleRun.objects.update(lease_expires_at=timezone.now() - timedelta(hours=1))
        runs_sweep()
        assert _read(run).state == RunState.RETRY

    def test_changes_nothing_when_the_lease_was_lost(self) -> None:
        run = _published()

        def _taken_over() -> None:
            ScheduleRun.objects.update(lease_token=uuid.uuid4(), worker="successor")

        with task_registered(_taken_over, schedulable=True) as task:
            row = run.periodic_task
            PeriodicTask.objects.filter(pk=row.pk).update(task=task.name)
            row.refresh_from_db()
            messages_take(celery_app)
            runs_publish([Published(run.pk, row)])
            messages_work()
        assert (_read(run).state, _read(run).worker) == (RunState.RUNNING, "successor")


class TestRetry:
    def test_waits_in_the_row_for_its_time(self) -> None:
        run = _published(kwargs='{"retry_in": 300}')
        messages_work()

        run = _read(run)
        assert (run.state, run.attempts, run.finished_at) == (RunState.RETRY, 1, None)
        assert run.error == "ConnectionError: No route to host"
        assert run.next_attempt_at is not None
        assert timedelta(seconds=290) < run.next_attempt_at - timezone.now() <= timedelta(seconds=300)
        assert run.lease_token is None

    def test_is_not_woken_before_its_time(self, queue: Queue) -> None:
        run = _published(kwargs='{"retry_in": 300}')
        messages_work()
        messages_take(celery_app)
        ScheduleRun.objects.update(woken_at=timezone.now() - timedelta(minutes=3))

        runs_sweep()

        assert len(queue) == 0
        assert _read(run).state == RunState.RETRY

    def test_runs_as_the_same_run(self) -> None:
        run = _published(kwargs='{"retry_in": 1}')
        messages_work()
        ScheduleRun.objects.update(next_attempt_at=timezone.now())
        messages_work()

        assert [call["retries"] for call in CALLS] == [0, 1]
        assert (_read(run).state, _read(run).attempts) == (RunState.RETRY, 2)
        assert ScheduleRun.objects.count() == 1

    def test_ends_in_failure_when_there_were_enough(self) -> None:
        run = _published(kwargs='{"retry_in": 1}')
        for _ in range(3):
            messages_work()
            ScheduleRun.objects.filter(state=RunState.RETRY).update(next_attempt_at=timezone.now())
        assert [call["retries"] for call in CALLS] == [0, 1, 2]
        assert _read(run).state == RunState.FAILURE
