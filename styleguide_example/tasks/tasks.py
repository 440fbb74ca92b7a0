"""The engine room's own periodic work, what every worker does around the run of a schedule, and that it lives."""

from celery import shared_task, signals

from styleguide_example.common.wakeups import WakeUpTask, task_starting
from styleguide_example.core.enums import Priority
from styleguide_example.tasks import claims, cleanup, presence

task_starting.connect(claims.run_claim)
signals.task_postrun.connect(claims.run_record)
signals.worker_ready.connect(presence.presence_begin)
signals.worker_shutdown.connect(presence.presence_end)


@shared_task(base=WakeUpTask, default_priority=Priority.LOWEST, schedulable=True)
def schedule_run_cleanup() -> None:
    """Run :func:`cleanup.schedule_run_cleanup`. What one run leaves behind the next one deletes."""
    cleanup.schedule_run_cleanup()
