import pytest

from styleguide_example.common.tests.processes import Broker, Queue, wait_until
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, sweep_until_ended
from styleguide_example.jobs.tests.messages import read
from styleguide_example.jobs.tests.work import PLAIN, RESUMING

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SOON = Options(person_waits=True)


class TestKilledWorker:
    def test_leaves_a_job_that_may_resume_to_the_next_one(self, workers: Workers) -> None:
        first = workers.start(JOB_LEASE_SECONDS=2)
        job = job_start(kind=RESUMING, parameters=workers.work_at_gate(steps=2), options=SOON)
        workers.wait_for_begun()
        first.kill_group()

        workers.open_gate()
        workers.start()
        job = sweep_until_ended(job)
        assert (job.state, job.attempts, job.result) == (JobState.SUCCESS, 2, {"steps": 2})
        assert workers.begun() == [str(job.pk)] * 2
        assert workers.done() == [str(job.pk)]

    def test_ends_a_job_that_may_not(self, workers: Workers) -> None:
        first = workers.start(JOB_LEASE_SECONDS=2)
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(), options=SOON)
        workers.wait_for_begun()
        first.kill_group()

        workers.start()
        job = sweep_until_ended(job)
        assert (job.state, job.error_code, job.attempts) == (JobState.FAILURE, ErrorCode.WORKER_LOST, 1)
        assert workers.begun() == [str(job.pk)]

    def test_in_its_pool_alone_is_brought_back_by_the_same_worker(self, workers: Workers) -> None:
        worker = workers.start(JOB_LEASE_SECONDS=2)
        job = job_start(kind=RESUMING, parameters=workers.work_at_gate(), options=SOON)
        workers.wait_for_begun()
        workers.open_gate()
        for child in worker.children():
            child.kill()
        assert sweep_until_ended(job).state == JobState.SUCCESS

    def test_with_its_messages_loses_no_job(self, workers: Workers, broker: Broker, queue: Queue) -> None:
        """The broker is wiped while jobs are queued."""
        jobs = [job_start(kind=PLAIN, parameters=workers.work(), options=SOON) for _ in range(20)]
        queue.purge()
        assert len(queue) == 0
        workers.start(concurrency=2)
        for job in jobs:
            assert sweep_until_ended(job).state == JobState.SUCCESS
        assert sorted(workers.done()) == sorted(str(job.pk) for job in jobs)

    def test_that_shows_to_be_alive_keeps_a_silent_job(self, workers: Workers) -> None:
        """Its body reports nothing for longer than the lease."""
        workers.start(JOB_LEASE_SECONDS=5, JOB_HEARTBEAT_SECONDS=0.2)
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(is_silent=True), options=SOON)
        workers.wait_for_begun()
        first_lease = read(job).lease_expires_at
        assert first_lease is not None
        wait_until(lambda: (Job.objects.get(pk=job.pk).heartbeat_at or first_lease) > first_lease)
        workers.open_gate()
        job = sweep_until_ended(job)
        assert (job.state, job.attempts) == (JobState.SUCCESS, 1)
