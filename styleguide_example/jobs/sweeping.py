"""Brings back what was left behind: jobs whose worker died, whose message was lost, or that nobody began in time."""

from collections.abc import Callable
from datetime import timedelta

import structlog
from celery import current_app
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from styleguide_example.common.leases import UNCLAIMED, lease_release, leases_expired, rows_to_wake, rows_woken
from styleguide_example.common.wakeups import broker_pause_is_on
from styleguide_example.jobs import batches
from styleguide_example.jobs.chains import chain_continue, chains_left_behind
from styleguide_example.jobs.dispatch import queue_names
from styleguide_example.jobs.ending import CANCELLED, TERMINATED, Ending, job_end
from styleguide_example.jobs.enums import ACTIVE_STATES, RUNNING_STATES, WAITING_STATES, ErrorCode, JobState, Scope
from styleguide_example.jobs.kinds import job_kind_find, job_kinds
from styleguide_example.jobs.messages import job_wake
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.pauses import not_paused
from styleguide_example.jobs.selectors import in_scope

logger = structlog.get_logger(__name__)

WORKER_LOST = Ending(
    JobState.FAILURE, code=ErrorCode.WORKER_LOST, message=_("Its worker was killed or cut off before it was done.")
)
EXPIRED = Ending(JobState.REVOKED, code=ErrorCode.EXPIRED, message=_("It was not begun in time."))
#: So long after its lease ran out a job of which this process knows neither kind nor task is left to those of a newer
#: release, which know whether it may be begun again.
UNKNOWN_LEFT_SECONDS = 300
#: How often a task that is no kind is begun, where it may resume.
ATTEMPTS_MAX = 3


def job_sweep() -> list[Job]:
    """End or begin again what was left behind, and return the jobs that a worker should be woken for.

    A job that expired before a worker had it ends REVOKED. One whose worker was killed is begun again where its kind
    allows, and else ends in FAILURE with the reason. What is due and was not woken lately is returned, urgent first.
    """
    for job in Job.objects.filter(_is_expired(), state=JobState.PENDING)[: settings.JOB_SWEEP_LIMIT]:
        _try(_expire, job)
    for job in Job.objects.filter(_is_stopped())[: settings.JOB_SWEEP_LIMIT]:
        _try(_cancel, job)
    for job in leases_expired(Job.objects.filter(state__in=RUNNING_STATES))[: settings.JOB_SWEEP_LIMIT]:
        _try(_end_or_repeat, job)
    batches.windows_refill()
    for job in chains_left_behind()[: settings.JOB_SWEEP_LIMIT]:
        _try(chain_continue, job)
    return _due()


def _due() -> list[Job]:
    """The rows to wake, of each queue for itself: those of a queue that is full stand in front of no other's."""
    rows = not_paused(Job.objects.filter(_is_for_us(), state__in=WAITING_STATES, finished_at__isnull=True))
    due = rows_to_wake(rows, again_after_seconds=settings.JOB_WAKE_AGAIN_SECONDS)
    urgent_first = due.order_by("priority", "next_attempt_at")
    queues = [in_scope(scope=Scope.QUEUE, name=name) for name in queue_names()]
    elsewhere = ~Q(queue__in=["", *queue_names()])  # of a queue that was taken out of the settings
    return [job for queue in (*queues, elsewhere) for job in urgent_first.filter(queue)[: settings.JOB_SWEEP_LIMIT]]


def _is_for_us() -> Q:
    """What only another release knows is left alone: noted as woken by us, it would not be by the sweep of that one."""
    return Q(kind__in=[kind.name for kind in job_kinds()]) | Q(task__in=list(current_app.tasks))


def jobs_wake(jobs: list[Job], *, messages_waiting: Callable[..., int | None]) -> None:
    """Publish for the jobs that a sweep found, as far as their queues are not full, and the broker is there."""
    room = {}
    for queue in {job.queue for job in jobs}:
        waiting = messages_waiting(queue=queue or None)
        room[queue] = 0 if waiting is None else settings.JOB_SWEEP_LIMIT - waiting
    woken = []
    for job in jobs:
        room[job.queue] -= 1
        if room[job.queue] < 0:
            continue
        # One that only this process, its queue or its task does not take is tried again like one that was sent: else it
        # would stand in front of all others in each sweep.
        if _wake(job) or not broker_pause_is_on():
            woken.append(job.pk)
    if woken:
        rows_woken(Job.objects.all(), ids=woken)


def _wake(job: Job) -> bool:
    """Publish, and return whether the broker took it. A row of which no message can be made stops no other."""
    try:
        return job_wake(job)
    except Exception:  # as of arguments that the task of this release does not take
        logger.exception("job_not_woken", job_id=str(job.pk), kind=job.kind, task=job.task)
        return False


def job_free(job: Job) -> bool:
    """End or begin again ``job`` at once if the sweep would. Returns whether it has ended, so that its key is free."""
    if Job.objects.filter(_is_expired() | _is_stopped(), pk=job.pk).exists():
        _expire(job)
        _cancel(job)
    for held in leases_expired(Job.objects.filter(pk=job.pk, state__in=RUNNING_STATES)):
        _end_or_repeat(held)
    return not Job.objects.filter(pk=job.pk, state__in=ACTIVE_STATES).exists()


def _try(mend: Callable[[Job], None], job: Job) -> None:
    """Whatever one row cannot be mended of must not keep the sweep from the others. A database that is away rises."""
    try:
        mend(job)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("job_not_mended", job_id=str(job.pk), kind=job.kind)


def _expire(job: Job) -> None:
    job_end(job.pk, when=_is_expired(), ending=EXPIRED)


def _cancel(job: Job) -> None:
    job_end(job.pk, when=_is_stopped(), ending=CANCELLED)


def _is_stopped() -> Q:
    """Whoever asked it to stop while it waited was cut off before it ended."""
    return UNCLAIMED & Q(
        state__in=WAITING_STATES,
        finished_at__isnull=True,
        cancel_requested_at__isnull=False,
        is_batch=False,  # which has no state of its own: it ends with the last of its children
    )


def _end_or_repeat(job: Job) -> None:
    patience = timedelta(seconds=0 if _is_known(job) else UNKNOWN_LEFT_SECONDS)
    held = Q(lease_token=job.lease_token, lease_expires_at__lte=Now() - patience)
    if job.terminate_requested_at is not None:
        job_end(job.pk, when=held, ending=TERMINATED)
    elif job.cancel_requested_at is not None:
        job_end(job.pk, when=held, ending=CANCELLED)
    elif not _may_resume(job):
        job_end(job.pk, when=held, ending=WORKER_LOST)
    elif job.lease_token is not None:
        rows = Job.objects.filter(held, pk=job.pk, cancel_requested_at__isnull=True)
        if lease_release(rows, token=job.lease_token, state=JobState.RETRY, next_attempt_at=Now(), woken_at=None):
            logger.warning("job_begun_again", job_id=str(job.pk), kind=job.kind, attempts=job.attempts)


def _is_known(job: Job) -> bool:
    return job_kind_find(job.kind) is not None or (job.kind == job.task and job.task in current_app.tasks)


def _may_resume(job: Job) -> bool:
    kind = job_kind_find(job.kind)
    if kind is not None:
        return kind.may_resume and job.attempts < kind.attempts_max
    return getattr(current_app.tasks.get(job.task), "may_resume", False) and job.attempts < ATTEMPTS_MAX


def _is_expired() -> Q:
    return UNCLAIMED & Q(
        state=JobState.PENDING, started_at__isnull=True, finished_at__isnull=True, expires_at__lte=Now()
    )
