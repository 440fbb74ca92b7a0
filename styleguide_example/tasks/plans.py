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

#: Why the sync disabled a schedule. While it says so, an entry that comes back (a rollback) finds its own again.
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
    homes = _homes(order.entries, rows)
    others = {row.name: row for row in rows if row.entry_name is None}
    chosen = _entries_chosen(order)
    if not order.adopt:
        _others_check([entry for entry in chosen if not _home(entry, homes)], others)
    steps = [_step(entry, _home(entry, homes), others.get(entry.name), order) for entry in chosen]
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


def _homes(entries: Sequence[Entry], rows: Sequence[Row]) -> dict[str, Row]:
    """Return the rows that are code's, by the names in code under which they are found.

    Those are the entry's name now; the names that it had before, where its name now is nobody's any more (a rename was
    rolled back); and the name of an entry that had left.
    """
    claimed = {name for entry in entries for name in (entry.name, *entry.formerly)}
    owned = {row.entry_name: row for row in rows if row.entry_name is not None}
    renamed = {former: row for name, row in owned.items() if name not in claimed for former in row.former_names}
    left = {row.left_as: row for row in rows if _has_left(row)}
    return {**left, **renamed, **owned}


def _home(entry: Entry, homes: Mapping[str, Row]) -> Row | None:
    return next((homes[name] for name in (entry.name, *entry.formerly) if name in homes), None)


def _others_check(homeless: Sequence[Entry], others: Mapping[str, Row]) -> None:
    taken = sorted(entry.name for entry in homeless if entry.name in others)
    if taken:
        raise TimetableError(
            f"Schedules of the same name exist that the timetable did not write: {', '.join(taken)}. "
            "Rename them in the admin, or run setup_periodic_tasks --adopt to take them over."
        )


def _has_left(row: Row) -> bool:
    """Whether it left the timetable, and no admin has made it theirs since."""
    is_untouched = not row.says["enabled"] and row.says["disabled_reason"].startswith(LEFT)
    return row.entry_name is None and bool(row.left_as) and is_untouched


def _step(entry: Entry, home: Row | None, other: Row | None, order: Order) -> Step:
    said = entry_says(entry)
    if home is None and other is None:
        return Step(line_created(entry.name, said, defaults=BY_DEFAULT), entry)
    if home is None and other is not None:  # nothing was applied: nothing is an admin's edit, so that code wins
        return Step(_line(entry, other, other.says, said, order, note="taken over from an admin"), entry, other)
    assert home is not None  # noqa: S101  for the type checker
    if home.entry_name is None:
        line = _line(entry, home, _applied_before_it_left(home), said, order, note="is back in the timetable")
        return Step(line, entry, home)
    note = "" if home.entry_name == entry.name else f"formerly {home.entry_name!r}"
    line = _line(entry, home, home.applied, said, order, note=note, remembers=home.stored != said)
    return Step(line, entry, home)


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


def _applied_before_it_left(row: Row) -> Says:
    """What code said of it then. That it is disabled is our own, unless an admin had disabled it before."""
    if row.says["disabled_reason"] != LEFT:
        return row.applied
    return {**row.applied, "enabled": False, "disabled_reason": LEFT}


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
