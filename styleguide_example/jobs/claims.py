"""The worker's side of a job: claim its row before the task's body, record what became of it after.

The message of a job may come twice, late, or after its worker was thought dead: the row decides whether there is
anything to do (*Row first*, docs/decisions/0002).
"""

import json
import os
import re
import traceback
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import current_task, states
from celery.exceptions import Ignore, Retry, SoftTimeLimitExceeded
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_noop as _

from styleguide_example.common.leases import lease_claim, lease_release
from styleguide_example.common.wakeups import CLOCK_TOLERANCE, ETA_MAX_SECONDS, RetryLater, WakeUpTask
from styleguide_example.core.redaction import redact
from styleguide_example.jobs.ending import CANCELLED, Ending, job_end, plain_text
from styleguide_example.jobs.enums import WAITING_STATES, ErrorCode, JobState
from styleguide_example.jobs.exceptions import JobCancelledError, JobFailedError, JobLeaseLostError
from styleguide_example.jobs.heartbeat import Heartbeat
from styleguide_example.jobs.kinds import task_name
from styleguide_example.jobs.messages import JOB_HEADER, job_wake
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.pauses import not_paused
from styleguide_example.jobs.progress import report_take

logger = structlog.get_logger(__name__)

TRACEBACK_LENGTH_MAX = 20_000
#: NUL in JSON, which PostgreSQL cannot keep; not the text of a backslash, an "u" and four zeros.
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
UNFORESEEN = _("Something went wrong that nobody foresaw. The people who run this product can read what it was.")


@dataclass(frozen=True)
class Claim:
    """A job that this process holds, and the token that proves it."""

    job_id: uuid.UUID
    token: uuid.UUID
    heartbeat: Heartbeat


def job_claim(sender: WakeUpTask, **_: Any) -> None:
    """Claim the job that the task's message belongs to, by one statement; a receiver of ``task_starting``.

    Of the message only the id is believed: the body gets the arguments that the row has, and a message that names
    another task or kind claims nothing.

    Raises:
        celery.exceptions.Ignore: when there is nothing to do: it was claimed, has ended, is paused, is not due, or is
            gone.
    """
    request = sender.request
    kind = (request.headers or {}).get(JOB_HEADER)
    if not kind:
        return
    job_id = uuid.UUID(str(request.id))
    rows = _claimable(job_id).filter(kind=str(kind))
    if task_name(kind=str(kind), default="") != sender.name:  # else it is the kind's, and the row may name a former one
        rows = rows.filter(task=sender.name)
    token = lease_claim(
        not_paused(rows.none() if request.args else rows),  # no message of ours has any
        owner=f"{request.hostname}:{os.getpid()}",
        seconds=settings.JOB_LEASE_SECONDS,
        state=JobState.STARTED,
        started_at=Coalesce("started_at", Now()),
        worker=str(request.hostname or "")[:255],
        claimed_at=Now(),
        heartbeat_at=Now(),
    )
    if token is None:
        _wake_when_due(job_id)
        logger.info("job_not_claimed", task=sender.name, job_id=str(job_id))
        raise Ignore("Its row says that there is nothing to do.")
    _arguments_take(request, job_id, is_kind=kind != sender.name)
    heartbeat = Heartbeat(job_id, token)
    heartbeat.start()
    request.is_row_backed = True  # type: ignore[attr-defined]  # a far retry stays in the row (common.wakeups)
    request.job_claim = Claim(job_id, token, heartbeat)  # type: ignore[attr-defined]  # lives as long as the request


def job_running(*, job_id: str) -> Job:
    """Return the job that this process has claimed: what a task that does the work of a kind begins with.

    Raises:
        JobLeaseLostError: when this process does not hold it (any more). Let it rise.
    """
    claim: Claim | None = getattr(current_task.request, "job_claim", None) if current_task else None
    job = Job.objects.filter(pk=job_id, lease_token=claim.token).first() if claim else None
    if claim is None:  # no message of ours asks for this: it was forged, or somebody called the task in place
        logger.warning("job_task_without_a_job", task=current_task.name if current_task else None)
    if job is None:
        raise JobLeaseLostError(f"Job {job_id} is not claimed by this process; start it with job_start.")
    return job


