"""The rules of the merge told a second time, as simply as can be: what a sequence of deploys and edits must end in."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

LEFT = "Left the timetable."
#: An entry of the first name was formerly called the second.
FORMERLY = {"A, as it is called now": "A"}


class RefusedError(Exception):
    """The timetable cannot be applied."""


@dataclass
class ModelRow:
    """A schedule. ``history`` stands for all that a schedule has run; two rows never have the same."""

    says: dict[str, Any]
    owner: str | None = None
    applied: dict[str, Any] | None = None
    history: int = 0


Code = dict[str, dict[str, Any]]


def deployed(rows: list[ModelRow], code: Code, *, code_wins: bool, adopt: bool, reset: bool) -> list[ModelRow]:
    """Return what a deploy makes of the rows."""
    rows = deepcopy(rows)
    kept = []
    for name, said in code.items():
        code_says = {"name": name, "disabled_reason": "", **said}
        row = _owned(rows, name) or _claimed(rows, name, code_says, adopt=adopt)
        if row is None:
            row = ModelRow(dict(code_says))
            rows.append(row)
        _merge(row, code_says, code_wins=code_wins, reset=reset)
        row.owner, row.applied = name, code_says
        kept.append(row)
    for row in [row for row in rows if row.owner is not None and row not in kept]:
        _leave(row, rows)
    if len({row.says["name"] for row in rows}) != len(rows):
        raise RefusedError
    return rows


def _owned(rows: list[ModelRow], name: str) -> ModelRow | None:
    by_owner = {row.owner: row for row in rows if row.owner is not None}
    return by_owner.get(name) or by_owner.get(FORMERLY.get(name, ""))


def _claimed(rows: list[ModelRow], name: str, code_says: dict[str, Any], *, adopt: bool) -> ModelRow | None:
    """The row of that name that code does not own: taken over when told, or when it is code's own that had left."""
    row = next((row for row in rows if row.owner is None and row.says["name"] == name), None)
    if row is None:
        return None
    reason = row.says["disabled_reason"]
    if adopt:
        row.applied = row.says
    elif row.says["enabled"] or not reason.startswith(LEFT):
        raise RefusedError
    else:
        row.applied = {**code_says, "enabled": False, "disabled_reason": reason} if reason == LEFT else code_says
    return row


def _merge(row: ModelRow, code_says: dict[str, Any], *, code_wins: bool, reset: bool) -> None:
    applied, was_enabled = row.applied or code_says, row.says["enabled"]
    for field, code in code_says.items():
        was_edited, has_changed = row.says[field] != applied[field], code != applied[field]
        if reset or not was_edited or (has_changed and code_wins):
            row.says[field] = code
    if row.says["enabled"] and not was_enabled:
        row.says["disabled_reason"] = ""


def _leave(row: ModelRow, rows: list[ModelRow]) -> None:
    if row.says == row.applied:
        rows.remove(row)
        return
    reason = row.says["disabled_reason"]
    if row.says["enabled"]:
        row.says["disabled_reason"] = LEFT
    elif not reason.startswith(LEFT):
        row.says["disabled_reason"] = f"{LEFT} Disabled before: {reason or 'no reason given'}"
    row.says["enabled"] = False
    row.owner = row.applied = None
