import pytest

from styleguide_example.common.tests.processes import Queue, wait_until
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.messages import job_wake
from styleguide_example.jobs.services import Options, job_batch_start, job_cancel, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, sweep_until_ended, wait_for_state
from styleguide_example.jobs.tests.messages import read
from styleguide_example.jobs.tests.work import PLAIN, RESUMING

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SOON = Options(person_waits=True)


class TestCancelled:
    def test_while_queued_never_starts(self, workers: Workers, queue: Queue) -> None:
        job = job_start(kind=PLAIN, parameters=workers.work(), options=SOON)
        job_cancel(job=job)
        assert len(queue) == 1  # its message is still there, and the worker starts after the cancel
        process = workers.start()
        process.wait_for_line("job_not_claimed")
        assert read(job).state == JobState.REVOKED
        assert workers.begun() == []

    def test_while_it_runs_stops_at_its_next_report(self, workers: Workers) -> None:
        workers.start()
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(), options=SOON)
        workers.wait_for_begun()
        job_cancel(job=job)
        job = wait_for_state(job, JobState.REVOKED, timeout=5)
        assert job.error_code == ErrorCode.CANCELLED
        assert workers.done() == []

    def test_while_its_worker_dies_is_not_begun_again(self, workers: Workers) -> None:
        first = workers.start(JOB_LEASE_SECONDS=2)
        job = job_start(kind=RESUMING, parameters=workers.work_at_gate(is_silent=True), options=SOON)
        workers.wait_for_begun()
        job_cancel(job=job)
        first.kill_group()

        workers.open_gate()
        process = workers.start()
        job_wake(job)  # and a late message of it comes
        process.wait_for_line("job_not_claimed")
        job = sweep_until_ended(job)
        assert job.state == JobState.REVOKED
        assert len(workers.begun()) == 1

    def test_when_it_is_already_done_says_so_by_its_end(self, workers: Workers) -> None:
        """The body reports nothing any more: it ends in SUCCESS, and the wish has no effect."""
        workers.start()
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(is_silent=True), options=SOON)
        workers.wait_for_begun()
        job_cancel(job=job)
        workers.open_gate()
        assert wait_for_state(job, JobState.SUCCESS).cancel_requested_at is not None

    def test_with_all_its_children_ends_with_true_counts(self, workers: Workers) -> None:
        workers.start(concurrency=2)
        batch = job_batch_start(kind=PLAIN, children=(workers.work_at_gate() for _ in range(150)))
        workers.wait_for_begun(2)
        job_cancel(job=batch)
        wait_until(lambda: not read(batch).is_active)
        batch = read(batch)
        assert (batch.state, batch.children_cancelled) == (JobState.REVOKED, 150)
        assert len(workers.begun()) == 2
