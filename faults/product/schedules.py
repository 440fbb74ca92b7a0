"""Schedules as admins write them, for scenarios that need many, or some of a kind."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from faults.product.tasks import TICK
from styleguide_example.tasks.models import Schedule


@transaction.atomic
def due_at_once(*, prefix: str, scenario: str, count: int, seconds: float, slow_seconds: float, unknown: str) -> None:
    """Save ``count`` schedules that are all due in ``seconds``, and hourly from then on.

    The first takes ``slow_seconds``. One more, of the name ``unknown``, has a task that nobody knows.
    """
    hourly, _ = IntervalSchedule.objects.get_or_create(period=IntervalSchedule.HOURS, every=1)
    start = IntervalSchedule.objects.annotate(now=Now()).values_list("now", flat=True)[0] + timedelta(seconds=seconds)
    rows = [
        PeriodicTask(
            name=f"{prefix}{number:04}",
            task=TICK,
            interval=hourly,
            start_time=start,
            kwargs=json.dumps({"scenario": scenario, "seconds": 0 if number else slow_seconds}),
        )
        for number in range(count)
    ]
    gone = PeriodicTask(name=unknown, task="shop.tasks.gone", interval=hourly, start_time=start)
    PeriodicTask.objects.bulk_create([*rows, gone])
    PeriodicTasks.update_changed()


@transaction.atomic
def crontab_start(*, name: str, scenario: str, line: str, time_zone: str, saved_at: str) -> None:
    """Save a schedule as if it had been saved at that time."""
    minute, hour, day, month, weekday = line.split()
    crontab, _ = CrontabSchedule.objects.get_or_create(
        minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday, timezone=time_zone
    )
    row = PeriodicTask.objects.create(name=name, task=TICK, crontab=crontab, kwargs=json.dumps({"scenario": scenario}))
    PeriodicTask.objects.filter(pk=row.pk).update(date_changed=datetime.fromisoformat(saved_at))


def intervals_rest(*, keys: Sequence[int] = (), enabled: bool = False) -> list[int]:
    """Disable every schedule with an interval, or enable these again. Returns their keys."""
    rows = PeriodicTask.objects.filter(interval__isnull=False, enabled=not enabled)
    rows = rows.filter(pk__in=keys) if enabled else rows
    found = list(rows.values_list("pk", flat=True))
    for row in PeriodicTask.objects.filter(pk__in=found):
        row.enabled = enabled
        row.save()
    return found


def undecided_for(*, prefix: str, seconds: float) -> None:
    """Let it be as if no beat had run for so long: what was due since is not decided. No beat may run meanwhile."""
    rows = Schedule.objects.filter(periodic_task__name__startswith=prefix)
    rows.update(decided_until=F("decided_until") - timedelta(seconds=seconds))


def schedules_delete(*, prefix: str) -> None:
    """Delete them with their runs."""
    PeriodicTask.objects.filter(name__startswith=prefix).delete()
