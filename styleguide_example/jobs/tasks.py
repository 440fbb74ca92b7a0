"""Translates a broker message into one call, and lets the rows of jobs decide whether a task's body runs."""

from celery import shared_task
from celery.signals import task_postrun

from styleguide_example.common.wakeups import WakeUpTask, task_starting
from styleguide_example.core.enums import Priority
from styleguide_example.jobs import claims, cleanup, pauses, sweeping

# In this order: what is paused is not even claimed, by whomever (docs/jobs.md).
task_starting.connect(pauses.pause_gate)
task_starting.connect(claims.job_claim)
task_postrun.connect(claims.job_record)


# The next one goes on where this one stopped, and begins beside it: so few of them are at work at once.
@shared_task(
    base=WakeUpTask, default_priority=Priority.RESERVED, soft_time_limit=20, time_limit=25, schedulable=True
)  # seconds
def job_sweep() -> None:
    """Wake workers for the jobs that were left behind. The next sweep does what a broker that is away keeps undone."""
    sweeping.jobs_wake(sweeping.job_sweep(), messages_waiting=job_sweep.messages_waiting)


@shared_task(
    base=WakeUpTask, default_priority=Priority.LOWEST, soft_time_limit=3540, time_limit=3600, schedulable=True
)  # seconds
def job_cleanup() -> None:
    """Delete jobs that ended long ago."""
    cleanup.job_cleanup()
