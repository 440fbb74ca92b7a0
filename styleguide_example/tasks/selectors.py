"""Questions about schedules."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django_celery_beat.models import PeriodicTask


@dataclass(frozen=True)
class Schedule:
    """A schedule as a person wants to see it."""

    name: str
    in_words: str
    next_run_at: datetime | None
    enabled: bool


def schedule_list() -> list[Schedule]:
    """Return every schedule in the database, by name. One query."""
    rows = PeriodicTask.objects.select_related("interval", "crontab", "solar", "clocked").order_by("name")
    return [
        Schedule(name=row.name, in_words=_in_words(row), next_run_at=_next_run_at(row), enabled=row.enabled)
        for row in rows
    ]


def _in_words(row: PeriodicTask) -> str:
    if row.crontab is not None:
        return str(row.crontab.human_readable)
    return str(row.scheduler)


def _next_run_at(row: PeriodicTask) -> datetime | None:
    if not row.enabled:
        return None
    last_run_at = row.last_run_at or row.date_changed
    now = timezone.now()
    remaining: timedelta = row.schedule.remaining_estimate(last_run_at)
    return now + max(remaining, timedelta(0))  # what is overdue is due now
