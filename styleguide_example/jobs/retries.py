"""Doing again what failed or was cancelled."""

from typing import Any

from celery import current_app
from django.db import transaction

from styleguide_example.core.enums import Priority
from styleguide_example.jobs.chains import continuations_move
from styleguide_example.jobs.dispatch import Options, kind_key, queue_names
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.exceptions import JobAlreadyActiveError, JobStateConflictError
from styleguide_example.jobs.kinds import JobKind, job_kind_get
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.starts import AT_ONCE, batch_write, dispatch_write, may_start_check
from styleguide_example.jobs.writing import Draft


@transaction.atomic
def job_retry(*, job: Job, by: Any = None) -> Job:
    """Do a job again that failed or was cancelled: a new row, linked to the old one, with the same parameters.

    Of a kind that may resume it shows the former one's progress, for it goes on from there. Of a batch, the children
    that did not succeed are done again. What should have come after it in a chain comes after the new one.

    Raises:
        JobStateConflictError: when it has not ended, or succeeded; of a batch or chain, when it was done again before.
        JobNotAllowedError: when ``by`` may not start this kind.
        JobAlreadyActiveError: when another one is under way, as at any start.
        JobKindUnknownError: when its kind is no longer there.
    """
    # Locked, so that two clicks are one retry and one refusal.
    job.refresh_from_db(from_queryset=Job.objects.select_for_update(no_key=True))
    if job.state not in {JobState.FAILURE, JobState.REVOKED}:
        raise JobStateConflictError(
            f"Job {job.pk} is {job.get_state_display().lower()}: only a failed or cancelled one can be retried."
        )
    if job.parent_id is not None:
        raise JobStateConflictError(f"Job {job.pk} is part of a batch: retry batch {job.parent_id}.")
    _check_not_done_again(job)
    kind = None if job.kind == job.task else job_kind_get(job.kind)  # a task that is no kind has its name for one
    if kind is not None and by is not None:
        may_start_check(kind, by)
    return _batch_retry(job, kind) if job.is_batch and kind else _retry(job, kind)


def _check_not_done_again(job: Job) -> None:
    """A batch's children that its retry did are not done twice, and the rest of a chain waits behind the retry."""
    again = Job.objects.filter(retry_of=job).order_by("-created_at").first()
    if again is None:
        return
    if again.is_active:
        raise JobAlreadyActiveError(f"Job {job.pk} is being done again as job {again.pk}.", job_id=again.pk)
    if job.is_batch or job.chain_id is not None:
        raise JobStateConflictError(f"Job {job.pk} was done again as job {again.pk}: retry that one.")


def _batch_retry(job: Job, kind: JobKind) -> Job:
    left = job.children.exclude(state=JobState.SUCCESS).values_list("parameters", flat=True).iterator()
    options = Options(
        priority=Priority(job.priority),
        queue=job.queue if job.queue in queue_names() else None,
        timeout_seconds=job.timeout_seconds,
    )
    retry = batch_write(kind, left, owner_id=job.owner_id, options=options, retry_of=job)
    continuations_move(former=job, retry=retry)
    return retry


def _retry(job: Job, kind: JobKind | None) -> Job:
    task = current_app.tasks.get(job.task) if kind is None else kind.task
    if task is None:
        raise JobStateConflictError(f"Job {job.pk} cannot be done again: no task is called {job.task}.")
    key = kind_key(kind, parameters=job.parameters, owner_id=job.owner_id) if kind else job.once_key
    draft = Draft(
        kind=job.kind,
        task=task.name,
        parameters=job.parameters,
        owner_id=job.owner_id,
        priority=job.priority,
        queue=job.queue,
        timeout_seconds=job.timeout_seconds,
        once_key=key or job.once_key,
        relations={"retry_of": job, **_stand(job, kind)},
    )
    retry = dispatch_write(draft, AT_ONCE).job
    continuations_move(former=job, retry=retry)
    retry.refresh_from_db()
    return retry


def _stand(job: Job, kind: JobKind | None) -> dict[str, Any]:
    """How far the former try came, where the new one goes on from there: a bar that people watch does not fall."""
    if kind is None or not kind.may_resume:
        return {}
    return {"progress_current": job.progress_current, "progress_total": job.progress_total}
