import pytest
from django.contrib.auth.models import Permission

from styleguide_example.jobs.enums import ControlAction, JobState
from styleguide_example.jobs.exceptions import JobNotAllowedError, JobStateConflictError
from styleguide_example.jobs.models import ControlEntry, Job
from styleguide_example.jobs.services import job_terminate
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> User:
    person = user_staff()
    person.user_permissions.add(Permission.objects.get(codename="terminate_job"))
    return person


class TestJobTerminate:
    def test_is_for_staff_with_the_permission(self) -> None:
        job = job_running_make()
        before = Job.objects.values().get()
        with pytest.raises(JobNotAllowedError):
            job_terminate(job=job, by=user_staff())
        assert Job.objects.values().get() == before
        assert not ControlEntry.objects.exists()

    def test_asks_the_process_of_one_that_runs_and_enters_it_into_the_audit(self, staff: User) -> None:
        job = job_terminate(job=job_running_make(), by=staff, reason="It hangs")
        assert job.terminate_requested_at is not None
        assert job.is_cancel_requested
        entry = ControlEntry.objects.get()
        assert (entry.action, entry.target, entry.count, entry.reason, entry.done_by) == (
            ControlAction.TERMINATE,
            f"job {job.pk}",
            1,
            "It hangs",
            staff,
        )

    def test_asked_twice_is_asked_once(self, staff: User) -> None:
        job = job_terminate(job=job_running_make(), by=staff)
        before = Job.objects.values().get()
        job_terminate(job=job, by=staff)
        assert Job.objects.values().get() == before
        assert ControlEntry.objects.count() == 1

    def test_cancels_one_that_waits_without_force(self, staff: User) -> None:
        job = job_terminate(job=JobFactory.create(), by=staff)
        assert job.state == JobState.REVOKED
        assert not ControlEntry.objects.exists()

    def test_is_refused_when_it_has_ended(self, staff: User) -> None:
        with pytest.raises(JobStateConflictError):
            job_terminate(job=job_ended_make(), by=staff)

    def test_of_a_batch_asks_each_child_that_runs(self, staff: User) -> None:
        batch = batch_make(JobState.STARTED, JobState.PROGRESS, JobState.PENDING, JobState.SUCCESS)
        job_terminate(job=batch, by=staff)
        asked = Job.objects.filter(terminate_requested_at__isnull=False)
        assert {job.state for job in asked} == {JobState.STARTED, JobState.PROGRESS}
        assert ControlEntry.objects.get().count == 2
