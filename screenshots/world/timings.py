"""Schedules with a history, a beat that leads, and three workers that say that they live."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from screenshots.world.letters import WORKERS
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import BeatLeader, Schedule, ScheduleRun, Worker

_RUNS = 24
#: Longer than it takes to take the pictures: nobody says again that somebody lives.
_STILL = timedelta(minutes=10)
_WRONG = {5: RunState.FAILURE, 6: RunState.RETRY, 17: RunState.SKIPPED}


def timings_make() -> None:
    """Write all of it. The schedules themselves come from the timetable."""
    now, chance = timezone.now(), Random(3)  # noqa: S311  the same world each time
    for row in PeriodicTask.objects.order_by("pk"):
        ScheduleRun.objects.bulk_create(_runs(row, now, chance))
    # What is due until then is decided: nobody is late.
    Schedule.objects.filter(periodic_task__interval__isnull=False).update(decided_until=now + _STILL)
    Schedule.objects.filter(periodic_task__interval__isnull=True).update(decided_until=now)
    _edited()
    leads: dict[str, Any] = {"lease_token": uuid4(), "lease_owner": "atlas:214", "lease_expires_at": now + _STILL}
    BeatLeader.objects.create(name="beat", **leads)
    for number, name in enumerate(WORKERS):
        Worker.objects.create(
            name=name,
            started_at=now - timedelta(days=2, hours=number),
            seen_at=now + _STILL,
            processes=4,
            active=[{"task": "styleguide_example.emails.tasks.email_send", "id": "7b1c"}] if number == 0 else [],
        )


def _runs(row: PeriodicTask, now: datetime, chance: Random) -> Iterator[ScheduleRun]:
    for number, due_at in enumerate(_due_times(row, now), start=1):
        is_wrong = row.name.startswith("Delete jobs") and number in _WRONG
        state = _WRONG[number] if is_wrong else RunState.SUCCESS
        started_at = due_at + timedelta(milliseconds=chance.randrange(20, 400))
        yield ScheduleRun(
            periodic_task=row,
            due_at=due_at,
            state=RunState.FAILURE if state == RunState.RETRY else state,
            started_at=started_at,
            finished_at=started_at + timedelta(milliseconds=chance.randrange(30, 900)),
            worker=chance.choice(WORKERS),
            error="OperationalError: database is locked" if is_wrong else "",
        )


def _due_times(row: PeriodicTask, now: datetime) -> Iterator[datetime]:
    """The last ones, newest first: close enough to the row's own timing for a picture."""
    if row.crontab is None:
        begin, step = now.replace(microsecond=0), timedelta(seconds=row.interval.every if row.interval else 60)
    else:
        minute = int(row.crontab.minute) if row.crontab.minute.isdigit() else 0
        is_daily = row.crontab.hour.isdigit()
        step = timedelta(days=1) if is_daily else timedelta(hours=1)
        hour = int(row.crontab.hour) if is_daily else now.hour
        begin = datetime(now.year, now.month, now.day, hour, minute, tzinfo=UTC)
    last = begin if begin <= now else begin - step
    return (last - number * step for number in range(_RUNS))


def _edited() -> None:
    """An admin moved one of them."""
    row = PeriodicTask.objects.get(name="Delete e-mails that ended long ago")
    crontab = CrontabSchedule.objects.create(minute="45", hour="4", timezone="UTC")
    row.crontab = crontab
    row.save()
