"""Entries for tests, and what a sync made of them."""

from datetime import timedelta
from typing import Any

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.models import TimetableEntry
from styleguide_example.tasks.timing import Every


def entry_make(name: str = "Sweep", **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "task": email_sweep,
        "when": Every(timedelta(seconds=10)),
        "in_words": "Every 10 seconds",
        **changes,
    }
    return Entry(name=name, **fields)


def rows_read() -> list[dict[str, Any]]:
    """Everything that a sync may touch."""
    models: tuple[Any, ...] = (PeriodicTask, TimetableEntry, CrontabSchedule, IntervalSchedule, PeriodicTasks)
    return [row for model in models for row in model.objects.order_by("pk").values()]
