import pytest

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.messages import job_wake
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, are_all_ended, wait_for_state
from styleguide_example.jobs.tests.work import PLAIN

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SOON = Options(person_waits=True)
JOBS = 60


class TestDoubledMessages:
    def test_raced_for_by_two_workers_are_one_job_each(self, workers: Workers) -> None:
        jobs = [job_start(kind=PLAIN, parameters=workers.work(steps=1), options=SOON) for _ in range(JOBS)]
        for job in jobs:
            job_wake(job)
        workers.start(concurrency=2)
        workers.start(concurrency=2)
        wait_until(are_all_ended)
        assert sorted(workers.begun()) == sorted(workers.done()) == sorted(str(job.pk) for job in jobs)
        assert set(Job.objects.values_list("state", "attempts")) == {(JobState.SUCCESS, 1)}

    def test_after_the_end_change_nothing(self, workers: Workers) -> None:
        process = workers.start()
        job = wait_for_state(job_start(kind=PLAIN, parameters=workers.work(), options=SOON), JobState.SUCCESS)
        before = Job.objects.values().get()
        job_wake(job)
        process.wait_for_line("job_not_claimed")
        assert Job.objects.values().get() == before
        assert workers.begun() == [str(job.pk)]
