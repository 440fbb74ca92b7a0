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
    #: The name in code, once it left with edits.
    left_as: str | None = None
    #: Names in code that it had before.
    formerly: tuple[str, ...] = ()


Code = dict[str, dict[str, Any]]


def deployed(rows: list[ModelRow], code: Code, *, code_wins: bool, adopt: bool, reset: bool) -> list[ModelRow]:
    """Return what a deploy makes of the rows."""
    rows = deepcopy(rows)
    kept = []
    for name, said in code.items():
        code_says = {"name": name, "disabled_reason": "", **said}
        row = _owned(rows, name, code) or _back(rows, name) or _claimed(rows, name, adopt=adopt)
        if row is None:
            row = ModelRow(dict(code_says))
            rows.append(row)
        _merge(row, code_says, code_wins=code_wins, reset=reset)
        row.formerly = tuple({*row.formerly, row.owner or row.left_as or name} - {name})
        row.owner, row.applied, row.left_as = name, code_says, None
        kept.append(row)
    for row in [row for row in rows if row.owner is not None and row not in kept]:
        _leave(row, rows)
    if len({row.says["name"] for row in rows}) != len(rows):
        raise RefusedError
    return rows


def _owned(rows: list[ModelRow], name: str, code: Code) -> ModelRow | None:
    """That of the name, of a former name, or one whose rename was taken back."""
    by_owner = {row.owner: row for row in rows if row.owner is not None}
    claimed = {*code, *(FORMERLY.get(one) for one in code)}
    renamed = [row for row in rows if name in row.formerly and row.owner is not None and row.owner not in claimed]
    found = by_owner.get(name) or next(iter(renamed), None)
    return found or by_owner.get(FORMERLY.get(name, ""))


def _back(rows: list[ModelRow], name: str) -> ModelRow | None:
    """Code's own that had left, and that no admin has made theirs."""
    for one in (name, FORMERLY.get(name)):
        for row in rows:
            reason = row.says["disabled_reason"]
            if row.left_as == one is not None and not row.says["enabled"] and reason.startswith(LEFT):
                if reason == LEFT:
                    row.applied = {**(row.applied or {}), "enabled": False, "disabled_reason": LEFT}
                return row
    return None


def _claimed(rows: list[ModelRow], name: str, *, adopt: bool) -> ModelRow | None:
    """The row of that name that code does not own: taken over when told."""
    row = next((row for row in rows if row.owner is None and row.says["name"] == name), None)
    if row is not None and not adopt:
        raise RefusedError
    if row is not None:
        row.applied = row.says
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
    row.owner, row.left_as = None, row.owner
