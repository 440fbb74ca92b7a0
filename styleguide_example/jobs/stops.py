"""Every way in which a job is stopped before its end."""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from styleguide_example.common.leases import UNCLAIMED
from styleguide_example.jobs import batches
from styleguide_example.jobs.ending import CANCELLED, batch_end, job_end
from styleguide_example.jobs.enums import ACTIVE_STATES, RUNNING_STATES, WAITING_STATES, ControlAction, JobState
from styleguide_example.jobs.exceptions import JobNotAllowedError, JobStateConflictError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.pauses import control_entry_write

_WAITING = UNCLAIMED & Q(state__in=WAITING_STATES)


def job_cancel(*, job: Job, by: Any = None) -> Job:
    """Stop a job: one that waits never starts, one that runs stops at its next report of progress. Of a batch, all.

    The wish is a column of the row, so it outlives the broker and every worker. Asking twice is asking once. Returns
    the job as it is now.

    Raises:
        JobStateConflictError: when it has ended otherwise.
    """
    by_id = getattr(by, "pk", None)
    is_heeded = _batch_cancel(job, by_id) if job.is_batch else _cancel(job, by_id)
    job.refresh_from_db()
    if not is_heeded and not job.is_active and job.state != JobState.REVOKED:
        raise JobStateConflictError(f"Job {job.pk} has ended: {job.get_state_display().lower()}.")
    return job


def job_terminate(*, job: Job, by: Any, reason: str = "") -> Job:
    """Stop a job that does not heed its cancellation: its process is killed within a few seconds, and it ends REVOKED.

    Of a batch, each child that runs.

    For staff with the permission ``jobs.terminate_job``, and noted in the audit. What the body was doing is cut off
    wherever it stood.

    Raises:
        JobNotAllowedError: without the permission.
        JobStateConflictError: when it has ended.
    """
    if not by.has_perm("jobs.terminate_job"):
        raise JobNotAllowedError("Terminating a job needs the permission jobs.terminate_job.")
    job_cancel(job=job, by=by)
    held = Job.objects.filter(lease_token__isnull=False, state__in=RUNNING_STATES, terminate_requested_at__isnull=True)
    asked = held.filter(parent=job) if job.is_batch else held.filter(pk=job.pk)
    with transaction.atomic():
        if count := asked.update(terminate_requested_at=Now()):
            control_entry_write(
                action=ControlAction.TERMINATE, target=f"job {job.pk}", count=count, reason=reason, by=by
            )
    job.refresh_from_db()
    return job


def _cancel(job: Job, by_id: Any) -> bool:
    """Return whether this call changed anything."""
    running = Job.objects.filter(pk=job.pk, state__in=ACTIVE_STATES, cancel_requested_at__isnull=True)
    asked = running.update(cancel_requested_at=Now(), cancel_requested_by=by_id, updated_at=Now())
    return job_end(job.pk, when=_WAITING, ending=CANCELLED) or bool(asked)


@transaction.atomic
def _batch_cancel(parent: Job, by_id: Any) -> bool:
    """Return whether this call changed anything."""
    if not batches.children_cancel(parent):
        return False
    Job.objects.filter(pk=parent.pk).update(cancel_requested_by=by_id)
    parent.refresh_from_db()
    if batches.is_complete(parent):
        batch_end(parent)
    return True
