"""Brings the timetable into the database. The decisions are those of ``merge`` and ``plans``; here they are written.

docs/decisions/0005 says why it is a merge.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Case, CharField, Value, When
from django.db.models.functions import Cast, Concat, Now
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import OnConflict, SyncAction
from styleguide_example.tasks.merge import Plan
from styleguide_example.tasks.models import BEGINS_ANEW, Schedule, ScheduleRun, TimetableEntry
from styleguide_example.tasks.plans import Order, Step, steps_plan
from styleguide_example.tasks.schedules import POLICIES, Row, entry_says, rows_read
from styleguide_example.tasks.timing_rows import TIMING, timings_save

Columns = Mapping[str, Any]

#: With one of these written, a schedule begins anew.
_BEGINNING = frozenset({*TIMING, "enabled", "start_time"})


def periodic_tasks_plan(
    *,
    entries: Sequence[Entry],
    on_conflict: OnConflict = OnConflict.ADMIN,
    adopt: bool = False,
    reset: bool = False,
    names: Collection[str] | None = None,
    rebuild: bool = False,
) -> Plan:
    """Return what :func:`periodic_tasks_sync` would do with the same arguments. Writes nothing, waits for nobody.

    Three queries.

    Args:
        rebuild: plan :func:`periodic_tasks_rebuild` instead.

    Raises:
        TimetableError: where the sync would.
    """
    order = Order(entries=entries, on_conflict=on_conflict, adopt=adopt, reset=reset, names=names)
    order = _rebuild_order(entries) if rebuild else order
    return _plan(steps_plan(order, _rows()))


@transaction.atomic
def periodic_tasks_sync(
    *,
    entries: Sequence[Entry],
    on_conflict: OnConflict = OnConflict.ADMIN,
    adopt: bool = False,
    reset: bool = False,
    names: Collection[str] | None = None,
) -> Plan:
    """Apply ``entries`` to the database, all or nothing. Returns what was done.

    What an admin edited stays, by the table in :mod:`~styleguide_example.tasks.merge`. An entry that left the timetable
    is deleted, or, where an admin edited it, disabled and theirs from then on. An entry takes over the schedule of a
    name in its ``formerly``. Rows that code did not write are not touched.

    Rows are changed in place, so ``last_run_at``, ``total_run_count`` and runs survive. Nothing is written when there
    is nothing to do; the number of queries does not grow with the number of entries. Two at once wait for each other.
    A running beat notices within ``CELERY_BEAT_MAX_LOOP_INTERVAL`` seconds.

    Args:
        on_conflict: who wins where code and an admin changed the same field since the last deploy.
        adopt: take over rows of the same name that code did not write. Everything that code says wins.
        reset: drop what admins edited: code wins in every field, and what code never says is emptied.
        names: only the entries of these names; the others are not touched, and nothing leaves.

    Raises:
        TimetableError: for a name that is claimed twice: by two entries, by an entry and (without ``adopt``) a row that
            code did not write, or by an entry and a row that an admin renamed. Or for one of ``names`` that no entry
            has.
    """
    return _sync(Order(entries=entries, on_conflict=on_conflict, adopt=adopt, reset=reset, names=names))


@transaction.atomic
def periodic_tasks_rebuild(*, entries: Sequence[Entry]) -> Plan:
    """Make the whole table what ``entries`` say, all or nothing. Returns what was done.

    Every schedule that code does not know is deleted with its runs, whoever wrote it. Those of entries are reset in
    place, so that their history survives.

    Raises:
        TimetableError: for a name that two entries claim.
    """
    return _sync(_rebuild_order(entries))


def _rebuild_order(entries: Sequence[Entry]) -> Order:
    return Order(entries=entries, adopt=True, reset=True, everything=True)


def _sync(order: Order) -> Plan:
    _lock()
    steps = steps_plan(order, _rows(is_locking=True))
    _apply(steps)
    return _plan(steps)


def _plan(steps: Iterable[Step]) -> Plan:
    return Plan(tuple(step.line for step in steps))


def _lock() -> None:
    """One sync at a time, so that two deploys wait for each other. SQLite's IMMEDIATE does it by itself."""
    PeriodicTasks.objects.select_for_update().get_or_create(ident=1, defaults={"last_update": timezone.now()})


def _rows(*, is_locking: bool = False) -> list[Row]:
    rows = PeriodicTask.objects.order_by("pk")
    if is_locking:  # `save()` in an admin waits for `_lock`, because it tells beat first; an `update()` waits here
        rows = rows.select_for_update(of=("self",), no_key=True)
    return rows_read(rows)


# -- writing: one statement for each kind of thing, however many there are --


def _apply(steps: Sequence[Step]) -> None:
    by_action = {action: [step for step in steps if step.line.action is action] for action in SyncAction}
    timings = timings_save(step.entry.when for step in steps if step.entry is not None and _is_timing_written(step))
    _delete(by_action[SyncAction.DELETED])
    _release(by_action[SyncAction.DISABLED])
    _come_back(steps)
    _change(by_action[SyncAction.CHANGED] + by_action[SyncAction.DISABLED], timings)
    created = _create(by_action[SyncAction.CREATED], timings)
    _remember([step for step in steps if step.line.is_remembered], created)
    if any(step.line.action is not SyncAction.UNCHANGED for step in steps):
        PeriodicTasks.update_changed()  # bulk writes send no signal, and beat looks at this row


def _is_timing_written(step: Step) -> bool:
    return any(field.field == "when" for field in step.line.written)


def _delete(steps: Sequence[Step]) -> None:
    keys = _keys(steps)
    if keys:  # the database does not cascade: Django would, row by row
        for model in (ScheduleRun, Schedule, TimetableEntry):
            _raw_delete(model, periodic_task__in=keys)
        _raw_delete(PeriodicTask, pk__in=keys)


