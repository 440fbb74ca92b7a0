"""Finds whose is which schedule, and plans what becomes of each. Asks no database: it is given the rows.

What a field ends as is decided in :mod:`~styleguide_example.tasks.merge`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from styleguide_example.tasks.entries import Entry, signature_check
from styleguide_example.tasks.enums import OnConflict, SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.merge import (
    FieldMerge,
    PlanLine,
    Says,
    fields_merge,
    line_created,
    line_deleted,
    line_left,
    line_merged,
    names_twice,
)
from styleguide_example.tasks.schedules import BY_DEFAULT, UNSAID, Row, entry_says

#: Why the sync disabled a schedule. By it, an entry that comes back (a deploy was rolled back) finds its own again.
LEFT = "Left the timetable."


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for: the arguments of the services, and ``everything``, which is a rebuild."""

    entries: Sequence[Entry]
    on_conflict: OnConflict = OnConflict.ADMIN
    adopt: bool = False
    reset: bool = False
    names: Collection[str] | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the plan, with what is needed to apply it: no ``row`` is to be created, no ``entry`` left."""

    line: PlanLine
    entry: Entry | None = None
    row: Row | None = None

    @property
    def final_name(self) -> str | None:
        """What the row will be called; None when there will be none."""
        if self.line.action is SyncAction.DELETED:
            return None
        unchanged = self.row.name if self.row is not None else None
        return next((field.result for field in self.line.fields if field.field == "name"), unchanged)


def steps_plan(order: Order, rows: Sequence[Row]) -> list[Step]:
    """Return what becomes of each schedule: those of the entries in their order, then those that leave.

    Raises:
        TimetableError: for a name that is claimed twice, or one of ``order.names`` that no entry has.
    """
    _entries_check(order.entries)
    owned = {row.entry_name: row for row in rows if row.entry_name is not None}
    others = {row.name: row for row in rows if row.entry_name is None}
    chosen = _entries_chosen(order)
    if not order.adopt:
        _others_check([entry for entry in chosen if not _row_owned(entry, owned)], others)
    steps = [_step(entry, _row_owned(entry, owned), others.get(entry.name), order) for entry in chosen]
    if order.names is None:
        steps += _steps_out(steps, rows, everything=order.everything)
    _names_check(steps, rows)
    return steps


# -- what code claims --


def _entries_check(entries: Sequence[Entry]) -> None:
    names = [entry.name for entry in entries]
    twice = names_twice(names)
    if twice:
        raise TimetableError(
            f"Two entries of the timetable have the same name: {', '.join(twice)}. "
            "A name is an entry's identity: give one of them another."
        )
    formers = [former for entry in entries for former in dict.fromkeys(entry.formerly)]
    twice = names_twice(formers)
    if twice:
        raise TimetableError(
            f"Two entries say that they were formerly: {', '.join(twice)}. "
            "One schedule has one history: take it out of the `formerly` of all but one."
        )
    taken = sorted(set(names).intersection(formers))
    if taken:
        raise TimetableError(
            f"One entry says that it was formerly what another is called now: {', '.join(taken)}. "
            "Give the other one a new name, or take it out of `formerly`."
        )


def _entries_chosen(order: Order) -> Sequence[Entry]:
    if order.names is None:
        return order.entries
    unknown = sorted(set(order.names).difference(entry.name for entry in order.entries))
    if unknown:
        raise TimetableError(f"No entry of the timetable is called: {', '.join(unknown)}.")
    return [entry for entry in order.entries if entry.name in order.names]


# -- whose is which row --


def _row_owned(entry: Entry, owned: Mapping[str, Row]) -> Row | None:
    return next((owned[name] for name in (entry.name, *entry.formerly) if name in owned), None)


def _others_check(homeless: Sequence[Entry], others: Mapping[str, Row]) -> None:
    taken = sorted(entry.name for entry in homeless if entry.name in others and not _is_back(others[entry.name]))
    if taken:
        raise TimetableError(
            f"Schedules of the same name exist that the timetable did not write: {', '.join(taken)}. "
            "Rename them in the admin, or run setup_periodic_tasks --adopt to take them over."
        )


def _is_back(row: Row) -> bool:
    return not row.says["enabled"] and bool(row.says["disabled_reason"].startswith(LEFT))


def _step(entry: Entry, owned: Row | None, other: Row | None, order: Order) -> Step:
    said = entry_says(entry)
    if owned is not None:
        note = "" if owned.entry_name == entry.name else f"formerly {owned.entry_name!r}"
        remembers = owned.stored != said
        line = _line(entry, owned, owned.applied, said, order, note=note, remembers=remembers)
        return Step(line, entry, owned)
    if other is None:
        return Step(line_created(entry.name, said, defaults=BY_DEFAULT), entry)
    if _is_back(other) and not order.adopt:
        line = _line(entry, other, _applied_before_it_left(said, other), said, order, note="is back in the timetable")
    else:  # nothing was applied: what the database says is nobody's edit, so that code wins
        line = _line(entry, other, other.says, said, order, note="taken over from an admin")
    return Step(line, entry, other)


def _line(
    entry: Entry, row: Row, applied: Says, said: Says, order: Order, *, note: str, remembers: bool = True
) -> PlanLine:
    fields = fields_merge(
        applied=applied,
        code={**said, **UNSAID},
        database=row.says,
        on_conflict=order.on_conflict,
        reset=order.reset,
    )
    notes = [note] if note else []
    if any(field.field in ("task", "kwargs") and field.is_drift for field in fields):
        notes += _misfit(entry, fields)
    return line_merged(entry.name, fields, note="; ".join(notes), is_remembered=remembers)


def _misfit(entry: Entry, fields: Sequence[FieldMerge]) -> list[str]:
    """Say whether arguments that an admin wrote fit the task that code names now."""
    results = {field.field: field.result for field in fields}
    if results.get("task", entry.task.name) != entry.task.name:
        return []
    try:
        signature_check(entry.task, json.loads(results["kwargs"]))
    except (TypeError, ValueError) as error:
        return [f"its arguments do not fit the task: {error}"]
    return []


def _applied_before_it_left(said: Says, row: Row) -> Says:
    """Nothing tells any more which fields an admin edited: all that differ are kept. That it is disabled is our own."""
    applied = {**said, **UNSAID}
    if row.says["disabled_reason"] == LEFT:
        applied.update(enabled=False, disabled_reason=LEFT)
    return applied


# -- what leaves --


def _steps_out(steps: Sequence[Step], rows: Sequence[Row], *, everything: bool) -> list[Step]:
    stays = {step.row.pk for step in steps if step.row is not None}
    gone = [row for row in rows if row.pk not in stays and (everything or row.entry_name is not None)]
    return [Step(_line_out(row, everything=everything), row=row) for row in sorted(gone, key=lambda row: row.name)]


def _line_out(row: Row, *, everything: bool) -> PlanLine:
    if row.entry_name is None:
        return line_deleted(row.name, row.says, row.says, note="code never knew it")
    if everything:
        return line_deleted(row.entry_name, row.applied, row.says, note="left the timetable")
    return line_left(row.entry_name, applied=row.applied, database=row.says, reason=_reason(row))


def _reason(row: Row) -> str:
    before: str = row.says["disabled_reason"]
    if row.says["enabled"]:
        return LEFT
    return before if before.startswith(LEFT) else f"{LEFT} Disabled before: {before or 'no reason given'}"[:200]


# -- two rows of one name --


def _names_check(steps: Sequence[Step], rows: Sequence[Row]) -> None:
    moved = {step.row.pk for step in steps if step.row is not None}
    holders = {row.name: _holder(row) for row in rows if row.pk not in moved}
    for step in steps:
        name = step.final_name
        if name in holders:
            raise TimetableError(
                f"Two schedules would be called {name!r}: that of the entry {step.line.name!r}, and {holders[name]}. "
                "Rename one of them in the admin, or, where an entry's was renamed there, run "
                "setup_periodic_tasks --reset."
            )
        if name is not None:
            holders[name] = f"that of the entry {step.line.name!r}"


def _holder(row: Row) -> str:
    return "one that the timetable did not write" if row.entry_name is None else f"that of the entry {row.entry_name!r}"
