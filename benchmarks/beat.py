"""Beat against django-celery-beat's own scheduler, side by side: seconds and queries.

``python -m benchmarks.beat``, on a database that is made for it and dropped afterwards: SQLite in a temporary
directory, or one on the server of ``DATABASE_URL``. Messages go to a broker in memory, the same for both.
"""

import benchmarks.prepared  # noqa: F401  sets Django up, before models are imported

# isort: split

import logging
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from benchmarks.measuring import Result, database_made, timed
from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.celery import app
from styleguide_example.tasks.scheduler import LeasedScheduler

FIRED = 1000
ALL = 10_000
REPEATS = 5
ROW = "{:<58} {:>10} {:>9}   {:>10} {:>9}   {:>6}\n"


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


def main() -> None:
    """Measure, and print a table."""
    app.conf.update(broker_url="memory://")
    with database_made():
        sys.stdout.write(f"{connection.display_name}, Python {sys.version.split()[0]}\n\n")
        sys.stdout.write(ROW.format("", "stock", "queries", "ours", "queries", "ratio"))
        _rows_make(FIRED)
        _line(f"{FIRED} schedules are due at once: fire all", _stock_fires(), _ours_fires())
        _line("an idle tick", _stock_idles(), _ours_idles())
        _rows_make(ALL)
        _line(f"one of {ALL:,} schedules was changed: the next tick", _stock_notices(), _ours_notices())
        _line(f"a beat starts with {ALL:,} schedules: the first tick", *_starts())


def _rows_make(count: int) -> None:
    PeriodicTask.objects.all().delete()
    interval, _ = IntervalSchedule.objects.get_or_create(every=10, period=IntervalSchedule.SECONDS)
    crontabs = CrontabSchedule.objects.bulk_create(
        CrontabSchedule(minute=str(minute), hour="*") for minute in range(0, 60, 5)
    )
    PeriodicTask.objects.bulk_create(
        PeriodicTask(
            name=f"Schedule {number}",
            task=email_sweep.name,
            interval=interval if number < FIRED else None,
            crontab=None if number < FIRED else crontabs[number % len(crontabs)],
        )
        for number in range(count)
    )
    PeriodicTasks.update_changed()


def _stock(*, is_due: bool = False) -> DatabaseScheduler:
    ran_at = timezone.now() - timedelta(minutes=1 if is_due else 0)
    PeriodicTask.objects.update(last_run_at=ran_at)
    PeriodicTasks.update_changed()
    return DatabaseScheduler(app=app)


def _all_fired(scheduler: Any) -> Callable[[], None]:
    def fire() -> None:
        while scheduler.tick() == 0:
            pass
        scheduler.sync()  # what the stock scheduler keeps back for three minutes

    return fire


def _stock_fires() -> Result:
    scheduler = _stock(is_due=True)
    scheduler.schedule  # noqa: B018  reads the schedules
    return timed(_all_fired(scheduler))


def _ours_fires() -> Result:
    clock = Clock()
    scheduler = LeasedScheduler(app=app, clock=clock)
    scheduler.tick()
    clock.now += timedelta(seconds=10)
    result = timed(_all_fired(scheduler))
    scheduler.close()
    return result


def _stock_idles() -> Result:
    scheduler = _stock()
    scheduler.tick()
    return _middle(timed(scheduler.tick) for _ in range(REPEATS))


def _ours_idles() -> Result:
    scheduler = LeasedScheduler(app=app, clock=Clock())
    while scheduler.tick() == 0:
        pass
    result = _middle(timed(scheduler.tick) for _ in range(REPEATS))
    scheduler.close()
    return result


def _stock_notices() -> Result:
    scheduler = _stock()
    scheduler.tick()
    return _middle(timed(_changed(scheduler.tick)) for _ in range(REPEATS))


def _ours_notices() -> Result:
    scheduler = LeasedScheduler(app=app, clock=Clock())
    while scheduler.tick() == 0:
        pass
    result = _middle(timed(_changed(scheduler.tick)) for _ in range(REPEATS))
    scheduler.close()
    return result


def _changed(tick: Callable[[], float]) -> Callable[[], float]:
    """Change one, then return the tick that has to notice."""
    row = PeriodicTask.objects.order_by("-pk")[0]
    row.description = f"{row.description}."
    row.expire_seconds = (row.expire_seconds or 1000) + 1
    row.save()
    return tick


def _starts() -> tuple[Result, Result]:
    stock = _stock()
    theirs = timed(stock.tick)
    _ours_notices()  # that a schedule is new to beat costs once
    scheduler = LeasedScheduler(app=app, clock=Clock())
    ours = timed(scheduler.tick)
    scheduler.close()
    return theirs, ours


def _middle(results: Iterable[Result]) -> Result:
    measured = list(results)
    return median(seconds for seconds, _ in measured), max(queries for _, queries in measured)


def _line(what: str, theirs: Result, ours: Result) -> None:
    cells = [
        f"{theirs[0] * 1000:.1f} ms",
        theirs[1],
        f"{ours[0] * 1000:.1f} ms",
        ours[1],
        f"{theirs[0] / ours[0]:.1f} x",
    ]
    sys.stdout.write(ROW.format(what, *cells))
    sys.stdout.flush()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main()
