import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone
from kombu import Queue as KombuQueue
from pytest_django import Settings

from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.ending import CANCELLED, job_end
from styleguide_example.jobs.enums import ErrorCode, JobState, Scope
from styleguide_example.jobs.kinds import JobKind
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_cancel, job_pause, job_sweep
from styleguide_example.jobs.sweeping import UNKNOWN_LEFT_SECONDS, jobs_wake
from styleguide_example.jobs.tasks import job_sweep as job_sweep_task
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make, kind_known
from styleguide_example.jobs.tests.messages import message_ids, read
from styleguide_example.jobs.tests.work import CALL, PLAIN, RESUMING, WORK
from styleguide_example.notifications.models import Notification
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]


def _past(seconds: float = 60) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def _dead(**fields: Any) -> Job:
    """One whose worker was killed a minute ago."""
    return job_running_make(**{"lease_expires_at": _past(), "kind": PLAIN, "task": WORK, **fields})


def _due(**fields: Any) -> Job:
    return JobFactory.create(**{"kind": PLAIN, "task": WORK, **fields})


def _swept() -> set[uuid.UUID]:
    return {job.pk for job in job_sweep()}


class TestJobSweepOfWhatIsDue:
    def test_returns_what_nobody_was_woken_for(self) -> None:
        job = _due()
        assert _swept() == {job.pk}

    def test_returns_what_was_woken_long_ago_and_not_what_was_lately(self, settings: Settings) -> None:
        long_ago = _due(woken_at=_past(settings.JOB_WAKE_AGAIN_SECONDS + 1))
        _due(woken_at=_past(settings.JOB_WAKE_AGAIN_SECONDS - 5))
        assert _swept() == {long_ago.pk}

    def test_returns_what_waits_for_another_try(self) -> None:
        job = _due(state=JobState.RETRY)
        assert _swept() == {job.pk}

    def test_leaves_what_is_not_due_what_runs_and_what_has_ended(self) -> None:
        _due(next_attempt_at=timezone.now() + timedelta(seconds=30))
        job_running_make(), job_ended_make(), job_ended_make(JobState.FAILURE)
        before = list(Job.objects.order_by("pk").values())
        assert _swept() == set()
        assert list(Job.objects.order_by("pk").values()) == before

    def test_leaves_what_only_another_release_knows(self) -> None:
        _due(kind="of-a-newer-release", task="tests.of_a_newer_release")
        renamed = _due(task="tests.of_a_former_release")
        assert _swept() == {renamed.pk}

    def test_leaves_the_parts_that_are_not_in_their_window(self) -> None:
        batch_make(JobState.PENDING, next_attempt_at=None, parent={"cancel_requested_at": timezone.now()})
        assert _swept() == set()

    def test_leaves_what_is_paused(self) -> None:
        _due()
        other = _due(kind=RESUMING)
        job_pause(scope=Scope.KIND, name=PLAIN)
        assert _swept() == {other.pk}

    def test_returns_the_urgent_first_and_then_the_oldest(self) -> None:
        late, early = (_due(next_attempt_at=_past(seconds)) for seconds in (1, 9))
        urgent = _due(priority=Priority.HIGHEST)
        assert job_sweep() == [urgent, early, late]


class TestJobSweepOfWhatExpired:
    def test_ends_what_nobody_began_in_time(self) -> None:
        job = _due(expires_at=_past(1))
        assert _swept() == set()
        job = read(job)
        assert (job.state, job.error_code) == (JobState.REVOKED, ErrorCode.EXPIRED)

    def test_ends_it_while_it_is_paused(self) -> None:
        job = _due(expires_at=_past(1))
        job_pause(scope=Scope.KIND, name=PLAIN)
        job_sweep()
        assert read(job).state == JobState.REVOKED

    @pytest.mark.parametrize("state", [JobState.STARTED, JobState.RETRY])
    def test_leaves_what_was_begun_in_time(self, state: JobState) -> None:
        job = JobFactory.create(state=state, expires_at=_past(1), started_at=_past(2))
        job_sweep()
        assert read(job).state == state

    def test_leaves_what_expires_later(self) -> None:
        job = _due(expires_at=timezone.now() + timedelta(minutes=1))
        assert _swept() == {job.pk}


