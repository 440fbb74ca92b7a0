"""What a schedule says, in the code and in the database: the same words on both sides, so that they can be compared.

Both become a flat mapping of JSON values, its *says*: field by field what the merge compares, what
``TimetableEntry.applied`` keeps, and what a plan shows. Timings are told by their canonical text, so that two rows of
one meaning are equal; arguments by their JSON with sorted keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.models import Schedule, TimetableEntry
from styleguide_example.tasks.timing import Cron, Once
from styleguide_example.tasks.timing_rows import TIMING, cron_text, interval_text

Says = Mapping[str, Any]

#: What code never says. An admin may; empty is what code means, so that it is an edit like any other.
UNSAID: Says = {
    "args": "[]",
    "headers": "{}",
    "exchange": None,
    "routing_key": None,
    "start_time": None,
    "expires": None,
    "disabled_reason": "",
    "disabled_until": None,
}
#: Fields that are columns of our own ``Schedule``; ``when`` is several columns, every other one is of ``PeriodicTask``.
POLICIES = ("jitter_seconds", "overlap", "missed_runs", "grace_seconds", "disabled_reason", "disabled_until")
#: What a row says when it has no ``Schedule`` yet.
_POLICY_DEFAULTS: Says = {
    "jitter_seconds": 0,
    "overlap": "allow",
    "missed_runs": "run_once",
    "grace_seconds": None,
    "disabled_reason": "",
    "disabled_until": None,
}
#: What a field was when the last deploy did not know it yet.
_BEFORE_IT_WAS_KNOWN: Says = {"queue": None, **_POLICY_DEFAULTS, **UNSAID}
#: What an entry is that says nothing of itself.
BY_DEFAULT: Says = {"kwargs": "{}", "queue": None, "enabled": True, "expire_seconds": None, **_POLICY_DEFAULTS}
_COLUMNS = (
    *("id", "name", "task", "kwargs", "priority", "queue", "enabled", "expire_seconds", "description"),
    *("args", "headers", "exchange", "routing_key", "start_time", "expires"),
)
_RELATED = (
    *(f"crontab__{name}" for name in Cron.NAMES),
    *("interval__every", "interval__period", "clocked__clocked_time", "solar__event"),
)
_OWNERSHIP = ("timetable_entry__id", "timetable_entry__name", "timetable_entry__applied")
_POLICY_LOOKUPS = {name: f"policies__{name}" for name in POLICIES}
_json_encode = json.JSONEncoder(sort_keys=True).encode
_READ = (
    *(*_COLUMNS, *TIMING, *_RELATED, *_OWNERSHIP),
    *("policies__periodic_task_id", "policies__decided_until", *_POLICY_LOOKUPS.values()),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A schedule in the database. ``values`` are its columns, ``says`` is what they mean."""

    values: Mapping[str, Any]
    says: dict[str, Any]

    @property
    def pk(self) -> int:
        """The key of the ``PeriodicTask``."""
        return int(self.values["id"])

    @property
    def name(self) -> str:
        """The name that admins see."""
        return str(self.values["name"])

    @property
    def entry_name(self) -> str | None:
        """The name in code of the entry that owns it; None for an admin's."""
        name: str | None = self.values["timetable_entry__name"]
        return name

    @property
    def former_names(self) -> list[str]:
        """The names in code that its entry had before."""
        names: list[str] = self.values.get("formerly", [])
        return names

    @property
    def left_as(self) -> str:
        """The name in code of the entry that it was until that left; empty for every other one."""
        name: str = self.values.get("left_as", "")
        return name

    @property
    def task_columns(self) -> dict[str, Any]:
        """The columns of the ``PeriodicTask`` that the sync may write, as they are."""
        return {name: self.values[name] for name in (*_COLUMNS, *TIMING)}

    @property
    def policy_columns(self) -> dict[str, Any]:
        """The columns of the ``Schedule`` that the sync may write, as they are; the defaults where there is none."""
        if self.values["policies__periodic_task_id"] is None:
            return {"periodic_task_id": self.pk, **_POLICY_DEFAULTS}
        return {"periodic_task_id": self.pk, **{name: self.values[at] for name, at in _POLICY_LOOKUPS.items()}}

    @property
    def stored(self) -> Says:
        """What code said when it was last applied, as it is stored."""
        is_owned = self.entry_name is not None
        applied: Says = self.values["timetable_entry__applied" if is_owned else "left_applied"]
        return applied

    @property
    def applied(self) -> dict[str, Any]:
        """What code said when it was last applied. For a field that it did not know then, what the field was then."""
        return {**self.says, **_BEFORE_IT_WAS_KNOWN, **self.stored}