def _release(steps: Sequence[Step]) -> None:
    keys = _keys(steps)
    if keys:
        _raw_delete(TimetableEntry, periodic_task__in=keys)
        _left_write({step.row.pk: (step.row.entry_name, step.row.stored) for step in steps if step.row is not None})


def _come_back(steps: Sequence[Step]) -> None:
    back = [step.row.pk for step in steps if step.entry is not None and step.row is not None and step.row.left_as]
    if back:
        _left_write(dict.fromkeys(back, ("", None)))


def _left_write(left: Mapping[int, tuple[str | None, Any]]) -> None:
    """Remember as what, and after what, each has left."""
    Schedule.objects.bulk_create(
        [
            Schedule(periodic_task_id=key, left_as=name or "", left_applied=said)
            for key, (name, said) in sorted(left.items())
        ],
        update_conflicts=True,
        unique_fields=["periodic_task"],
        update_fields=["left_as", "left_applied"],
    )


def _key(step: Step) -> int:
    return 0 if step.row is None else step.row.pk


def _keys(steps: Sequence[Step]) -> list[int]:
    return [step.row.pk for step in steps if step.row is not None]


def _raw_delete(model: Any, **which: Any) -> None:
    """Without the signals of ``delete()``, which send beat a notice for each row; the sync sends one for all."""
    rows = model._default_manager.filter(**which)
    rows._raw_delete(rows.db)


def _change(steps: Sequence[Step], timings: Mapping[str, Columns]) -> None:
    ordered = sorted((step for step in steps if step.row is not None), key=_key)  # as everybody locks them
    written = [(step.row, _columns_written(step, timings)) for step in ordered if step.row is not None]
    _names_free([row.pk for row, columns in written if "name" in columns])
    _update(PeriodicTask, "date_changed", [(row.task_columns, _without(POLICIES, columns)) for row, columns in written])
    _update(Schedule, "updated_at", [(row.policy_columns, _only(POLICIES, columns)) for row, columns in written])
    _begin_anew([row.pk for row, columns in written if not _BEGINNING.isdisjoint(columns)])


def _begin_anew(keys: Sequence[int]) -> None:
    """Nothing is made up for that was due while they were disabled, or had another timing."""
    if keys:
        enabled = PeriodicTask.objects.filter(pk__in=keys, enabled=True)
        begins = Case(When(periodic_task__in=enabled, then=Value(BEGINS_ANEW)), default=Value(""))
        Schedule.objects.filter(pk__in=keys).update(decided_until=Now(), decided_for=begins)


def _columns_written(step: Step, timings: Mapping[str, Columns]) -> dict[str, Any]:
    columns = {field.field: field.result for field in step.line.written if field.field != "when"}
    if step.entry is not None and _is_timing_written(step):
        columns.update(timings[str(step.entry.when)])
        # Not written by itself where beat ended a one-off, which says `enabled` all the same; a new moment starts it.
        columns.setdefault("enabled", step.row is not None and step.row.says["enabled"])
    return columns


def _names_free(keys: Sequence[int]) -> None:
    """Let rows exchange their names: a name is unique in every moment of a statement."""
    if keys:
        aside = Concat(Value(f"{uuid.uuid4()} "), Cast("pk", CharField()))
        PeriodicTask.objects.filter(pk__in=keys).update(name=aside)


def _update(model: Any, stamp: str, rows: Sequence[tuple[Columns, Columns]]) -> None:
    """Write the changes of each row, given with what it holds now, in one statement: its other columns stay."""
    changed = [(current, changes) for current, changes in rows if changes]
    if changed:
        model._default_manager.bulk_create(
            [model(**{**current, **changes}) for current, changes in changed],
            update_conflicts=True,
            unique_fields=["pk"],
            update_fields=[*sorted({name for _, changes in changed for name in changes}), stamp],
        )


def _create(steps: Sequence[Step], timings: Mapping[str, Columns]) -> dict[str, int]:
    """Write the rows of new entries. Returns their keys, by the name of the entry."""
    entries = [step.entry for step in steps if step.entry is not None]
    if not entries:
        return {}
    said = {entry.name: _without(("when",), entry_says(entry)) for entry in entries}
    tasks = PeriodicTask.objects.bulk_create(
        PeriodicTask(**_without(POLICIES, said[entry.name]), **timings[str(entry.when)]) for entry in entries
    )
    Schedule.objects.bulk_create(
        Schedule(
            periodic_task=task,
            decided_until=Now(),  # what was due before an entry was written is not missed
            decided_for=str(entry.when) if entry.enabled else "",
            **_only(POLICIES, said[entry.name]),
        )
        for entry, task in zip(entries, tasks, strict=True)
    )
    return {task.name: task.pk for task in tasks}


def _remember(steps: Sequence[Step], created: Mapping[str, int]) -> None:
    """Keep what code says now, as the third side of the next merge."""
    if steps:
        TimetableEntry.objects.bulk_create(
            [
                TimetableEntry(
                    periodic_task_id=step.row.pk if step.row is not None else created[step.entry.name],
                    name=step.entry.name,
                    formerly=_former_names(step),
                    applied=entry_says(step.entry),
                )
                for step in steps
                if step.entry is not None
            ],
            update_conflicts=True,
            unique_fields=["periodic_task"],
            update_fields=["name", "formerly", "applied", "updated_at"],
        )


def _former_names(step: Step) -> list[str]:
    if step.row is None or step.entry is None:
        return []
    names = [*step.row.former_names, step.row.entry_name or step.row.left_as]
    return [name for name in dict.fromkeys(names) if name and name != step.entry.name]


def _only(names: Collection[str], columns: Columns) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if name in names}


def _without(names: Collection[str], columns: Columns) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if name not in names}
