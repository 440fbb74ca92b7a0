from typing import Any

import pytest

from styleguide_example.jobs.enums import JobState, Outcome
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_start, task_dispatch
from styleguide_example.jobs.tests.flows.workers import Workers, wait_for_state
from styleguide_example.jobs.tests.work import CALL, PLAIN, lines
from styleguide_example.tasks.celery import app as celery_app

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

AT_ONCE = Options(person_waits=True)


class TestWorker:
    def test_does_a_job_and_records_what_came_of_it(self, workers: Workers) -> None:
        workers.start()
        job = job_start(kind=PLAIN, parameters=workers.work(steps=3), options=AT_ONCE)
        job = wait_for_state(job, JobState.SUCCESS)
        assert workers.done() == [str(job.pk)]
        assert (job.result, job.attempts) == ({"steps": 3}, 1)
        assert (job.progress_current, job.progress_total, job.progress_message) == (3, 3, "Step 3")
        assert job.lease_token is None
        assert job.started_at is not None
        assert job.finished_at is not None

    def test_records_a_failure_with_what_the_body_said(self, workers: Workers) -> None:
        worker = workers.start()
        job = job_start(kind=PLAIN, parameters=workers.work(fails=True), options=AT_ONCE)
        job = wait_for_state(job, JobState.FAILURE)
        assert (job.error_code, job.error_message) == ("one_of_those", "It is one of those that fail.")
        assert "JobFailedError" in job.traceback
        worker.stop()
        assert worker.output.count("Traceback (most recent call last)") == 1, worker.output

    def test_does_a_task_that_is_no_kind(self, workers: Workers) -> None:
        workers.start()
        task: Any = celery_app.tasks[CALL]
        called = task_dispatch(task, kwargs={"path": str(workers.path)}, options=AT_ONCE)
        assert called.outcome is Outcome.QUEUED
        wait_for_state(called.job, JobState.SUCCESS)
        assert lines(workers.path, "called") == [""]
        assert Job.objects.count() == 1
