"""Broker messages of this app, each translated into one call."""

from celery import shared_task

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.notifications import cleanup


@shared_task(base=WakeUpTask, default_priority=Priority.LOWEST, schedulable=True)
def notification_cleanup() -> None:
    """Run :func:`cleanup.notification_cleanup`. Periodic, so a run that fails or is lost is made up for by the next."""
    cleanup.notification_cleanup()
