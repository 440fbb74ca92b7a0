"""The message of a job: a wake-up call for its committed row, sent after the commit, and again by the sweep."""

from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.db import transaction

from styleguide_example.common.wakeups import CLOCK_TOLERANCE, ETA_MAX_SECONDS
from styleguide_example.jobs.kinds import task_name
from styleguide_example.jobs.models import Job

logger = structlog.get_logger(__name__)

#: The message header that tells the worker to look for the job's row, whose id is the message's. It holds the kind.
JOB_HEADER = "job"
#: A task that does not heed the soft limit is killed so many seconds later.
HARD_LIMIT_AFTER_SECONDS = 10


def job_wake_on_commit(job: Job, *, wait_seconds: float = 0) -> None:
    """Wake a worker after the commit, unless the job is due so late that the sweep had better do it."""
    if wait_seconds <= ETA_MAX_SECONDS:
        transaction.on_commit(partial(job_wake, job, wait_seconds=wait_seconds))


def job_wake(job: Job, *, wait_seconds: float = 0) -> bool:
    """Publish the message of a committed row. Returns whether the broker took it.

    False too for a task that this process does not know: one that does may sweep next.
    """
    task: Any = current_app.tasks.get(task_name(kind=job.kind, default=job.task))
    if task is None:
        logger.warning("job_task_unknown", job_id=str(job.pk), task=job.task, next="a newer worker's sweep wakes it")
        return False
    options: dict[str, Any] = {"queue": job.queue} if job.queue else {}
    if job.attempts:  # the task's `max_retries` counts on, whoever sends the message
        options["retries"] = job.attempts
    if job.timeout_seconds:
        options["soft_time_limit"] = job.timeout_seconds
        options["time_limit"] = job.timeout_seconds + HARD_LIMIT_AFTER_SECONDS
    if wait_seconds > 0:
        options["countdown"] = wait_seconds + CLOCK_TOLERANCE.total_seconds()
    return bool(
        task.wake(
            kwargs=job_arguments(job),
            task_id=str(job.pk),
            priority=job.priority,
            headers={JOB_HEADER: job.kind},
            **options,
        )
    )


def job_arguments(job: Job) -> dict[str, Any]:
    """Return what the task is called with: a kind's task gets the job's id, any other one its arguments."""
    return dict(job.parameters) if job.kind == job.task else {"job_id": str(job.pk)}
