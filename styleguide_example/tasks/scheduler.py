"""Beat. Several may run: one leads, and each due time is a row before it is a message.

``CELERY_BEAT_SCHEDULER`` names :class:`LeasedScheduler`. One tick is, in the order of what is usual:

1. Nothing is due and nothing happened: one statement keeps the lease, and says that it is so.
2. Something is due: one transaction keeps the lease, writes the runs and what is decided; then their messages are sent.
3. Something happened (a schedule changed, a run was left behind, the lease was lost): it is looked at.

docs/decisions/0006 says why.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, IntegrityError, InterfaceError, connection, transaction
from django.db.models import Exists, Q
from django_celery_beat.models import PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from styleguide_example.tasks import overdue, runs
from styleguide_example.tasks.agenda import Agenda, decided_read
from styleguide_example.tasks.clock import DatabaseClock
from styleguide_example.tasks.leadership import STANDBY_SECONDS, Leadership
from styleguide_example.tasks.snapshot import Snapshot
from styleguide_example.tasks.timetable import TIMETABLE

logger = structlog.get_logger(__name__)

#: How many schedules are fired in one transaction, at most.
BATCH_SIZE = 500
#: Everything is read again so often, for a change that nobody gave notice of (``queryset.update()``).
REREAD_SECONDS = 60
#: So often runs that were left behind are looked for.
SWEEP_SECONDS = 5
#: A beat that cannot publish leaves the lead to another for so long.
CUT_OFF_SECONDS = 4
DATABASE_PAUSE_SECONDS = 1


class LeasedScheduler(DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """A database scheduler of which two may run, and which fires each due time once.

    Args:
        clock: tells the time, with its time zone; by default the database's.
    """

    def __init__(self, *args: Any, clock: Callable[[], datetime] | None = None, **kwargs: Any) -> None:
        self._database_clock = DatabaseClock()
        self._now = clock or self._database_clock.now
        self._leadership = Leadership()
        self._agenda = Agenda()
        self._seen: datetime | None = None
        self._reread_at = self._sweep_at = self._stand_back_until = 0.0
        self._trouble = ""
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Write nothing: ``setup_periodic_tasks`` does, and the schedules are read when this beat leads."""

    @property
    def schedule(self) -> dict[str, Any]:
        """Empty: Celery's own heap is not used."""
        return {}

    @schedule.setter
    def schedule(self, value: Any) -> None: ...

    def sync(self) -> None:
        """Nothing is kept back that would have to be written."""

    def close(self) -> None:
        """Let another beat lead at once."""
        try:
            self._leadership.release()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("beat_lease_not_released", error=str(error), next="it runs out by itself")
        super().close()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is to be done now. Returns for how many seconds nothing is, at most ``max_interval``.

        A database that is away is waited for; it ends neither beat nor a tick in the middle.
        """
        try:
            seconds = self._tick()
        except (DatabaseError, InterfaceError) as error:
            self._complain(str(error))
            self._agenda.forget()  # what was not committed is read again
            if not connection.in_atomic_block:
                connection.close()
            return DATABASE_PAUSE_SECONDS
        self._trouble = ""
        return seconds

    def _tick(self) -> float:
        if not self._leadership.is_held and not self._lead():
            return STANDBY_SECONDS
        now = self._now()
        is_quiet = self._fire(now) if self._agenda.is_due(now) else self._leadership.keep(only_if=self._quiet())
        if not is_quiet and not self._look():
            return STANDBY_SECONDS
        return self._agenda.seconds_until_next(self._now(), at_most=self.max_interval)

    def _lead(self) -> bool:
        if time.monotonic() < self._stand_back_until or not self._leadership.take():
            return False
        self._agenda.forget()
        self._reread_at = self._sweep_at = 0.0
        return True

    def _quiet(self) -> Q:
        """The condition that nothing happened since the last look."""
        if self._agenda.is_empty or time.monotonic() >= self._reread_at:
            return Q(pk__in=[])
        changes = PeriodicTasks.objects.all()
        quiet = Q(~Exists(changes if self._seen is None else changes.exclude(last_update=self._seen)))
        if time.monotonic() >= self._sweep_at:
            quiet &= ~runs.are_runs_left_behind()
        return quiet

    def _look(self) -> bool:
        """Find out what happened, and see to it. Returns False when another beat leads."""
        if not self._leadership.keep() or not self._read():
            self._leadership.lose()
            return False
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._publish(runs.runs_sweep)
        return True

    def _read(self) -> bool:
        """Read the schedules, if it is time. Returns False when the lease was lost meanwhile."""
        seen = PeriodicTasks.last_change()  # before the rows: what changes in between is noticed at the next tick
        is_time = time.monotonic() >= self._reread_at
        if seen == self._seen and not is_time and not self._agenda.is_empty:
            return True
        self._database_clock.read()
        news = self._agenda.read()
        with transaction.atomic():
            if not self._leadership.keep():
                return False
            decided = decided_read(news.parsed, self._now())
        self._agenda.take(news, decided)
        self._seen = seen
        if is_time:
            self._reread_at = time.monotonic() + REREAD_SECONDS
            overdue.overdue_log(expected=[entry.name for entry in TIMETABLE])
        return True

    def _fire(self, now: datetime) -> bool:
        """Fire what is due. Returns False when nothing was written, because something happened."""
        due, enabling = self._agenda.due(now, limit=BATCH_SIZE)
        try:
            published = self._write(due, enabling, now)
        except IntegrityError:
            # Another beat wrote one of them, or a schedule was deleted since it was read.
            published = self._write(runs.due_unwritten(due), [], now)
        if published is None:
            return False
        self._agenda.decided(due, now)
        self._publish(lambda: runs.runs_publish(published))
        return True

    def _write(self, due: list[runs.Due], enabling: list[Snapshot], now: datetime) -> list[runs.Published] | None:
        with transaction.atomic():
            if not self._leadership.keep(only_if=self._quiet()):
                return None
            runs.schedules_enable_again(enabling)
            return runs.runs_write(due, now=now) if due else []

    def _publish(self, publish: Callable[[], bool]) -> None:
        if not publish():
            # Another beat may reach the broker. The rows are written, so whoever leads sends their messages.
            logger.warning("beat_stands_back", reason="the broker is away", seconds=CUT_OFF_SECONDS)
            self._stand_back_until = time.monotonic() + CUT_OFF_SECONDS
            self._leadership.release()

    def _complain(self, error: str) -> None:
        """Log a trouble once, not at every tick."""
        if error != self._trouble:
            logger.error("beat_waits_for_the_database", error=error)
        self._trouble = error