class TestJobSweepOfDeadWorkers:
    def test_ends_a_job_that_may_not_resume(self) -> None:
        owner = user_confirmed()
        job = _dead(owner=owner)
        assert _swept() == set()
        job = read(job)
        assert (job.state, job.error_code, job.lease_token) == (JobState.FAILURE, ErrorCode.WORKER_LOST, None)
        assert "killed" in job.error_message
        assert Notification.objects.get().user == owner

    def test_begins_one_again_that_may(self) -> None:
        job = _dead(kind=RESUMING, progress_current=7)
        assert _swept() == {job.pk}
        job = read(job)
        assert (job.state, job.progress_current, job.attempts, job.lease_token) == (JobState.RETRY, 7, 1, None)

    def test_ends_one_that_killed_its_worker_each_time(self) -> None:
        job = _dead(kind=RESUMING, attempts=5)
        assert _swept() == set()
        assert read(job).error_code == ErrorCode.WORKER_LOST

    def test_begins_a_task_that_is_no_kind_again_where_its_decorator_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(celery_app.tasks[CALL], "may_resume", True)
        may, may_no_more, unknown = (
            _dead(kind=task, task=task, attempts=attempts, lease_expires_at=_past(3600))
            for task, attempts in ((CALL, 1), (CALL, 3), ("tests.gone", 1))
        )
        assert _swept() == {may.pk}
        assert {read(may_no_more).error_code, read(unknown).error_code} == {ErrorCode.WORKER_LOST}

    @pytest.mark.parametrize("fields", [{}, {"cancel_requested_at": timezone.now()}], ids=["lost", "cancelled"])
    def test_leaves_what_only_a_newer_release_knows_to_that_for_a_while(self, fields: dict[str, Any]) -> None:
        """Of an unknown kind nobody can say whether it may be begun again, nor whether its owner is told."""
        unknown = {"kind": "of-a-newer-release", "task": "tests.of_a_newer_release", **fields}
        lately, long_ago = _dead(**unknown), _dead(**unknown, lease_expires_at=_past(UNKNOWN_LEFT_SECONDS + 1))
        assert _swept() == set()
        assert read(lately).state == JobState.STARTED
        assert not read(long_ago).is_active

    def test_ends_one_that_somebody_had_cancelled(self) -> None:
        job = _dead(kind=RESUMING, cancel_requested_at=_past())
        assert _swept() == set()
        assert (read(job).state, read(job).error_code) == (JobState.REVOKED, ErrorCode.CANCELLED)

    def test_ends_one_that_staff_had_terminated(self) -> None:
        job = _dead(kind=RESUMING, cancel_requested_at=_past(), terminate_requested_at=_past())
        job_sweep()
        assert read(job).error_code == ErrorCode.TERMINATED

    def test_leaves_one_whose_worker_lives(self) -> None:
        job = job_running_make(kind=RESUMING)
        job_sweep()
        assert read(job).state == JobState.STARTED

    def test_counts_a_part_in_its_batch(self) -> None:
        batch = batch_make(JobState.STARTED, kind=PLAIN, lease_expires_at=_past(), parent={"kind": PLAIN})
        job_sweep()
        assert (read(batch).state, read(batch).children_failed) == (JobState.FAILURE, 1)


class TestJobSweepOfWhatSomebodyStopped:
    def test_ends_what_still_waits(self) -> None:
        """The call that asked was killed between the wish and the end."""
        job = _due(cancel_requested_at=_past())
        assert _swept() == set()
        assert (read(job).state, read(job).error_code) == (JobState.REVOKED, ErrorCode.CANCELLED)

    @pytest.mark.parametrize("state", [JobState.PENDING, JobState.PROGRESS])
    def test_leaves_a_batch_whose_children_still_run(self, state: JobState) -> None:
        """Until its first child has ended it waits, as far as its state says."""
        batch = batch_make(JobState.STARTED, JobState.PENDING, kind=PLAIN, parent={"kind": PLAIN, "state": state})
        job_cancel(job=batch)
        job_sweep()
        assert read(batch).is_active
        child = batch.children.get(state=JobState.STARTED)
        job_end(child.pk, when=Q(lease_token=child.lease_token), ending=CANCELLED)
        batch = read(batch)
        assert (batch.state, batch.result) == (
            JobState.REVOKED,
            {"total": 2, "done": 0, "failed": 0, "cancelled": 2},
        )


