"""How far a running job is: said by its body as often as it likes, written a few times a second."""

import time
import uuid
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest, Now

from styleguide_example.common.leases import lease_extend
from styleguide_example.jobs.ending import plain_text
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.exceptions import JobCancelledError, JobLeaseLostError
from styleguide_example.jobs.models import MESSAGE_LENGTH_MAX, RATE_AFTER_SECONDS, Job

#: How much of the rate is the latest measure: less makes it calmer, more makes it quicker.
RATE_SMOOTHING = 0.3


@dataclass
class Report:
    """What a body said last, and what of it was written."""

    current: int = 0
    total: int | None = None
    message: str = ""
    rate: float | None = None
    written_at: float | None = None
    _measured: tuple[float, int] = field(default_factory=lambda: (time.monotonic(), 0))

    def note(self, current: int, total: int | None, message: str) -> None:
        """Take what the body says."""
        if self.written_at is None:  # a resumed body begins where it stands, and that is no speed
            self._measured = (time.monotonic(), current)
        self.current, self.total, self.message = current, total, message

    def is_due(self) -> bool:
        """Return whether it is time to write again."""
        return self.written_at is None or time.monotonic() - self.written_at >= settings.JOB_PROGRESS_SECONDS

    def measure(self) -> None:
        """Bring the rate up to date."""
        now, (since, before) = time.monotonic(), self._measured
        if now - since < (RATE_AFTER_SECONDS if self.rate is None else settings.JOB_PROGRESS_SECONDS / 2):
            return
        latest = max(self.current - before, 0) / (now - since)
        self.rate = latest if self.rate is None else RATE_SMOOTHING * latest + (1 - RATE_SMOOTHING) * self.rate
        self._measured = (now, self.current)


#: By the token of the lease; the end of the job takes its own out.
_REPORTS: dict[uuid.UUID, Report] = {}


def job_report_progress(*, job: Job, current: int, total: int | None = None, message: str = "") -> None:
    """Say how far ``job``, which this process has claimed (``job_running``), is.

    Written at most every ``JOB_PROGRESS_SECONDS``, and the last word when the job ends: call it as often as you like.
    What is written never goes back: a body that was begun again counts on where the former one was. Extends the lease.

    Raises:
        JobCancelledError: when somebody asked for the job to stop. Let it rise.
        JobLeaseLostError: when somebody else holds the job by now. Let it rise.
        ValueError: for a number below 0.
    """
    if min(current, total or 0) < 0:
        raise ValueError(f"Progress is counted from 0: {current} of {total} is none.")
    if job.lease_token is None:
        raise JobLeaseLostError(f"Job {job.pk} is not claimed by this process: get it with job_running(job_id=...).")
    report = _REPORTS.setdefault(job.lease_token, Report())
    report.note(current, total, plain_text(message)[:MESSAGE_LENGTH_MAX])
    if report.is_due():
        report.measure()
        _write(job, job.lease_token, report)
        report.written_at = time.monotonic()


def report_take(token: uuid.UUID) -> dict[str, object]:
    """Return the columns of what was said last under this lease, and forget it."""
    report = _REPORTS.pop(token, None)
    return {} if report is None else report_columns(report)


def report_columns(report: Report) -> dict[str, object]:
    """Return what a report changes in the row."""
    return {
        "progress_current": Greatest(F("progress_current"), report.current),
        "progress_total": report.total,
        "progress_message": report.message,
        "progress_rate": report.rate,
        "progress_at": Now(),
    }


def _write(job: Job, token: uuid.UUID, report: Report) -> None:
    rows = Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=True)
    written = lease_extend(
        rows,
        token=token,
        seconds=settings.JOB_LEASE_SECONDS,
        state=JobState.PROGRESS,
        heartbeat_at=Now(),
        **report_columns(report),
    )
    if written:
        return
    if Job.objects.filter(pk=job.pk, lease_token=token, cancel_requested_at__isnull=False).exists():
        raise JobCancelledError(f"Job {job.pk} was cancelled.")
    raise JobLeaseLostError(f"Job {job.pk} is held by somebody else, or has ended.")
