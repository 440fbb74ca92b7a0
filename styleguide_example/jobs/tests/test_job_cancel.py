import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from styleguide_example.common.tests.racing import race
from styleguide_example.jobs.enums import ACTIVE_STATES, ErrorCode, JobState
from styleguide_example.jobs.exceptions import JobStateConflictError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_cancel
from styleguide_example.jobs.tests.factories import (
    JobFactory,
    batch_make,
    job_ended_make,
    job_running_make,
    kind_known,
)
from styleguide_example.jobs.tests.messages import read
from styleguide_example.notifications.models import Notification
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = pytest.mark.django_db


class TestJobCancel:
    @pytest.mark.parametrize("state", [JobState.PENDING, JobState.RETRY])
    def test_ends_one_that_waits_at_once(self, state: JobState) -> None:
        job = job_cancel(job=JobFactory.create(state=state))
        assert (job.state, job.error_code) == (JobState.REVOKED, ErrorCode.CANCELLED)
        assert job.finished_at is not None
        assert job.next_attempt_at is None

    @pytest.mark.parametrize("state", [JobState.STARTED, JobState.PROGRESS])
    def test_asks_one_that_runs(self, state: JobState) -> None:
        job = job_cancel(job=JobFactory.create(state=state))
        assert job.state == state
        assert job.is_cancel_requested
        assert job.lease_token is not None

    def test_notes_who_asked(self) -> None:
        staff = user_confirmed()
        assert job_cancel(job=job_running_make(), by=staff).cancel_requested_by == staff

    @pytest.mark.parametrize("state", ACTIVE_STATES)
    def test_asked_twice_is_asked_once(self, state: JobState) -> None:
        job = job_cancel(job=JobFactory.create(state=state))
        before = Job.objects.values().get()
        job_cancel(job=job)
        assert Job.objects.values().get() == before

    @pytest.mark.parametrize("state", [JobState.SUCCESS, JobState.FAILURE])
    def test_is_refused_when_it_has_ended_otherwise(self, state: JobState) -> None:
        job = job_ended_make(state)
        before = Job.objects.values().get()
        with pytest.raises(JobStateConflictError, match="has ended"):
            job_cancel(job=job)
        assert Job.objects.values().get() == before

    def test_is_refused_when_the_wish_came_too_late(self) -> None:
        with pytest.raises(JobStateConflictError):
            job_cancel(job=job_ended_make(JobState.SUCCESS, cancel_requested_at=timezone.now()))

    def test_tells_the_owner_when_somebody_else_did(self) -> None:
        ada, staff = user_confirmed(), user_confirmed()
        with kind_known():
            job_cancel(job=JobFactory.create(owner=ada), by=ada)
            assert not Notification.objects.exists()
            job_cancel(job=JobFactory.create(owner=ada), by=staff)
        assert Notification.objects.get().user == ada

    @pytest.mark.django_db(transaction=True)
    def test_by_eight_at_once_is_one(self) -> None:
        job = JobFactory.create()
        race(lambda _: job_cancel(job=Job.objects.get(pk=job.pk)), runners=8)
        assert read(job).state == JobState.REVOKED


class TestJobCancelBatch:
    def test_ends_the_children_that_wait_and_asks_those_that_run(self) -> None:
        batch = batch_make(
            JobState.PENDING, JobState.RETRY, JobState.STARTED, JobState.SUCCESS, parent={"progress_current": 1}
        )
        batch = job_cancel(job=batch)
        states = Job.objects.filter(parent=batch).values_list("state", flat=True)
        assert sorted(states) == sorted(["REVOKED", "REVOKED", "STARTED", "SUCCESS"])
        assert Job.objects.get(parent=batch, state=JobState.STARTED).is_cancel_requested
        assert batch.is_cancel_requested
        assert (batch.children_cancelled, batch.progress_current) == (2, 3)

    def test_ends_it_when_no_child_runs(self) -> None:
        batch = job_cancel(job=batch_make(JobState.PENDING, JobState.SUCCESS))
        assert (batch.state, batch.error_code) == (JobState.REVOKED, ErrorCode.CANCELLED)
        assert batch.result == {"total": 2, "done": 1, "failed": 0, "cancelled": 1}

    def test_does_not_hide_what_had_failed(self) -> None:
        batch = job_cancel(job=batch_make(JobState.PENDING, JobState.FAILURE))
        assert (batch.state, batch.error_code) == (JobState.FAILURE, ErrorCode.PARTIAL_FAILURE)

    def test_asked_twice_is_asked_once(self) -> None:
        batch = job_cancel(job=batch_make(JobState.PENDING, JobState.STARTED))
        asked_at = batch.cancel_requested_at
        batch = job_cancel(job=batch)
        assert batch.cancel_requested_at == asked_at
        assert batch.children_cancelled == 1

    @pytest.mark.parametrize("state", [JobState.SUCCESS, JobState.FAILURE])
    def test_is_refused_when_it_has_ended_otherwise(self, state: JobState) -> None:
        batch = batch_make(state, parent={"state": state})
        with pytest.raises(JobStateConflictError):
            job_cancel(job=batch)
        assert read(batch).cancel_requested_at is None

    def test_takes_as_many_statements_for_many_children_as_for_few(self) -> None:
        counts = []
        for number in (2, 40):
            batch = batch_make(*[JobState.PENDING] * number)
            with CaptureQueriesContext(connection) as queries:
                job_cancel(job=batch)
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_leaves_other_batches_alone(self) -> None:
        job_cancel(job=batch_make(JobState.PENDING))
        other = batch_make(JobState.PENDING)
        job_cancel(job=batch_make(JobState.PENDING))
        assert Job.objects.get(parent=other).state == JobState.PENDING
        assert read(other).is_active