class TestJobSweepOfABrokenRow:
    @pytest.fixture
    def broken(self) -> Iterator[JobKind]:
        """A kind whose own code fails when its job ends."""

        def url(job: Job) -> str:
            raise LookupError("There is no such page.")

        with kind_known("broken", url=url) as kind:
            yield kind

    def test_ends_it_without_what_should_follow(self, broken: JobKind) -> None:
        job = _dead(kind="broken", owner=user_confirmed())
        job_sweep()
        assert read(job).error_code == ErrorCode.WORKER_LOST
        assert not Notification.objects.exists()

    def test_does_not_keep_it_from_the_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def may_resume(task: Any) -> bool:
            raise LookupError("Its own code fails.")

        monkeypatch.setattr(type(celery_app.tasks[CALL]), "may_resume", property(may_resume))
        before, broken, after = (
            _dead(kind=kind, task=kind, lease_expires_at=_past(3600)) for kind in ("tests.before", CALL, "tests.after")
        )
        due = _due()
        assert _swept() == {due.pk}
        assert read(broken).state == JobState.STARTED
        assert {read(before).error_code, read(after).error_code} == {ErrorCode.WORKER_LOST}


@pytest.mark.django_db(transaction=True)
class TestJobSweepTask:
    def test_sends_a_message_for_each_and_notes_it(self, queue: Queue) -> None:
        jobs = [_due(), _due()]
        job_sweep_task()
        assert sorted(message_ids()) == sorted(str(job.pk) for job in jobs)
        job_sweep_task()
        assert message_ids() == []

    def test_fills_a_queue_up_to_the_limit(self, queue: Queue, settings: Settings) -> None:
        settings.JOB_SWEEP_LIMIT = 5
        for _ in range(3):
            celery_app.tasks[CALL].apply_async(kwargs={"path": ""})
        for _ in range(4):
            _due()
        job_sweep_task()
        assert len(queue) == 5
        assert Job.objects.filter(woken_at__isnull=False).count() == 2

    def test_sends_nothing_to_a_queue_that_is_full(self, queue: Queue, settings: Settings) -> None:
        settings.JOB_SWEEP_LIMIT = 1
        celery_app.tasks[CALL].apply_async(kwargs={"path": ""})
        _due()
        job_sweep_task()
        assert len(queue) == 1

    def test_notes_nothing_while_the_broker_is_away(self, broker: Broker, queue: Queue) -> None:
        _due()
        with broker.down():
            job_sweep_task()
        assert Job.objects.get().woken_at is None

    def test_lets_what_no_worker_knows_not_stand_in_front_of_the_others(self, queue: Queue, settings: Settings) -> None:
        settings.JOB_SWEEP_LIMIT = 1
        _due(kind="tests.gone", task="tests.gone", priority=Priority.HIGHEST)
        known = _due()
        job_sweep_task()
        job_sweep_task()
        assert message_ids() == [str(known.pk)]

    def test_lets_what_its_task_does_not_take_any_more_stop_no_other(self, queue: Queue) -> None:
        """Its arguments were right when it was written, by another release."""
        broken = _due(kind=CALL, task=CALL, parameters={"name_of_old": 1}, priority=Priority.HIGHEST)
        good = _due()
        job_sweep_task()
        assert message_ids() == [str(good.pk)]
        assert read(broken).state == JobState.PENDING
        assert job_sweep() == []

    def test_lets_a_full_queue_stand_in_front_of_no_other(self, settings: Settings, queue: Queue) -> None:
        settings.JOB_SWEEP_LIMIT = 2
        slow = f"slow-{settings.CELERY_TASK_DEFAULT_QUEUE}"
        settings.CELERY_TASK_QUEUES = [KombuQueue(slow)]
        for _ in range(3):
            _due(queue=slow, priority=Priority.HIGHEST), _due(queue="gone", priority=Priority.HIGHEST)
        mine = _due()
        jobs_wake(job_sweep(), messages_waiting=lambda *, queue: 2 if queue else 0)
        assert message_ids() == [str(mine.pk)]

    def test_does_not_stop_at_a_full_queue(self, settings: Settings, queue: Queue) -> None:
        settings.JOB_SWEEP_LIMIT = 2
        jobs = [_due(queue="full"), _due()]
        jobs_wake(jobs, messages_waiting=lambda *, queue: 2 if queue == "full" else 0)
        assert message_ids() == [str(jobs[1].pk)]
