"""The one door to jobs: start one, follow it from inside its task, stop it, do it again; pause and purge many.

Each has its home below and is re-exported here.
"""

from typing import Any

from django.db import transaction

from styleguide_example.jobs.claims import job_running
from styleguide_example.jobs.cleanup import job_cleanup
from styleguide_example.jobs.dispatch import Dispatched, Once, Options, Step
from styleguide_example.jobs.pauses import job_pause, job_resume_rows
from styleguide_example.jobs.progress import job_report_progress
from styleguide_example.jobs.purging import job_purge
from styleguide_example.jobs.retries import job_retry
from styleguide_example.jobs.starts import job_batch_start, job_chain_start, job_dispatch, job_start, task_dispatch
from styleguide_example.jobs.stops import job_cancel, job_terminate
from styleguide_example.jobs.sweeping import job_sweep
from styleguide_example.jobs.tasks import job_sweep as job_sweep_task

__all__ = [
    "Dispatched",
    "Once",
    "Options",
    "Step",
    "job_batch_start",
    "job_cancel",
    "job_chain_start",
    "job_cleanup",
    "job_dispatch",
    "job_pause",
    "job_purge",
    "job_report_progress",
    "job_resume",
    "job_retry",
    "job_running",
    "job_start",
    "job_sweep",
    "job_terminate",
    "task_dispatch",
]


@transaction.atomic
def job_resume(*, scope: str, name: str, by: Any = None, reason: str = "") -> int:
    """End a pause; what waited is woken after the commit. Returns how many jobs wait; 0 when nothing was paused.

    Raises:
        QueueUnknownError, JobKindUnknownError: when there is nothing of that name.
    """
    count = job_resume_rows(scope=scope, name=name, by=by, reason=reason)
    if count:
        job_sweep_task.apply_async_on_commit()
    return count
