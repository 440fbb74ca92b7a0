from typing import Any

import pytest
from django.db.models.functions import Now

from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.messages import JOB_HEADER
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, sweep_until_ended, wait_for_state
from styleguide_example.jobs.tests.work import PLAIN
from styleguide_example.tasks.celery import app as celery_app

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

#: Counted from when the worker accepts the message: long enough to begin the body on a busy machine.
LIMIT_SECONDS = 5


class TestTimeLimits:
    def test_end_a_job_with_the_reason(self, workers: Workers) -> None:
        workers.start()
        options = Options(timeout_seconds=LIMIT_SECONDS, person_waits=True)
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(), options=options)
        job = wait_for_state(job, JobState.FAILURE)
        assert (job.error_code, job.error_message) == (ErrorCode.TIMEOUT, "It took longer than it may.")

    def test_that_kill_its_process_end_it_after_the_lease(self, workers: Workers) -> None:
        """The hard limit, of a body that does not heed the soft one: nothing runs in that process any more."""
        process = workers.start(JOB_LEASE_SECONDS=2, CELERY_TASK_SOFT_TIME_LIMIT_SECONDS=0)
        asked = workers.work_at_gate(is_silent=True)
        job = job_start(kind=PLAIN, parameters=asked, options=Options(delay_seconds=3600, person_waits=True))
        Job.objects.update(next_attempt_at=Now())
        limits = {"time_limit": LIMIT_SECONDS, "soft_time_limit": None}
        task: Any = celery_app.tasks[job.task]
        task.wake(kwargs={"job_id": str(job.pk)}, task_id=str(job.pk), headers={JOB_HEADER: job.kind}, **limits)
        workers.wait_for_begun()
        process.wait_for_line("Hard time limit")
        job = sweep_until_ended(job)
        assert (job.state, job.error_code) == (JobState.FAILURE, ErrorCode.WORKER_LOST)
