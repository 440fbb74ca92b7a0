"""The worker's side of a run: claim it before the task's body, record what became of it after.

The message of a run may come twice, late, or after its worker was thought dead: the row decides whether there is
anything to do (*Row first*, docs/decisions/0002).
"""

import os
import traceback
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import states
from celery.exceptions import Ignore, Retry
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from styleguide_example.common.leases import lease_claim, lease_release
from styleguide_example.common.wakeups import CLOCK_TOLERANCE, WakeUpTask
from styleguide_example.core.redaction import redact
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.runs import RUN_HEADER

logger = structlog.get_logger(__name__)

#: A worker that is alive ends its task within the hard time limit; the lease is longer by this.
LEASE_MARGIN_SECONDS = 15
ERROR_LENGTH_MAX = 2000


def run_claim(sender: WakeUpTask, **_: Any) -> None:
    """Claim the run that the task's message belongs to; a receiver of ``task_starting``. One statement.

    Raises:
        celery.exceptions.Ignore: when there is nothing to do: the run was claimed, has ended, expired, or is gone.
    """
    request = sender.request
    if not (request.headers or {}).get(RUN_HEADER):
        return
    token = lease_claim(
        ScheduleRun.objects.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now()) | Q(started_at__isnull=False),
            pk=_run_id(sender),
            state__in=(RunState.WAITING, RunState.RETRY),
        ),
        owner=f"{request.hostname}:{os.getpid()}",
        seconds=_time_limit(sender) + LEASE_MARGIN_SECONDS,
        state=RunState.RUNNING,
        started_at=Coalesce("started_at", Now()),
        worker=f"{request.hostname}:{os.getpid()}"[:255],
    )
    if token is None:
        logger.info("schedule_run_not_claimed", task=sender.name, run_id=request.id)
        raise Ignore("Its row says that there is nothing to do.")
    request.schedule_run_token = token  # type: ignore[attr-defined]  # ours; lives as long as the request


def run_record(task: WakeUpTask, state: str | None, retval: Any, **_: Any) -> None:
    """Record the outcome; a receiver of Celery's ``task_postrun``. Changes nothing when the lease was lost.

    Not when the process was killed, or told to exit: then the lease runs out, and the sweep begins the run again.
    """
    token = getattr(task.request, "schedule_run_token", None)
    if token is None or state is None:  # none: the process was told to exit in the middle of it, which ends like a kill
        return
    rows = ScheduleRun.objects.filter(pk=_run_id(task))
    if state == states.RETRY:
        # Celery publishes the retry itself, with this run's header; the sweep only repeats it.
        lease_release(
            rows,
            token=token,
            state=RunState.RETRY,
            next_attempt_at=_retry_at(retval),
            error=_described(retval),
            woken_at=Now(),
        )
        return
    failed = state in {states.FAILURE, states.REJECTED}  # one that raised Ignore found nothing to do
    lease_release(
        rows,
        token=token,
        state=RunState.FAILURE if failed else RunState.SUCCESS,
        finished_at=Now(),
        next_attempt_at=None,
        error=_described(retval) if failed else "",
    )


def _run_id(task: WakeUpTask) -> str:
    return str(task.request.id)


def _time_limit(task: WakeUpTask) -> float:
    hard, _soft = task.request.timelimit or (None, None)
    return float(hard or task.time_limit or settings.CELERY_TASK_TIME_LIMIT)


def _retry_at(retry: Retry) -> Any:
    """When the retry is due: Celery tells the moment, or in how many seconds."""
    when: Any = retry.when
    if isinstance(when, datetime):
        return when - CLOCK_TOLERANCE
    return Now() + timedelta(seconds=when or 0) - CLOCK_TOLERANCE


def _described(error: Any) -> str:
    """The error in words without addresses and secrets: staff read it, and it is kept."""
    cause = getattr(error, "exc", None) or error
    if not isinstance(cause, BaseException):
        return redact(str(cause))[:ERROR_LENGTH_MAX]
    return redact("".join(traceback.format_exception_only(cause)).strip())[:ERROR_LENGTH_MAX]
