"""Makes the schedules in the database equal the timetable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.models import TimetableEntry
from styleguide_example.tasks.schedules import COLUMNS, rows_from_entries

#: Read with the rows: one query each would be a thousand.
_RELATED = ("periodic_task__crontab", "periodic_task__interval")


@dataclass(frozen=True)
class SyncLine:
    """What happened to one schedule; ``columns`` names those that changed."""

    action: SyncAction
    name: str
    columns: tuple[str, ...] = ()


@transaction.atomic
def periodic_tasks_sync(*, entries: Sequence[Entry], adopt: bool = False) -> list[SyncLine]:
    """Make the DatabaseScheduler's rows equal ``entries``, all or nothing. Returns what happened to each, in order.

    Rows are updated in place, so ``last_run_at`` and ``total_run_count`` survive. Entries that left the timetable are
    deleted. Rows that code did not write are not touched. Nothing is written when nothing changed; the number of
    queries does not grow with the number of entries. A running beat notices within ``CELERY_BEAT_MAX_LOOP_INTERVAL``
    seconds.

    What an admin edited in a row of the timetable is overwritten. The merge that keeps such edits belongs into
    :func:`_changed_columns`; ``TimetableEntry.applied`` already holds its third side.

    Args:
        adopt: take over rows of the same name that code did not write.

    Raises:
        TimetableError: for two entries of one name, or (without ``adopt``) a name that an admin's row has.
    """
    wanted = _by_name(entries)
    _lock()
    owned = {row.periodic_task.name: row for row in TimetableEntry.objects.select_related(*_RELATED)}
    existing = _existing(wanted, owned, adopt=adopt)
    rows = rows_from_entries(entries)
    lines = [_line(name, existing.get(name), rows[name]) for name in wanted]
    _write({line.name: rows[line.name] for line in lines if line.action is not SyncAction.UNCHANGED})
    _own({name: _said(row) for name, row in rows.items()}, owned)
    gone = sorted(name for name in owned if name not in wanted)
    _delete(gone)
    lines += [SyncLine(SyncAction.DELETED, name) for name in gone]
    if any(line.action is not SyncAction.UNCHANGED for line in lines):
        PeriodicTasks.update_changed()  # bulk writes send no signal, and beat looks at this row
    return lines


def _by_name(entries: Sequence[Entry]) -> dict[str, Entry]:
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) != len(entries):
        raise TimetableError("Two entries of the timetable have the same name; a name is an entry's identity.")
    return by_name


def _lock() -> None:
    """One sync at a time, so that two deploys wait for each other. SQLite's IMMEDIATE does it by itself."""
    PeriodicTasks.objects.select_for_update().get_or_create(ident=1, defaults={"last_update": timezone.now()})


def _existing(
    wanted: Mapping[str, Entry], owned: Mapping[str, TimetableEntry], *, adopt: bool
) -> dict[str, PeriodicTask]:
    others = PeriodicTask.objects.filter(timetable_entry__isnull=True).select_related("crontab", "interval")
    foreign = [row for row in others if row.name in wanted]
    if foreign and not adopt:
        raise TimetableError(
            f"Schedules of the same name exist that the timetable did not write: "
            f"{', '.join(sorted(row.name for row in foreign))}. "
            "Rename them in the admin, or run setup_periodic_tasks --adopt to take them over."
        )
    return {name: entry.periodic_task for name, entry in owned.items()} | {row.name: row for row in foreign}


def _line(name: str, existing: PeriodicTask | None, row: Mapping[str, Any]) -> SyncLine:
    if existing is None:
        return SyncLine(SyncAction.CREATED, name)
    columns = _changed_columns(existing, row)
    return SyncLine(SyncAction.CHANGED if columns else SyncAction.UNCHANGED, name, columns)


def _changed_columns(existing: PeriodicTask, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(column for column in COLUMNS if getattr(existing, column) != row[column])


def _write(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """One upsert for what is new and what changed."""
    if rows:
        PeriodicTask.objects.bulk_create(
            [PeriodicTask(name=name, **row) for name, row in rows.items()],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=[*COLUMNS, "date_changed"],
        )


def _own(said: Mapping[str, dict[str, Any]], owned: Mapping[str, TimetableEntry]) -> None:
    """Keep what code says now, as the third side of the merge at the next deploy."""
    news = {name: applied for name, applied in said.items() if name not in owned or owned[name].applied != applied}
    if not news:
        return
    ids = dict(PeriodicTask.objects.filter(timetable_entry__isnull=True).values_list("name", "pk"))
    ids |= {name: entry.periodic_task_id for name, entry in owned.items()}
    now = timezone.now()
    TimetableEntry.objects.bulk_create(
        [
            TimetableEntry(periodic_task_id=ids[name], name=name, applied=applied, created_at=now, updated_at=now)
            for name, applied in news.items()
        ],
        update_conflicts=True,
        unique_fields=["periodic_task"],
        update_fields=["applied", "updated_at"],
    )


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as JSON: schedules by what they say, not by their id."""
    return {
        column: str(row[column]) if column in ("crontab", "interval") and row[column] else row[column]
        for column in COLUMNS
    }


def _delete(names: Sequence[str]) -> None:
    if names:
        TimetableEntry.objects.filter(periodic_task__name__in=names).delete()
        rows = PeriodicTask.objects.filter(name__in=names)
        # Raw, because the signals of `delete()` send beat a notice for each row; one for all follows.
        rows._raw_delete(rows.db)
