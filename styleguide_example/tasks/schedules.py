"""From entries of the timetable to the columns of ``PeriodicTask``."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.timing import EPOCH, Cron, Every, Once, When

#: The columns that code decides. Every other one (``last_run_at``, ``total_run_count``, ...) is beat's.
COLUMNS = ("task", "crontab", "interval", "kwargs", "priority", "enabled", "expire_seconds", "description")


def when_read(row: PeriodicTask) -> When:
    """Return the timing of a row, whoever wrote it. Reads its schedule's row: select it with the row.

    Raises:
        ValueError: when there is none, or one that this project's beat does not fire (solar, less than a second).
    """
    if row.crontab is not None:
        fields = [str(getattr(row.crontab, name)).replace(" ", "") for name in Cron.NAMES]
        return Cron(" ".join(fields), str(row.crontab.timezone))
    if row.interval is not None:
        interval = timedelta(**{row.interval.period: row.interval.every})
        return Every(interval, anchor=row.start_time or EPOCH)
    if row.clocked is not None:
        return Once(row.clocked.clocked_time)
    if row.solar is not None:
        raise ValueError("This project does not fire solar schedules; choose a crontab line, an interval or a moment.")
    raise ValueError("It has no schedule; choose a crontab line, an interval or a moment.")


def rows_from_entries(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """Return for each entry, by name, the values of :data:`COLUMNS`.

    Schedules with the same meaning are one row, shared, as django-celery-beat advises; those that are missing are
    created. https://django-celery-beat.readthedocs.io/en/latest/#example-creating-interval-based-periodic-task
    """
    crontabs = _crontabs([entry.when for entry in entries if isinstance(entry.when, Cron)])
    intervals = _intervals([entry.when for entry in entries if isinstance(entry.when, Every)])
    return {
        entry.name: {
            "task": entry.task.name,
            "crontab": crontabs[_crontab_key(entry.when)] if isinstance(entry.when, Cron) else None,
            "interval": intervals[entry.when.seconds] if isinstance(entry.when, Every) else None,
            "kwargs": json.dumps(dict(entry.kwargs), sort_keys=True),
            "priority": int(entry.priority if entry.priority is not None else entry.task.default_priority),
            "enabled": entry.enabled,
            "expire_seconds": entry.expires_seconds,
            "description": entry.description,
        }
        for entry in entries
    }


def _crontab_key(cron: Cron) -> tuple[str, ...]:
    return (*_sorted_values(cron.fields), cron.time_zone)


def _crontabs(crons: Sequence[Cron]) -> dict[tuple[str, ...], CrontabSchedule]:
    rows: dict[tuple[str, ...], CrontabSchedule] = {}
    for row in CrontabSchedule.objects.order_by("-pk"):
        rows[(*_sorted_values({name: getattr(row, name) for name in Cron("* * * * *").fields}), str(row.timezone))] = (
            row
        )
    missing = {_crontab_key(cron): cron for cron in crons if _crontab_key(cron) not in rows}
    news = [CrontabSchedule(**cron.fields, timezone=cron.time_zone) for cron in missing.values()]
    return rows | dict(zip(missing, CrontabSchedule.objects.bulk_create(news), strict=True))


def _intervals(everies: Sequence[Every]) -> dict[int, IntervalSchedule]:
    rows = {row.every: row for row in IntervalSchedule.objects.filter(period=IntervalSchedule.SECONDS).order_by("-pk")}
    missing = list(dict.fromkeys(every.seconds for every in everies if every.seconds not in rows))
    news = [IntervalSchedule(every=seconds, period=IntervalSchedule.SECONDS) for seconds in missing]
    return rows | dict(zip(missing, IntervalSchedule.objects.bulk_create(news), strict=True))


def _sorted_values(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(fields[name] for name in sorted(fields))
