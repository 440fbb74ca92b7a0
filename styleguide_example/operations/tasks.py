"""Translates a broker message into one call."""

from typing import Any

from celery import current_task, shared_task
from django.utils import timezone

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority


@shared_task(base=WakeUpTask, default_priority=Priority.HIGHEST, soft_time_limit=10, time_limit=15)  # seconds
def canary() -> dict[str, Any]:
    """Come back alive: who took it, and what their clock says."""
    return {"worker": current_task.request.hostname, "clock": timezone.now().isoformat()}
