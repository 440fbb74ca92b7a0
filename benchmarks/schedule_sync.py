"""The sync of schedules against delete-and-recreate, side by side: seconds and queries.

``python -m benchmarks.schedule_sync [entries ...]``, on a database that is made for it and dropped afterwards: SQLite
in a temporary directory, or one on the server of ``DATABASE_URL``.
"""

import benchmarks.prepared  # noqa: F401  sets Django up, before models are imported

# isort: split

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from benchmarks.measuring import Result, database_made, timed
from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timing import Cron

COUNTS = (1000, 10_000)
#: Both ways are measured so often, in turns; the medians are printed.
REPEATS = {1000: 5}
ROW = "{:>7}  {:<12} {:>10} {:>8}   {:>10} {:>8}   {:>6}\n"
#: Spread over the day, every five minutes.
CRONS = [Cron(f"{minute} {hour} * * *") for hour in range(24) for minute in range(0, 60, 5)]

Way = Callable[[Sequence[Entry]], object]


def entries_make(count: int, *, changed: int | None = None) -> list[Entry]:
    """Return entries, of which the one with number ``changed`` says something else."""
    return [
        Entry(
            name=f"Entry {number}",
            task=email_sweep,
            when=CRONS[number % len(CRONS)],
            in_words="Once a day" if number != changed else "Once a day, and no more",
        )
        for number in range(count)
    ]


@transaction.atomic
def delete_and_recreate(entries: Sequence[Entry]) -> None:
    """Make the table anew, entry by entry: what many projects do at each deploy."""
    PeriodicTask.objects.all().delete()
    for entry in entries:
        crontab, _ = CrontabSchedule.objects.get_or_create(**_crontab_fields(entry))
        PeriodicTask.objects.create(
            name=entry.name,
            task=entry.task.name,
            crontab=crontab,
            kwargs=json.dumps(dict(entry.kwargs)),
            priority=int(entry.task.default_priority),
            description=entry.description,
        )


def sync(entries: Sequence[Entry]) -> None:
    """Do what a deploy of this project does."""
    periodic_tasks_sync(entries=entries)


def main(counts: Sequence[int]) -> None:
    """Measure for so many entries each, and print a table."""
    with database_made():
        sys.stdout.write(f"{connection.display_name}, Python {sys.version.split()[0]}, {os.cpu_count()} cores\n\n")
        sys.stdout.write(ROW.format("entries", "deploy", "recreate", "queries", "sync", "queries", "ratio"))
        for count in counts:
            for deploy, (theirs, ours) in _measure(count, repeats=REPEATS.get(count, 1)).items():
                cells = [f"{theirs[0]:.3f} s", theirs[1], f"{ours[0]:.3f} s", ours[1], f"{theirs[0] / ours[0]:.0f} x"]
                sys.stdout.write(ROW.format(count, deploy, *cells))


def _measure(count: int, *, repeats: int) -> Mapping[str, tuple[Result, Result]]:
    entries = entries_make(count)
    deploys = {"first": entries, "unchanged": entries, "one changed": entries_make(count, changed=count // 2)}
    ways = (delete_and_recreate, sync)
    results: dict[tuple[str, Way], list[Result]] = {(deploy, way): [] for deploy in deploys for way in ways}
    for _ in range(repeats):
        for way in ways:
            _empty()
            for deploy, wanted in deploys.items():
                results[deploy, way].append(timed(partial(way, wanted)))
    return {deploy: (_middle(results[deploy, ways[0]]), _middle(results[deploy, ways[1]])) for deploy in deploys}


def _middle(results: Sequence[Result]) -> Result:
    return median(seconds for seconds, _ in results), max(queries for _, queries in results)


def _crontab_fields(entry: Entry) -> dict[str, Any]:
    when: Any = entry.when  # all of them are crontab lines here
    return {**when.fields, "timezone": when.time_zone}


def _empty() -> None:
    ours = apps.get_app_config("tasks").get_models()
    for model in (*ours, PeriodicTask, CrontabSchedule):
        rows: Any = model._default_manager.all()
        rows._raw_delete(rows.db)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or COUNTS)
