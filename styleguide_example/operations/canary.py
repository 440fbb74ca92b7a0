"""Whether workers take work, by sending them some: a job of which nothing but its row comes back.

It goes the way of every job, so what would stop them stops it: a broker that loses messages, workers that read another
queue, a database that they cannot reach. It belongs to nobody, so nobody sees it or is told of it, and it leaves
no row behind.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime

from styleguide_example.jobs.enums import ENDED_STATES, JobState
from styleguide_example.jobs.exceptions import JobStateConflictError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_cancel, task_dispatch
from styleguide_example.operations.tasks import canary as canary_task

_LOOK_SECONDS = 0.05
#: Older ones were left by somebody who was killed while they waited.
_FORGOTTEN = timedelta(minutes=10)


@dataclass(frozen=True)
class Flight:
    """What became of the canary of one queue.

    Args:
        state: of its job when nobody waited any longer.
        seconds: from the commit of its row to the record of its end; None when it did not come back.
        clock_ahead_seconds: how far the worker's clock is before the database's; 0 where one cannot tell.
    """

    queue: str
    state: JobState
    seconds: float | None = None
    worker: str = ""
    clock_ahead_seconds: float = 0
    error: str = ""


def canaries_fly(*, queues: Iterable[str], seconds: float) -> list[Flight]:
    """Send a canary into each of ``queues`` and wait for them, ``seconds`` at most. Leaves no row behind.

    Outside any transaction: workers see what is committed.
    """
    _forgotten_delete()
    flying: dict[str, Job] = {}
    try:
        for queue in queues:
            flying[queue] = _send(queue)
        _wait(flying.values(), seconds=seconds)
        return [_flight(queue, job) for queue, job in flying.items()]
    finally:
        for job in flying.values():
            _take_back(job)


def _send(queue: str) -> Job:
    # A person waits, so it does not begin late at random.
    return task_dispatch(canary_task, options=Options(queue=queue, person_waits=True)).job


def _wait(jobs: Iterable[Job], *, seconds: float) -> None:
    keys = [job.pk for job in jobs]
    by = time.monotonic() + seconds
    flying = Job.objects.filter(pk__in=keys).exclude(state__in=ENDED_STATES)
    while flying.exists() and time.monotonic() < by:
        time.sleep(_LOOK_SECONDS)


def _flight(queue: str, job: Job) -> Flight:
    sent_at = job.woken_at  # by the database's clock, as are the others
    job.refresh_from_db()
    if sent_at is None or job.started_at is None or job.finished_at is None:
        return Flight(queue, JobState(job.state))
    took = (job.finished_at - sent_at).total_seconds()
    if job.state != JobState.SUCCESS:
        return Flight(queue, JobState(job.state), took, error=job.error_message)
    said = job.result or {}
    ahead = _ahead(parse_datetime(said.get("clock", "")), job.started_at, job.finished_at)
    return Flight(queue, JobState.SUCCESS, took, worker=said.get("worker", ""), clock_ahead_seconds=ahead)


def _ahead(clock: datetime | None, begun: datetime, ended: datetime) -> float:
    """The task read its clock between two moments of the database's: it is wrong by what it lies outside of them."""
    if clock is None or begun <= clock <= ended:
        return 0
    return (clock - (ended if clock > ended else begun)).total_seconds()


def _take_back(job: Job) -> None:
    with suppress(JobStateConflictError):  # it came back at the last moment
        job_cancel(job=job)
    _ended().filter(pk=job.pk).delete()  # one that a worker holds at this moment is deleted by the next doctor


def _forgotten_delete() -> None:
    for job in Job.objects.filter(kind=canary_task.name, created_at__lt=Now() - _FORGOTTEN, finished_at=None):
        _take_back(job)
    _ended().filter(created_at__lt=Now() - _FORGOTTEN).delete()


def _ended() -> QuerySet[Job]:
    return Job.objects.filter(kind=canary_task.name, finished_at__isnull=False)
