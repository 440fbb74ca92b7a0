import pytest

from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, sweep_until_ended
from styleguide_example.jobs.tests.work import PLAIN, RESUMING

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SOON = Options(person_waits=True)
#: It writes each report: also the one after the gate, before which it may have been stopped.
LATE = {"JOB_LEASE_SECONDS": 2, "JOB_PROGRESS_SECONDS": 0}


class TestLostLease:
    @pytest.mark.parametrize(
        ("is_silent", "said"),
        [(False, "job_left_to_the_sweep"), (True, "job_outcome_after_lease_lost")],
        ids=["at its next report", "at its end"],
    )
    def test_leaves_the_late_worker_without_effect(self, workers: Workers, is_silent: bool, said: str) -> None:  # noqa: FBT001
        late = workers.start(**LATE)
        asked = workers.work_at_gate(is_silent=is_silent, steps=0 if is_silent else 1)
        job = job_start(kind=RESUMING, parameters=asked, options=SOON)
        workers.wait_for_begun()
        late.pause()

        workers.open_gate()
        workers.start()
        job = sweep_until_ended(job)
        assert (job.state, job.attempts) == (JobState.SUCCESS, 2)
        before = Job.objects.values().get()

        late.resume()
        late.wait_for_line(said)
        assert Job.objects.values().get() == before

    def test_of_a_job_that_may_not_resume_stays_its_end(self, workers: Workers) -> None:
        late = workers.start(**LATE)
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(steps=1), options=SOON)
        workers.wait_for_begun()
        late.pause()
        workers.start()
        assert sweep_until_ended(job).error_code == ErrorCode.WORKER_LOST
        before = Job.objects.values().get()

        workers.open_gate()
        late.resume()
        late.wait_for_line("job_left_to_the_sweep")
        assert Job.objects.values().get() == before