def job_record(task: WakeUpTask, state: str | None, retval: Any, **_: Any) -> None:
    """Record the outcome; a receiver of Celery's ``task_postrun``. Changes nothing when the lease was lost.

    Not called when the process was killed: then the lease runs out, and the sweep decides.
    """
    claim: Claim | None = getattr(task.request, "job_claim", None)
    if claim is None:
        return
    claim.heartbeat.stop()
    said = {**report_take(claim.token), "heartbeat_at": Now()}
    if state is None or isinstance(retval, JobLeaseLostError):
        # The process was told to exit in the middle of the body, or the job is not ours any more. Neither is an end of
        # the job: the lease runs out, and the sweep decides.
        logger.warning("job_left_to_the_sweep", job_id=str(claim.job_id), state=state)
        return
    if state == states.RETRY or isinstance(retval, RetryLater):
        _release_for_retry(claim, retval, said)
        return
    ended = job_end(claim.job_id, when=Q(lease_token=claim.token), ending=_ending(state, retval), **said)
    if not ended:
        logger.warning("job_outcome_after_lease_lost", job_id=str(claim.job_id), state=state)


def _claimable(job_id: uuid.UUID) -> Any:
    in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=Now()) | Q(started_at__isnull=False)
    return Job.objects.filter(in_time, pk=job_id, state__in=WAITING_STATES, cancel_requested_at__isnull=True)


def _arguments_take(request: Any, job_id: uuid.UUID, *, is_kind: bool) -> None:
    """Give the body what the row says: the message of a call that was put off may hold a former one's arguments."""
    arguments = {"job_id": str(job_id)} if is_kind else Job.objects.values_list("parameters", flat=True).get(pk=job_id)
    request.kwargs.clear()
    request.kwargs.update(arguments)


def _wake_when_due(job_id: uuid.UUID) -> None:
    """Ask to be woken again for a job that was put off since its message was sent."""
    rows = Job.objects.filter(pk=job_id, state__in=WAITING_STATES, next_attempt_at__gt=Now())
    left = ExpressionWrapper(F("next_attempt_at") - Now(), DurationField())  # the database's clock, as in the claim
    for job, wait in ((job, job.left.total_seconds()) for job in rows.annotate(left=left)):
        if wait <= ETA_MAX_SECONDS:
            job_wake(job, wait_seconds=max(wait, 0.1))


def _release_for_retry(claim: Claim, retry: Retry | RetryLater, said: dict[str, Any]) -> None:
    """Celery publishes a near retry itself, with the job's header; a far one, or a lost one, the sweep wakes."""
    when: Any = retry.retry_at if isinstance(retry, RetryLater) else retry.when
    due = when if isinstance(when, datetime) else Now() + timedelta(seconds=when or 0)
    released = lease_release(
        Job.objects.filter(pk=claim.job_id, cancel_requested_at__isnull=True),
        token=claim.token,
        state=JobState.RETRY,
        next_attempt_at=due - CLOCK_TOLERANCE,
        woken_at=Now(),
        **said,
    )
    if not released:  # there is no further try of what somebody asked to stop
        cancelled = Q(lease_token=claim.token, cancel_requested_at__isnull=False)
        job_end(claim.job_id, when=cancelled, ending=CANCELLED, **said)


def _ending(state: str | None, retval: Any) -> Ending:
    """What the task's outcome means for the job."""
    if state == states.SUCCESS:
        return _with_result(retval)
    if isinstance(retval, JobCancelledError):
        return CANCELLED
    if not isinstance(retval, BaseException) or isinstance(retval, Ignore):
        return Ending(JobState.SUCCESS)  # the body said that there was nothing to do
    code, message = _said_to_owner(retval)
    return Ending(JobState.FAILURE, code=code, message=message, traceback=_traceback(retval))


def _said_to_owner(error: BaseException) -> tuple[str, str]:
    if isinstance(error, JobFailedError):
        return error.code, str(error)
    if isinstance(error, SoftTimeLimitExceeded):
        return ErrorCode.TIMEOUT, _("It took longer than it may.")
    return ErrorCode.FAILED, UNFORESEEN


def _with_result(retval: Any) -> Ending:
    try:
        text = plain_text(json.dumps(retval, cls=DjangoJSONEncoder, allow_nan=False, ensure_ascii=False))
    except (TypeError, ValueError) as error:
        return Ending(JobState.FAILURE, code=ErrorCode.FAILED, message=UNFORESEEN, traceback=_traceback(error))
    if len(text.encode()) > settings.JOB_RESULT_MAX_BYTES:
        message = f"It was done, but its result has more than {settings.JOB_RESULT_MAX_BYTES:,} bytes."
        return Ending(JobState.FAILURE, code=ErrorCode.RESULT_TOO_LARGE, message=message)
    return Ending(JobState.SUCCESS, result=json.loads(_ESCAPED_NUL.sub(r"\1", text)))


def _traceback(error: BaseException) -> str:
    """The traceback without addresses and secrets; of a long one, the end."""
    return redact("".join(traceback.format_exception(error)))[-TRACEBACK_LENGTH_MAX:]
