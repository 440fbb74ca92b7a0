from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.enums import ErrorCode, JobState, OnDuplicate, Outcome
from styleguide_example.jobs.exceptions import JobAlreadyActiveError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Once, Options, job_dispatch, job_sweep, task_dispatch
from styleguide_example.jobs.tests.messages import message_ids, message_work, messages_work, read
from styleguide_example.jobs.tests.work import ALONE, CALL, PLAIN
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.tests.bodies import task_registered

# As a caller has it: what is published is published after a real commit.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds", "queue")]

SKIP = Once(on_duplicate=OnDuplicate.SKIP)


def _call() -> WakeUpTask:
    task = celery_app.tasks[CALL]
    assert isinstance(task, WakeUpTask)
    return task


def _debounced(seconds: float, path: str, *, key: str = "same", **once: Any) -> Any:
    """A call whose key is a parameter that the body does not look at."""
    options = Options(debounce_seconds=seconds, once=Once(keys=("gate",), **once))
    return job_dispatch(kind=PLAIN, parameters={"path": path, "gate": key}, options=options)


def _due(job: Job) -> None:
    """Its time has come."""
    Job.objects.filter(pk=job.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


class TestTaskDispatch:
    def test_writes_a_row_under_the_tasks_name(self) -> None:
        called = task_dispatch(_call(), kwargs={"path": ""})
        assert called.outcome is Outcome.QUEUED
        assert (called.job.kind, called.job.task, called.job.parameters) == (CALL, CALL, {"path": ""})
        assert called.job.priority == Priority.NORMAL

    def test_calls_the_task_with_its_arguments(self, tmp_path: Any) -> None:
        called = task_dispatch(_call(), kwargs={"path": str(tmp_path / "lines")}, options=Options(person_waits=True))
        messages_work()
        assert read(called.job).state == JobState.SUCCESS
        assert (tmp_path / "lines").read_text() == "called\n"

    @pytest.mark.parametrize("value", [timezone.now(), {1, 2}, float("nan")], ids=["a moment", "a set", "no number"])
    def test_names_the_argument_that_is_not_json(self, value: Any) -> None:
        with pytest.raises(ValueError, match=f"{CALL}: the argument 'path' is not JSON"):
            task_dispatch(_call(), kwargs={"path": value})
        assert not Job.objects.exists()

    def test_refuses_arguments_that_the_task_does_not_take(self) -> None:
        with pytest.raises(TypeError):
            task_dispatch(_call(), kwargs={"pth": ""})
        assert not Job.objects.exists()


class TestOnce:
    def test_refuses_the_second_call_and_names_the_first(self) -> None:
        first = task_dispatch(_call(), kwargs={"path": ""}, options=Options(once=Once()))
        with pytest.raises(JobAlreadyActiveError) as raised:
            task_dispatch(_call(), kwargs={"path": ""}, options=Options(once=Once()))
        assert raised.value.job_id == first.job.pk
        assert task_dispatch(_call(), kwargs={"path": "b"}, options=Options(once=Once())).outcome is Outcome.QUEUED

    def test_skips_the_second_call_and_says_so(self) -> None:
        first = task_dispatch(_call(), kwargs={"path": ""}, options=Options(once=SKIP))
        second = task_dispatch(_call(), kwargs={"path": ""}, options=Options(once=SKIP))
        assert (second.outcome, second.job) == (Outcome.SKIPPED, first.job)
        assert Job.objects.count() == 1

    def test_is_about_active_calls_alone(self) -> None:
        first = task_dispatch(_call(), kwargs={"path": ""}, options=Options(once=Once(), person_waits=True))
        messages_work()
        assert read(first.job).state == JobState.SUCCESS
        second = task_dispatch(_call(), kwargs={"path": ""}, options=Options(once=Once()))
        assert second.outcome is Outcome.QUEUED
        assert second.job != first.job

    def test_is_free_when_the_first_call_was_not_begun_in_time(self) -> None:
        once = Options(once=Once(timeout_seconds=60))
        first = task_dispatch(_call(), kwargs={"path": ""}, options=once)
        assert first.job.expires_at is not None
        Job.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        second = task_dispatch(_call(), kwargs={"path": ""}, options=once)
        assert second.outcome is Outcome.QUEUED
        assert (read(first.job).state, read(first.job).error_code) == (JobState.REVOKED, ErrorCode.EXPIRED)

    def test_counts_its_timeout_from_when_the_call_is_due(self) -> None:
        once = Options(once=Once(timeout_seconds=60), delay_seconds=1000, person_waits=True)
        job = task_dispatch(_call(), kwargs={"path": ""}, options=once).job
        assert job.expires_at is not None
        assert job.next_attempt_at is not None
        assert job.expires_at - job.next_attempt_at == timedelta(seconds=60)


class TestDebounce:
    def test_keeps_one_call_with_the_last_arguments(self) -> None:
        first = _debounced(30, "a")
        second, third = _debounced(30, "b"), _debounced(30, "c")
        assert [call.outcome for call in (first, second, third)] == [
            Outcome.QUEUED,
            Outcome.DEBOUNCED,
            Outcome.DEBOUNCED,
        ]
        assert {call.job.pk for call in (first, second, third)} == {first.job.pk}
        assert third.job.parameters["path"] == "c"
        assert third.job.next_attempt_at > first.job.next_attempt_at

    def test_keeps_one_for_each_key(self) -> None:
        _debounced(30, "a", key="one"), _debounced(30, "a", key="other")
        assert Job.objects.count() == 2

    def test_is_woken_again_when_its_message_comes_before_its_time(self) -> None:
        job = _debounced(30, "a").job
        (message,) = messages_take(celery_app)
        _debounced(30, "b")
        message_work(message)
        assert read(job).state == JobState.PENDING
        assert message_ids() == [str(job.pk)]

    def test_is_left_to_the_sweep_when_its_time_is_far_away(self) -> None:
        job = _debounced(30, "a").job
        (message,) = messages_take(celery_app)
        _debounced(3600, "b")
        message_work(message)
        assert message_ids() == []
        _due(job)
        Job.objects.update(woken_at=timezone.now() - timedelta(minutes=5))
        assert [found.pk for found in job_sweep()] == [job.pk]

    def test_runs_once_with_the_last_arguments(self, tmp_path: Any) -> None:
        for name in ("a", "b", "c"):
            called = _debounced(0.01, str(tmp_path / name), key="")
        _due(called.job)
        messages_work()
        assert read(called.job).state == JobState.SUCCESS
        assert [path.name for path in tmp_path.iterdir()] == ["c"]

    def test_gives_a_task_the_last_arguments_when_the_first_message_comes_late(self) -> None:
        calls = []

        def _put_off(*, note: int, text: str) -> None:
            calls.append((note, text))

        with task_registered(_put_off) as task:
            options = Options(debounce_seconds=0.01, once=Once(keys=("note",)))
            for text in ("first", "last"):
                job = task_dispatch(task, kwargs={"note": 1, "text": text}, options=options).job
            _due(job)
            messages_work()
        assert calls == [(1, "last")]

    def test_makes_a_new_call_while_the_former_one_runs(self) -> None:
        former = _debounced(30, "a").job
        Job.objects.filter(pk=former.pk).update(state=JobState.STARTED, started_at=timezone.now())
        new = _debounced(30, "b")
        assert new.outcome is Outcome.QUEUED
        assert read(former).parameters["path"] == "a"
        assert _debounced(30, "c").job == new.job

    def test_puts_off_when_it_expires(self) -> None:
        first = _debounced(30, "a", timeout_seconds=60).job
        last = _debounced(3000, "b", timeout_seconds=60).job
        assert last.expires_at - first.expires_at > timedelta(seconds=2900)

    def test_is_refused_while_one_of_a_kind_that_runs_alone_is_active(self) -> None:
        options = Options(debounce_seconds=30)
        first = job_dispatch(kind=ALONE, parameters={"path": "a"}, options=options).job
        assert job_dispatch(kind=ALONE, parameters={"path": "a"}, options=options).outcome is Outcome.DEBOUNCED
        Job.objects.update(state=JobState.STARTED, started_at=timezone.now())
        with pytest.raises(JobAlreadyActiveError) as raised:
            job_dispatch(kind=ALONE, parameters={"path": "a"}, options=options)
        assert raised.value.job_id == first.pk


class TestPriority:
    def test_is_the_tasks_own_unless_another_is_asked_for(self, settings: Settings, queue: Queue) -> None:
        assert task_dispatch(_call(), kwargs={"path": ""}).job.priority == Priority.NORMAL
        options = Options(priority=Priority.LOWEST)
        assert task_dispatch(_call(), kwargs={"path": ""}, options=options).job.priority == Priority.LOWEST
