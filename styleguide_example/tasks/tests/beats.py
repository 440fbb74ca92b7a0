"""A beat that is driven tick by tick, through years in seconds, over real rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.models import BeatLeader, Schedule, ScheduleRun
from styleguide_example.tasks.scheduler import LeasedScheduler
from styleguide_example.tasks.timing import Cron, Every, Once, When

#: Where the clock of most tests begins. Past, so that what is due then may be claimed now.
NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Beat:
    """The real scheduler on a clock of the test's own. It sleeps by moving that clock."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        # Asked as seldom as possible: what is under test is when beat itself wants to be asked.
        self.scheduler = LeasedScheduler(app=celery_app, clock=lambda: self.now, max_interval=10**9)

    def tick(self, now: datetime | None = None) -> float:
        """One tick, at ``now``. Returns for how long it would sleep."""
        self.now = now or self.now
        return self.scheduler.tick()

    def run_until(self, end: datetime) -> None:
        """Tick and sleep up to and including ``end``."""
        hurried = 0
        while self.now + (sleep := timedelta(seconds=self.tick())) <= end:
            hurried = 0 if sleep else hurried + 1
            assert hurried < 20, "Beat does not come to rest."
            self.now += sleep
        self.now = end

    def minute_passes(self) -> None:
        """It is time to read all schedules, though nobody said that one was changed."""
        self.scheduler._reread_at = 0.0

    def lead(self) -> "Beat":
        """Take the lead and read the schedules."""
        self.tick()
        assert self.is_leading()
        return self

    def is_leading(self) -> bool:
        return self.scheduler._leadership.is_held


def lease_run_out() -> None:
    """The leader's time is over, as if it had been paused."""
    leader = BeatLeader.objects.get()
    assert leader.lease_expires_at is not None
    BeatLeader.objects.update(lease_expires_at=leader.lease_expires_at - timedelta(hours=1))


def in_an_hour() -> Combinable:
    """The database's clock, for who takes over while the leader's transaction locks the row and nobody can move it.

    A lease that really ran out would have to be so short that on a busy machine the leader itself loses it.
    """
    return Now() + timedelta(hours=1)


def schedule_make(
    name: str, when: When, *, saved_at: datetime = NOON, policies: dict[str, Any] | None = None, **columns: Any
) -> PeriodicTask:
    """A row as an admin makes it, at ``saved_at``."""
    row = PeriodicTask.objects.create(**{"name": name, "task": email_sweep.name, **_timing(when), **columns})
    PeriodicTask.objects.filter(pk=row.pk).update(date_changed=saved_at)
    if policies is not None:
        Schedule.objects.create(periodic_task=row, **policies)
    return row


def due_written(row: PeriodicTask, *states: str) -> list[datetime]:
    """The due times that have a row, in these states or in any, first to last."""
    runs = ScheduleRun.objects.filter(periodic_task=row).order_by("due_at")
    return list((runs.filter(state__in=states) if states else runs).values_list("due_at", flat=True))


def runs_of(row: PeriodicTask) -> list[tuple[str, str, int]]:
    """What became of each due time: ``("12:00:00", "waiting", 0)``."""
    runs = ScheduleRun.objects.filter(periodic_task=row).order_by("due_at")
    return [(f"{run.due_at:%H:%M:%S}", run.state, run.covers) for run in runs]


def _timing(when: When) -> dict[str, Any]:
    if isinstance(when, Cron):
        return {"crontab": CrontabSchedule.objects.create(**when.fields, timezone=when.time_zone)}
    if isinstance(when, Every):
        return {"interval": IntervalSchedule.objects.get_or_create(every=when.seconds, period="seconds")[0]}
    assert isinstance(when, Once)
    return {"clocked": ClockedSchedule.objects.create(clocked_time=when.at), "one_off": True}
