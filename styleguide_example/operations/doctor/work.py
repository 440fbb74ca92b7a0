"""Jobs: what is due and not begun, and what somebody paused."""

from datetime import timedelta

from django.db.models import Min, Q
from django.db.models.functions import Now

from styleguide_example.common.leases import UNCLAIMED
from styleguide_example.jobs.enums import WAITING_STATES
from styleguide_example.jobs.models import Job, Pause
from styleguide_example.jobs.pauses import not_paused
from styleguide_example.jobs.selectors import jobs_waiting_count, pause_list
from styleguide_example.operations.doctor.findings import Finding, counted, lasted, ok, warning

#: What is due longer than this should have been begun, unless much else is to be done before it.
LATE_SECONDS = 300


def jobs(seconds: float) -> list[Finding]:
    """Look for jobs that are due, are not paused, and that no worker begins."""
    waiting = Q(finished_at__isnull=True, state__in=WAITING_STATES, is_batch=False)
    due = UNCLAIMED & Q(next_attempt_at__lte=Now() - timedelta(seconds=LATE_SECONDS))
    late = not_paused(Job.objects.filter(waiting, due))
    if not (count := late.count()):
        return [ok("No job is late.")]
    oldest = late.aggregate(oldest=Min("next_attempt_at"), now=Min(Now()))
    age = (oldest["now"] - oldest["oldest"]).total_seconds()
    return [
        warning(
            f"{counted(count, 'job')} due and not begun, the oldest for {lasted(age)}.",
            meaning="They begin in the order of their priority. If the number grows, workers are too few.",
            advice="manage.py jobs status shows what waits and what runs. Start more workers.",
        )
    ]


def pauses(seconds: float) -> list[Finding]:
    """Remind of what somebody paused: it stays so until somebody resumes it."""
    return [_paused(pause) for pause in pause_list()] or [ok("Nothing is paused.")]


def _paused(pause: Pause) -> Finding:
    by = f" by {pause.paused_by}" if pause.paused_by else ""
    why = f": {pause.reason}" if pause.reason else "."
    waiting = jobs_waiting_count(scope=pause.scope, name=pause.name)
    return warning(
        f"{pause} since {pause.paused_at:%Y-%m-%d %H:%M} UTC{by}{why}",
        meaning=f"{counted(waiting, 'job')} waiting behind it.",
        advice=f"manage.py jobs resume --{pause.scope} {pause.name}",
    )
