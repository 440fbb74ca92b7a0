"""Jobs for tests: rows as they are in each state of a job's life, and kinds that exist for one test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import factory
from celery import Celery
from django.utils import timezone

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.jobs.enums import (
    ACTIVE_STATES,
    ENDED_STATES,
    RUNNING_STATES,
    ErrorCode,
    JobState,
)
from styleguide_example.jobs.kinds import JobKind, anybody_signed_in, job_kind_forget, job_kind_register
from styleguide_example.jobs.models import Job

#: An app of its own, so that no worker and no guard meets its task.
_app = Celery("tests", task_cls=WakeUpTask, set_as_current=False)

#: What a job that ended in this state says of its reason.
_ERRORS = {JobState.FAILURE: (ErrorCode.FAILED, "It went wrong."), JobState.REVOKED: (ErrorCode.CANCELLED, "")}


@_app.task(name="tests.count", shared=False)
def count(*, job_id: str) -> None:
    """A task of a kind; no worker knows it."""


class JobFactory(factory.django.DjangoModelFactory[Job]):
    """A row in any state, PENDING and due without another word. What the state asks for is filled in.

    One that runs has a worker with a minute left on its lease; one that has ended did so a moment ago. A batch is
    written with its counters as given: :func:`batch_make` counts real children.
    """

    class Meta:
        model = Job

    kind = "count"
    task = count.name
    state = JobState.PENDING

    @classmethod
    def _create(cls, model_class: type[Job], *args: Any, **fields: Any) -> Job:
        filled = {**_fields_of(JobState(fields["state"]), timezone.now()), **fields}
        updated_at = filled.pop("updated_at", None)
        job = Job.objects.create(**filled)
        if updated_at is not None:  # `save` would put the present there
            Job.objects.filter(pk=job.pk).update(updated_at=updated_at)
        return Job.objects.get(pk=job.pk)


def job_running_make(**fields: Any) -> Job:
    """One that a worker holds."""
    return JobFactory.create(**{"state": JobState.STARTED, **fields})


def job_ended_make(state: str = JobState.SUCCESS, *, days_ago: float = 0, **fields: Any) -> Job:
    """One that ended so many days ago."""
    ended_at = timezone.now() - timedelta(days=days_ago)
    times = {"created_at": ended_at, "started_at": ended_at, "finished_at": ended_at}
    return JobFactory.create(**{"state": state, **times, **fields})


def batch_make(*states: str, parent: dict[str, Any] | None = None, **fields: Any) -> Job:
    """A parent whose children are in ``states``, with counters that are true; ``fields`` are the children's."""
    batch = JobFactory.create(
        **{
            "is_batch": True,
            "state": JobState.PROGRESS if set(states) & set(ACTIVE_STATES) else JobState.SUCCESS,
            "lease_token": None,
            "lease_owner": "",
            "lease_expires_at": None,
            "children_total": len(states),
            "children_done": states.count(JobState.SUCCESS),
            "children_failed": states.count(JobState.FAILURE),
            "children_cancelled": states.count(JobState.REVOKED),
            "progress_current": sum(state in ENDED_STATES for state in states),
            "progress_total": len(states),
            **(parent or {}),
        }
    )
    for number, state in enumerate(states, start=1):
        JobFactory.create(state=state, parent=batch, part_number=number, **fields)
    return batch


@contextmanager
def kind_known(name: str = "count", **fields: Any) -> Iterator[JobKind]:
    """A kind of that name is known inside this block; everybody signed in may start it."""
    declared: dict[str, Any] = {"title": f"Do {name}", "task": count, "may_start": anybody_signed_in, **fields}
    kind = job_kind_register(JobKind(name=name, **declared))
    try:
        yield kind
    finally:
        job_kind_forget(kind)


def _fields_of(state: JobState, now: datetime) -> dict[str, Any]:
    """What the constraints, and those who read the row, expect of one in this state."""
    fields: dict[str, Any] = {}
    if state in ACTIVE_STATES:
        fields |= {"next_attempt_at": now - timedelta(seconds=1)}
    if state is not JobState.PENDING:
        fields |= {"started_at": now, "attempts": 1}
    if state in RUNNING_STATES:
        fields |= {
            "lease_token": uuid.uuid4(),
            "lease_owner": "worker@tests",
            "lease_expires_at": now + timedelta(minutes=1),
            "heartbeat_at": now,
        }
    if state is JobState.PROGRESS:
        fields |= {"progress_current": 1, "progress_total": 4, "progress_at": now}
    if state in ENDED_STATES:
        fields |= {"finished_at": now}
    if state in _ERRORS:
        fields["error_code"], fields["error_message"] = _ERRORS[state]
    return fields