def entry_says(entry: Entry) -> dict[str, Any]:
    """Return what code says of a schedule, without :data:`UNSAID`."""
    priority = entry.task.default_priority if entry.priority is None else entry.priority
    return {
        "name": entry.name,
        "task": entry.task.name,
        "when": str(entry.when),
        "kwargs": _json_encode(dict(entry.kwargs)) if entry.kwargs else "{}",
        "priority": int(priority),
        "queue": entry.queue,
        "enabled": entry.enabled,
        "expire_seconds": entry.expires_seconds,
        "description": entry.description,
        "jitter_seconds": entry.jitter_seconds,
        "overlap": entry.overlap.value,
        "missed_runs": entry.missed_runs.value,
        "grace_seconds": entry.grace_seconds,
    }


def rows_read(rows: QuerySet[PeriodicTask]) -> list[Row]:
    """Read all three sides of these schedules, in three queries. Takes whatever an admin wrote."""
    # As text: a zone that is none any more must not keep all the others from being read.
    read = rows.values(*_READ, crontab_zone=Cast("crontab__timezone", CharField()))
    # Of few rows, and JSON is dear: read apart.
    more: dict[int, dict[str, Any]] = {
        key: {"formerly": names}
        for key, names in TimetableEntry.objects.exclude(formerly=[]).values_list("periodic_task_id", "formerly")
    }
    left = Schedule.objects.exclude(left_as="").values_list("pk", "left_as", "left_applied")
    more |= {key: {"left_as": name, "left_applied": applied} for key, name, applied in left}
    return [_row_parse(values | more.get(values["id"], {})) for values in read]


def _row_parse(values: Mapping[str, Any]) -> Row:
    policies: Says = _POLICY_DEFAULTS
    if values["policies__periodic_task_id"] is not None:
        policies = {name: values[column] for name, column in _POLICY_LOOKUPS.items()}
    says = {
        "name": values["name"],
        "task": values["task"],
        "when": _when_text(values),
        "kwargs": _json_text(values["kwargs"], empty="{}"),
        "priority": values["priority"],
        "queue": values["queue"] or None,
        "enabled": values["enabled"] or _was_ended_by_beat(values),
        "expire_seconds": values["expire_seconds"],
        "description": values["description"],
        **policies,
        "disabled_until": _moment_text(policies["disabled_until"]),
        "args": _json_text(values["args"], empty="[]"),
        "headers": _json_text(values["headers"], empty="{}"),
        "exchange": values["exchange"] or None,
        "routing_key": values["routing_key"] or None,
        "start_time": _moment_text(values["start_time"]),
        "expires": _moment_text(values["expires"]),
    }
    return Row(values, says)


def _when_text(values: Mapping[str, Any]) -> str:
    """Return the text of a row's timing: ``str(when)`` where beat can fire it, and a text of its own where not."""
    if values["clocked_id"] is not None:
        return str(Once(values["clocked__clocked_time"]))
    text = f"solar {values['solar__event']}" if values["solar_id"] is not None else "never"
    if values["crontab_id"] is not None:
        text = cron_text(values, "crontab__", values["crontab_zone"])
    elif values["interval_id"] is not None:
        text = interval_text(values["interval__every"], values["interval__period"])
    return f"{text} (one time)" if values["one_off"] else text


def _was_ended_by_beat(values: Mapping[str, Any]) -> bool:
    """Whether its one moment has come and was decided: then it is disabled by beat, which is nobody's edit."""
    moment, decided_until = values["clocked__clocked_time"], values["policies__decided_until"]
    has_ended = moment is not None and decided_until is not None and decided_until >= moment
    return has_ended and bool((values["timetable_entry__applied"] or {}).get("enabled"))


def _json_text(text: str | None, *, empty: str) -> str:
    """Return the JSON with sorted keys; what is not JSON, as it is."""
    if not text or text == empty:
        return empty
    try:
        return _json_encode(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _moment_text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None
