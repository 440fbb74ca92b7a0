"""The gate before the body."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.jobs.enums import ENDED_STATES, JobState, Scope
from styleguide_example.jobs.exceptions import JobLeaseLostError
from styleguide_example.jobs.messages import job_wake
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import (
    Options,
    job_cancel,
    job_pause,
    job_running,
    job_start,
    job_sweep,
)
from styleguide_example.jobs.tests.bodies import job_done_by
from styleguide_example.jobs.tests.messages import HOSTNAME, message_work, messages_work, read
from styleguide_example.jobs.tests.work import kind_doing
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.tests.bodies import task_registered

# As a worker has it: no transaction around the task.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queue")]

SOON = Options(person_waits=True)


class _Counted:
    """A kind whose body counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def body(self, *, job_id: str) -> None:
        job_running(job_id=job_id)
        self.calls += 1


@pytest.fixture
def counted() -> Any:
    counting = _Counted()

    def _counting(*, job_id: str) -> None:
        counting.body(job_id=job_id)

    with kind_doing(_counting):
        yield counting


class TestJobClaim:
    def test_notes_who_works_on_it_until_when(self, settings: Settings) -> None:
        seen: list[Job] = []
        job = job_done_by(seen.append)
        (held,) = seen
        assert (held.state, held.attempts) == (JobState.STARTED, 1)
        assert held.lease_owner.startswith(f"{HOSTNAME}:")
        assert held.lease_expires_at is not None
        seconds = (held.lease_expires_at - timezone.now()).total_seconds()
        assert settings.JOB_LEASE_SECONDS - 5 < seconds <= settings.JOB_LEASE_SECONDS
        assert held.started_at == job.started_at
        assert held.heartbeat_at is not None

    def test_keeps_who_took_it_and_when_after_its_end(self) -> None:
        job = job_done_by(lambda job: None)
        assert (job.worker, job.lease_owner) == (HOSTNAME, "")
        assert job.claimed_at == job.started_at
        assert job.heartbeat_at == job.finished_at

    def test_lets_a_doubled_message_do_nothing(self, counted: _Counted) -> None:
        job = job_start(kind="doing", options=SOON)
        (message,) = messages_take(celery_app)
        message_work(message)
        before = Job.objects.values().get()
        message_work(message)
        assert counted.calls == 1
        assert Job.objects.values().get() == before
        assert read(job).state == JobState.SUCCESS

    @pytest.mark.parametrize("state", ENDED_STATES)
    def test_lets_a_late_message_do_nothing(self, counted: _Counted, state: JobState) -> None:
        job_start(kind="doing", options=SOON)
        # Even if it looked due.
        Job.objects.update(state=state, finished_at=Now())
        messages_work()
        assert counted.calls == 0
        assert Job.objects.get().state == state

    def test_never_begins_what_was_cancelled(self, counted: _Counted) -> None:
        job = job_start(kind="doing", options=SOON)
        job_cancel(job=job)
        messages_work()
        assert counted.calls == 0
        assert read(job).state == JobState.REVOKED

    @pytest.mark.parametrize("state", [JobState.PENDING, JobState.RETRY])
    def test_never_begins_what_somebody_asked_to_stop(self, counted: _Counted, state: JobState) -> None:
        job = job_start(kind="doing", options=SOON)
        Job.objects.update(state=state, cancel_requested_at=Now())
        messages_work()
        assert counted.calls == 0
        job_sweep()
        assert read(job).state == JobState.REVOKED

    def test_lets_the_message_of_a_job_that_is_gone_do_nothing(self, counted: _Counted) -> None:
        job_start(kind="doing", options=SOON)
        Job.objects.all().delete()
        messages_work()
        assert counted.calls == 0

    def test_does_not_begin_what_expired(self, counted: _Counted) -> None:
        job_start(kind="doing", options=SOON)
        Job.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        messages_work()
        assert counted.calls == 0

    def test_begins_again_what_was_begun_in_time(self, counted: _Counted) -> None:
        job_start(kind="doing", options=SOON)
        past = timezone.now() - timedelta(seconds=1)
        Job.objects.update(state=JobState.RETRY, started_at=past, expires_at=past)
        messages_work()
        assert counted.calls == 1

    def test_does_not_begin_what_is_paused(self, counted: _Counted) -> None:
        job = job_start(kind="doing", options=SOON)
        job_pause(scope=Scope.KIND, name="doing")
        messages_work()
        assert counted.calls == 0
        assert read(job).state == JobState.PENDING

    def test_is_woken_again_for_what_is_not_due_yet(self, counted: _Counted) -> None:
        job = job_start(kind="doing", options=SOON)
        Job.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=30))
        messages_work()
        assert counted.calls == 0
        (message,) = messages_take(celery_app)
        assert message.headers["id"] == str(job.pk)
        assert message.headers["eta"]

    def test_leaves_what_is_due_much_later_to_the_sweep(self, counted: _Counted, queue: Queue) -> None:
        job_start(kind="doing", options=SOON)
        Job.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=90))
        messages_work()
        assert counted.calls == len(queue) == 0

    def test_by_eight_at_once_is_one(self, counted: _Counted) -> None:
        job = job_start(kind="doing", options=SOON)
        for _ in range(7):
            job_wake(job)
        messages = messages_take(celery_app)
        race(lambda number: message_work(messages[number]), runners=8)
        assert counted.calls == 1
        assert (read(job).state, read(job).attempts) == (JobState.SUCCESS, 1)

    def test_leaves_a_task_that_is_no_job_alone(self) -> None:
        calls = []

        def _free() -> None:
            calls.append(1)

        with task_registered(_free) as task:
            task.apply_async()
            messages_work()
        assert calls == [1]

    def test_and_its_record_take_a_handful_of_statements(self, counted: _Counted) -> None:
        """What is paused (read every two seconds); the claim; the job that the body asks for; the end; what follows."""
        job_start(kind="doing", options=SOON)
        (message,) = messages_take(celery_app)
        with CaptureQueriesContext(connection) as queries:
            message_work(message)
        said = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert said.count("UPDATE") == 2
        assert len([word for word in said if word not in {"BEGIN", "COMMIT"}]) <= 6, queries.captured_queries


class TestJobRunning:
    def test_is_for_the_process_that_claimed_it(self) -> None:
        with pytest.raises(JobLeaseLostError):
            job_running(job_id=str(uuid.uuid4()))

    def test_is_for_no_other_job(self) -> None:
        other: list[str] = []

        def body(job: Job) -> None:
            other.append(str(job_start(kind="doing", options=SOON).pk))
            job_running(job_id=other[0])

        job = job_done_by(body)
        # What the body could not have is its own mistake; its job is left to the sweep.
        assert job.state == JobState.STARTED

    def test_cannot_be_had_by_calling_the_task(self) -> None:
        def _direct(*, job_id: str) -> None:
            job_running(job_id=job_id)

        with kind_doing(_direct) as kind:
            job = job_start(kind="doing", options=SOON)
            with pytest.raises(JobLeaseLostError, match="job_start"):
                kind.task(job_id=str(job.pk))
