"""Broker messages of this app, each translated into one call."""

from celery import shared_task

from styleguide_example.api import cleanup
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority


@shared_task(base=WakeUpTask, default_priority=Priority.LOWEST, schedulable=True)
def api_cleanup() -> None:
    """Run :func:`cleanup.api_cleanup`. What one run leaves behind the next one deletes."""
    cleanup.api_cleanup()
