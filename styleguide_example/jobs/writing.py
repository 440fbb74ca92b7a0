"""Writes the row of a job, once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from styleguide_example.common.wakeups import ETA_MAX_SECONDS
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.dispatch import Dispatched
from styleguide_example.jobs.enums import JobState, Outcome
from styleguide_example.jobs.exceptions import (
    JobAlreadyActiveError,
    JobParametersInvalidError,
    JobStateConflictError,
)
from styleguide_example.jobs.messages import job_wake_on_commit
from styleguide_example.jobs.models import Job

#: A key that is taken when we write and free when we look is tried again: its holder ended in between.
TRIES = 5


@dataclass(frozen=True)
class Draft:
    """A job that is to be written."""

    kind: str
    task: str
    parameters: Mapping[str, Any]
    owner_id: Any = None
    priority: int = Priority.NORMAL
    queue: str = ""
    wait_seconds: float = 0
    timeout_seconds: int | None = None
    expires_seconds: int | None = None
    once_key: str | None = None
    debounce_key: str | None = None
    #: Columns that say of what it is a part.
    relations: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def job_write(draft: Draft) -> Dispatched:
    """Write the row in the caller's transaction, and wake a worker after the commit.

    A debounced call takes the place of the former one, if that has not begun.

    Raises:
        JobAlreadyActiveError: when another job holds the key. Nothing is written then.
        JobParametersInvalidError: when the parameters are too large to keep.
        JobStateConflictError: when the key changed hands each time we looked.
    """
    parameters_check_size(draft.parameters)
    for _ in range(TRIES):
        if draft.debounce_key and (waiting := _debounced(draft)):
            return Dispatched(waiting, Outcome.DEBOUNCED)
        try:
            with transaction.atomic():  # a savepoint: on PostgreSQL the caller's transaction would be unusable
                job = Job.objects.create(**_columns(draft))
        except IntegrityError:
            if draft.once_key is None and draft.debounce_key is None:
                raise  # no key is taken: something else is wrong
            _refuse_duplicate(draft)
            continue
        job.refresh_from_db()  # the times are the database's
        job_wake_on_commit(job, wait_seconds=draft.wait_seconds)
        return Dispatched(job, Outcome.QUEUED)
    raise JobStateConflictError(f"{draft.kind} could not be written: its key changes hands all the time. Try again.")


def _columns(draft: Draft) -> dict[str, Any]:
    return {
        "kind": draft.kind,
        "task": draft.task,
        "parameters": dict(draft.parameters),
        "owner_id": draft.owner_id,
        "priority": draft.priority,
        "queue": draft.queue,
        "timeout_seconds": draft.timeout_seconds,
        "expires_at": _expires_at(draft),
        "once_key": draft.once_key,
        "debounce_key": draft.debounce_key,
        "next_attempt_at": Now() + timedelta(seconds=draft.wait_seconds),
        # Asked for after the commit. What is far away is woken by the sweep, which passes over what was woken lately.
        "woken_at": Now() if draft.wait_seconds <= ETA_MAX_SECONDS else None,
        **draft.relations,
    }


def _expires_at(draft: Draft) -> Any:
    if draft.expires_seconds is None:
        return None
    return Now() + timedelta(seconds=draft.wait_seconds + draft.expires_seconds)


def _debounced(draft: Draft) -> Job | None:
    """Put the call off and give it the newest arguments; None when there is none that has not begun."""
    waiting = Job.objects.filter(
        debounce_key=draft.debounce_key, state=JobState.PENDING, started_at__isnull=True, finished_at__isnull=True
    )
    if not waiting.update(
        parameters=dict(draft.parameters),
        next_attempt_at=Now() + timedelta(seconds=draft.wait_seconds),
        expires_at=_expires_at(draft),
        updated_at=Now(),
    ):
        return None
    return waiting.first()


def _refuse_duplicate(draft: Draft) -> None:
    if draft.once_key is None:
        return
    holder = Job.objects.filter(once_key=draft.once_key, finished_at__isnull=True).first()
    if holder is not None:
        raise JobAlreadyActiveError(
            f"{draft.kind} is under way as job {holder.pk}: follow that one, or cancel it first.", job_id=holder.pk
        )


def parameters_check_size(parameters: Mapping[str, Any]) -> None:
    """Check that the parameters are not too large to keep.

    Raises:
        JobParametersInvalidError: when they are.
    """
    size = len(json.dumps(dict(parameters)).encode())
    if size > settings.JOB_PARAMETERS_MAX_BYTES:
        message = f"The parameters have {size} bytes, the limit is {settings.JOB_PARAMETERS_MAX_BYTES}."
        raise JobParametersInvalidError(message, errors={"non_field_errors": [message]})
