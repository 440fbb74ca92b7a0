"""The three-way merge of schedules, and the plan that comes of it. Pure: knows mappings and names, no database.

Three sides say what a schedule is: the code now, the code as it was last applied, and the database. For each field,

=======================  ====================================================================================
database == applied      nobody edited it: code's value is written
code == applied          code did not change it: what the database says stays, and is *drift*
code == database         both came to the same: nothing to write, only to remember
all three differ         a *conflict*: what the database says stays, or code's is written with ``OnConflict.CODE``
=======================  ====================================================================================

After an apply, ``applied`` is what code says now. So a conflict is reported once, by the deploy that met it; from then
on the admin's value is drift like any other edit, until code says something new.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from styleguide_example.tasks.enums import OnConflict, SyncAction

Says = Mapping[str, Any]

#: Why a schedule is disabled; beat and admins ask for nothing of it once it is enabled again.
_WHY_DISABLED = ("disabled_reason", "disabled_until")


@dataclass(frozen=True, slots=True)
class FieldMerge:
    """One field of one schedule, as each of the three sides says it, and what it will be."""

    field: str
    applied: Any
    code: Any
    database: Any
    result: Any
    is_conflict: bool = False

    @property
    def is_written(self) -> bool:
        """Whether applying changes what the database says."""
        return bool(self.result != self.database)

    @property
    def is_drift(self) -> bool:
        """Whether an admin's edit stays: what it will be is not what code says."""
        return bool(self.result != self.code)


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What becomes of one schedule.

    Args:
        name: the entry's name in code; for a schedule that code does not know (any more), its last one.
        fields: those in which any two of the three sides differ. Of a schedule that is created, ``applied`` and
            ``database`` are None; of one that is deleted, ``code`` and ``result`` are.
        note: why, in a sentence, where the action alone does not tell.
        is_remembered: applying stores what code says now, which it did not say at the last deploy.
    """

    action: SyncAction
    name: str
    fields: tuple[FieldMerge, ...] = ()
    note: str = ""
    is_remembered: bool = False

    @property
    def written(self) -> tuple[FieldMerge, ...]:
        """The fields that applying writes."""
        return tuple(field for field in self.fields if field.is_written)

    @property
    def drift(self) -> tuple[FieldMerge, ...]:
        """The fields in which an admin's edit stays. Of a schedule that is in the code; others have nothing to meet."""
        if self.action in (SyncAction.DISABLED, SyncAction.DELETED):
            return ()
        return tuple(field for field in self.fields if field.is_drift)

    @property
    def conflicts(self) -> tuple[FieldMerge, ...]:
        """The fields that code and an admin both changed since the last deploy, whoever wins."""
        return tuple(field for field in self.fields if field.is_conflict)

    @property
    def is_empty(self) -> bool:
        """Whether applying this line writes nothing at all."""
        return self.action is SyncAction.UNCHANGED and not self.is_remembered


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync will do, or did: a line for each entry of the timetable, in its order, then those that left it."""

    lines: tuple[PlanLine, ...]

    @property
    def is_empty(self) -> bool:
        """Whether applying writes nothing at all. Drift alone is no reason to write."""
        return all(line.is_empty for line in self.lines)

    @property
    def conflicts(self) -> tuple[PlanLine, ...]:
        """The lines with a conflict."""
        return tuple(line for line in self.lines if line.conflicts)

    @property
    def drift(self) -> tuple[PlanLine, ...]:
        """The lines in which an admin's edit stays."""
        return tuple(line for line in self.lines if line.drift)

    @property
    def counts(self) -> dict[SyncAction, int]:
        """How many schedules each action meets, in the order of the actions; 0 where none."""
        counted = Counter(line.action for line in self.lines)
        return {action: counted[action] for action in SyncAction}


def fields_merge(
    *, applied: Says, code: Says, database: Says, on_conflict: OnConflict = OnConflict.ADMIN, reset: bool = False
) -> tuple[FieldMerge, ...]:
    """Return the fields of ``code`` in which any two sides differ, merged by the table above.

    With ``reset``, code's value is written everywhere. A schedule that the merge enables loses the reason and the end
    of its being disabled.
    """
    if applied == code == database:
        return ()
    fields = tuple(
        _field_merge(name, applied[name], said, database[name], on_conflict=on_conflict, reset=reset)
        for name, said in code.items()
        if not (applied[name] == said == database[name])
    )
    if any(field.field == "enabled" and field.is_written and field.result for field in fields):
        return tuple(replace(field, result=field.code) if field.field in _WHY_DISABLED else field for field in fields)
    return fields


def _field_merge(
    name: str, applied: Any, code: Any, database: Any, *, on_conflict: OnConflict, reset: bool
) -> FieldMerge:
    is_conflict = not reset and database != applied and code not in (applied, database)
    code_wins = reset or database == applied or (is_conflict and on_conflict is OnConflict.CODE)
    return FieldMerge(name, applied, code, database, code if code_wins else database, is_conflict)


def line_merged(name: str, fields: tuple[FieldMerge, ...], *, is_remembered: bool, note: str = "") -> PlanLine:
    """Return the line of a schedule that is in the code and in the database."""
    is_changed = any(field.is_written for field in fields)
    action = SyncAction.CHANGED if is_changed else SyncAction.UNCHANGED
    return PlanLine(action, name, fields, note, is_remembered=is_remembered)


def line_created(name: str, code: Says, *, defaults: Says) -> PlanLine:
    """Return the line of an entry that has no schedule yet. What is as by default goes without saying."""
    said = {field: value for field, value in code.items() if defaults.get(field) != value}
    fields = tuple(FieldMerge(field, None, value, None, value) for field, value in said.items())
    return PlanLine(SyncAction.CREATED, name, fields, is_remembered=True)


def line_deleted(name: str, applied: Says, database: Says, *, note: str = "") -> PlanLine:
    """Return the line of a schedule that goes."""
    fields = tuple(
        FieldMerge(field, applied[field], None, value, None)
        for field, value in database.items()
        if value != applied[field] or field in ("task", "when")
    )
    return PlanLine(SyncAction.DELETED, name, fields, note)


def line_left(name: str, *, applied: Says, database: Says, reason: str) -> PlanLine:
    """Return the line of a schedule whose entry left the timetable.

    It is deleted when it says exactly what was applied. One that an admin edited is disabled instead, for ``reason``,
    and is the admin's from then on.
    """
    edited = [field for field, value in database.items() if value != applied[field]]
    if not edited:
        return line_deleted(name, applied, database, note="left the timetable")
    results = {**database, "enabled": False, "disabled_reason": reason, "disabled_until": None}
    fields = tuple(
        FieldMerge(field, applied[field], None, value, results[field])
        for field, value in database.items()
        if field in edited or results[field] != value
    )
    note = f"left the timetable, but an admin edited {', '.join(edited)}: it is the admin's now"
    return PlanLine(SyncAction.DISABLED, name, fields, note)


def names_twice(names: Iterable[str]) -> list[str]:
    """Return the names that come more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)
