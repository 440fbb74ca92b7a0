"""A plan as text: a line a schedule, a readable diff, or JSON."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.color import Style

from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.merge import FieldMerge, Plan, PlanLine

_PLAIN = "NOTICE"
_LATER = "A conflict is reported once. To take the code's value now: Reset to code in the admin, or --reset."
_STYLES = {
    SyncAction.CREATED: "SUCCESS",
    SyncAction.CHANGED: "SUCCESS",
    SyncAction.DISABLED: "WARNING",
    SyncAction.DELETED: "WARNING",
}


def plan_lines(plan: Plan, *, style: Style, verbosity: int = 1) -> Iterator[str]:
    """Yield a line for each schedule that something happened to, and for each conflict; with verbosity 2, for all."""
    for line in plan.lines:
        if line.action is not SyncAction.UNCHANGED or line.conflicts or verbosity > 1:
            yield f"  {_action(line, style)} {_printable(line.name)}{_printable(_detail(line))}"
            yield from (f"    {style.ERROR('conflict')} {_conflict(field)}" for field in line.conflicts)
    yield summary(plan)
    if any(field.is_drift for line in plan.conflicts for field in line.conflicts):
        yield _LATER


def plan_diff(plan: Plan, *, style: Style, verbosity: int = 1) -> Iterator[str]:
    """Yield the plan as a diff: for each field what each side says, what it will be, and who wins."""
    for line in plan.lines:
        if not line.is_empty or line.drift or verbosity > 1:
            note = f"  ({line.note})" if line.note else ""
            yield f"  {_action(line, style)} {_printable(line.name + note)}"
            for field in line.fields:
                yield from _field_diff(field, line, style)
    yield summary(plan)


def plan_json(plan: Plan, *, is_applied: bool) -> dict[str, Any]:
    """Return the plan as a JSON document. Its keys are a promise to whoever reads it: they are added to, never renamed.

    ``applied`` (whether it was written), ``is_empty`` (whether applying writes anything), ``counts`` by action, and
    ``schedules``: ``action``, ``name``, ``note``, ``is_remembered`` and ``fields``, each with ``field``, the three
    sides ``applied``, ``code`` and ``database``, the ``result``, and ``is_written``, ``is_drift``, ``is_conflict``.
    """
    return {
        "applied": is_applied,
        "is_empty": plan.is_empty,
        "counts": {action.value: count for action, count in plan.counts.items()},
        "schedules": [_line_json(line) for line in plan.lines],
    }


def summary(plan: Plan) -> str:
    """Return one line of counts."""
    counts = ", ".join(f"{count} {action.label}" for action, count in plan.counts.items())
    remembered = sum(line.is_remembered for line in plan.lines if line.action is SyncAction.UNCHANGED)
    more = {"Edited by an admin and kept": len(plan.drift), "Conflicts": len(plan.conflicts), "Remembered": remembered}
    return " ".join([f"Schedules: {counts}.", *(f"{what}: {count}." for what, count in more.items() if count)])


def _line_json(line: PlanLine) -> dict[str, Any]:
    return {
        "action": line.action.value,
        "name": line.name,
        "note": line.note,
        "is_remembered": line.is_remembered,
        "fields": [
            {
                "field": field.field,
                "applied": field.applied,
                "code": field.code,
                "database": field.database,
                "result": field.result,
                "is_written": field.is_written,
                "is_drift": field in line.drift,
                "is_conflict": field.is_conflict,
            }
            for field in line.fields
        ],
    }


def _action(line: PlanLine, style: Style) -> str:
    paint: Callable[[str], str] = getattr(style, _STYLES.get(line.action, _PLAIN))
    return paint(line.action.label.ljust(9))


def _detail(line: PlanLine) -> str:
    parts = [line.note] if line.note else []
    if line.action is SyncAction.CHANGED:
        parts.append(", ".join(field.field for field in line.written))
    return f" ({'; '.join(parts)})" if parts else ""


def _conflict(field: FieldMerge) -> str:
    if field.is_drift:
        return f"{field.field}: stays {_said(field.database)} as an admin set it; code says {_said(field.code)}"
    return f"{field.field}: {_said(field.code)} as code says; an admin had set {_said(field.database)}"


def _field_diff(field: FieldMerge, line: PlanLine, style: Style) -> Iterator[str]:
    if line.action is SyncAction.CREATED:
        yield f"      {style.SUCCESS(f'+ {field.field}: {_said(field.result)}')}"
    elif line.action is SyncAction.DELETED:
        yield f"      {style.ERROR(f'- {field.field}: {_said(field.database)}')}"
    else:
        yield f"      {field.field}: {_verdict(field, line, style)}"
        yield from _sides(field, line, style)


def _sides(field: FieldMerge, line: PlanLine, style: Style) -> Iterator[str]:
    database, result = f"database says  {_said(field.database)}", f"will be        {_said(field.result)}"
    yield f"      {style.ERROR(f'  - {database}') if field.is_written else f'    {database}'}"
    yield f"          code said      {_said(field.applied)}"
    if line.action is not SyncAction.DISABLED:
        yield f"          code says      {_said(field.code)}"
    yield f"      {style.SUCCESS(f'  + {result}') if field.is_written else f'    {result}'}"


def _verdict(field: FieldMerge, line: PlanLine, style: Style) -> str:
    if field.is_conflict:
        winner = "the admin's edit stays" if field.is_drift else "code wins"
        return style.ERROR(f"CONFLICT, both changed it: {winner}")
    if line.action is SyncAction.DISABLED:
        return "because code is gone" if field.is_written else style.WARNING("edited by an admin")
    if field.is_drift:
        return style.WARNING("the admin's edit stays")
    return "code wins" if field.is_written else "code and admin agree"


def _said(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else _printable(str(value))


def _printable(text: str) -> str:
    """What an admin wrote must not become a line of its own in the deploy's log, nor a command to the terminal."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
