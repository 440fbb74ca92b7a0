"""Steps that come one after the other: each one's row is written in the transaction in which the former succeeds.

A step that another job is doing already is neither run twice nor left out: the rest waits for that job, and if that one
does not succeed, the step is run after all.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from styleguide_example.jobs.dispatch import kind_key
from styleguide_example.jobs.enums import ACTIVE_STATES, JobState
from styleguide_example.jobs.exceptions import JobAlreadyActiveError
from styleguide_example.jobs.kinds import JobKind, job_kind_get
from styleguide_example.jobs.models import Job, JobContinuation
from styleguide_example.jobs.writing import Draft, job_write

Steps = Sequence[dict[str, Any]]


def steps_after(job: Job, *, steps: Steps, chain_id: uuid.UUID, position: int) -> None:
    """Note what begins when ``job`` succeeds. Call it in the transaction in which ``job`` is written."""
    if steps:
        JobContinuation.objects.create(
            after=job,
            steps=list(steps),
            position=position,
            chain_id=chain_id,
            owner_id=job.owner_id,
            priority=job.priority,
        )


@transaction.atomic
def chain_continue(job: Job) -> None:
    """Begin what comes after ``job``, which has just ended, in the transaction in which it ended.

    Of a job that did not succeed the continuation stays: a retry takes it over.
    """
    # Locked, so that of two sweeps one begins the next step.
    for rest in JobContinuation.objects.select_for_update().filter(after=job):
        if job.state != JobState.SUCCESS and not rest.is_after_twin:
            continue
        rest.delete()
        if job.state == JobState.SUCCESS and rest.is_after_twin:
            rest.steps, rest.position = rest.steps[1:], rest.position + 1
        _begin(rest)


def chains_left_behind() -> QuerySet[Job]:
    """The jobs that ended and whose next step was not written, because of a mistake that may be mended by now."""
    is_next = Q(after__state=JobState.SUCCESS) | Q(is_after_twin=True, after__finished_at__isnull=False)
    return Job.objects.filter(pk__in=JobContinuation.objects.filter(is_next).values("after"))


def continuations_move(*, former: Job, retry: Job) -> None:
    """Let what should have come after ``former`` come after its ``retry``."""
    JobContinuation.objects.filter(after=former).update(after=retry)
    Job.objects.filter(pk=retry.pk).update(chain_id=former.chain_id, chain_position=former.chain_position)


def _begin(rest: JobContinuation) -> None:
    """Write the row of the first step, and note the others behind it.

    Raises:
        JobKindUnknownError: when this process does not know its kind; the continuation stays, and a sweep tries again.
    """
    if not rest.steps:
        return
    kind = job_kind_get(rest.steps[0]["kind"])
    try:
        job = job_write(_draft(rest, kind)).job
    except JobAlreadyActiveError as error:
        _wait_for_twin(rest, error.job_id)
        return
    steps_after(job, steps=rest.steps[1:], chain_id=rest.chain_id, position=rest.position + 1)


def _draft(rest: JobContinuation, kind: JobKind) -> Draft:
    parameters = rest.steps[0]["parameters"]
    return Draft(
        kind=kind.name,
        task=kind.task.name,
        parameters=parameters,
        owner_id=rest.owner_id,
        priority=rest.priority,
        queue=kind.queue,
        timeout_seconds=kind.timeout_seconds,
        once_key=kind_key(kind, parameters=parameters, owner_id=rest.owner_id),
        relations={"chain_id": rest.chain_id, "chain_position": rest.position},
    )


def _wait_for_twin(rest: JobContinuation, twin_id: uuid.UUID) -> None:
    """Let the steps wait for the job that is doing the first of them; if it has just ended, look again."""
    twin = Job.objects.select_for_update().filter(pk=twin_id, state__in=ACTIVE_STATES).first()
    if twin is None:
        rest.is_after_twin = False
        _begin(rest)
        return
    rest.after = twin
    rest.is_after_twin = True
    rest.save()
