"""What a schedule says, in the code and in the database: the same words on both sides, so that they can be compared.

Both become a flat mapping of JSON values, its *says*: field by field what the merge compares, what
``TimetableEntry.applied`` keeps, and what a plan shows. Timings are told by their canonical text, so that two rows of
one meaning are equal; arguments by their JSON with sorted keys.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django.db.models.query import ModelIterable
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.timing import EPOCH, Cron, Every, Once, When

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
#: Columns by which a ``PeriodicTask`` holds its timing.
TIMING = ("crontab_id", "interval_id", "clocked_id", "solar_id", "one_off")
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
_OWNERSHIP = (
    *("timetable_entry__id", "timetable_entry__name", "timetable_entry__formerly", "timetable_entry__applied"),
    *("policies__left_as", "policies__left_applied"),
)
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
        return self.values["timetable_entry__formerly"] or []

    @property
    def left_as(self) -> str:
        """The name in code of the entry that it was until that left; empty for every other one."""
        return self.values["policies__left_as"] or ""

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
        applied: Says = self.values["timetable_entry__applied" if is_owned else "policies__left_applied"]
        return applied

    @property
    def applied(self) -> dict[str, Any]:
        """What code said when it was last applied. For a field that it did not know then, what the field was then."""
        return {**self.says, **_BEFORE_IT_WAS_KNOWN, **self.stored}


def when_read(row: PeriodicTask) -> When:
    """Return the timing of a row, whoever wrote it. Reads its schedule's row: get it :func:`with_timings`.

    Raises:
        ValueError: when there is none, or one that this project's beat does not fire (solar, less than a second).
    """
    if row.crontab is not None:
        return cron_read([getattr(row.crontab, name) for name in Cron.NAMES], str(row.crontab.timezone))
    if row.interval is not None:
        try:
            interval = timedelta(**{row.interval.period: row.interval.every})
        except (OverflowError, TypeError):  # a period that is none
            raise ValueError(f"{row.interval.every} {row.interval.period} is no interval that can be read.") from None
        return Every(interval, anchor=row.start_time or EPOCH)
    if row.clocked is not None:
        return Once(row.clocked.clocked_time)
    if row.solar is not None:
        raise ValueError("This project does not fire solar schedules; choose a crontab line, an interval or a moment.")
    raise ValueError("It has no schedule; choose a crontab line, an interval or a moment.")


def cron_read(parts: Sequence[str], time_zone: str) -> Cron:
    """Return the crontab line of a row's parts, which may have blanks in them.

    Raises:
        ValueError: when one of them is none, or nobody knows the time zone.
    """
    return Cron(" ".join(part.replace(" ", "") for part in parts), time_zone)


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


class _Timed(ModelIterable[PeriodicTask]):
    """Gives crontabs their zone as text: one that is none any more must not keep the others from being read."""

    def __iter__(self) -> Iterator[PeriodicTask]:
        for row in super().__iter__():
            if row.crontab is not None:
                row.crontab.__dict__["timezone"] = row.crontab_zone  # past the field, which would refuse it
            yield row


def with_timings(rows: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
    """Return ``rows`` with all that :func:`when_read` reads, in one query, whatever stands in them."""
    rows = rows.select_related("interval", "crontab", "clocked", "solar").defer("crontab__timezone")
    timed: Any = rows.annotate(crontab_zone=Cast("crontab__timezone", CharField()))
    timed._iterable_class = _Timed
    return timed  # type: ignore[no-any-return]


def rows_read(rows: QuerySet[PeriodicTask]) -> list[Row]:
    """Read all three sides of these schedules, in one query. Takes whatever an admin wrote."""
    # As text: a zone that is none any more must not keep all the others from being read.
    return [_row_parse(values) for values in rows.values(*_READ, crontab_zone=Cast("crontab__timezone", CharField()))]


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


def timings_save(whens: Iterable[When]) -> dict[str, dict[str, Any]]:
    """Return the columns of :data:`TIMING` for each timing, by its text. Creates the schedules' rows that are missing.

    Schedules with the same meaning are one row, shared, as django-celery-beat advises.
    https://django-celery-beat.readthedocs.io/en/latest/#example-creating-interval-based-periodic-task
    """
    by_text = {str(when): when for when in whens}
    crons = {text: when for text, when in by_text.items() if isinstance(when, Cron)}
    everies = {text: when for text, when in by_text.items() if isinstance(when, Every)}
    onces = {text: when for text, when in by_text.items() if isinstance(when, Once)}
    nothing = {**dict.fromkeys(TIMING), "one_off": False}
    return {
        **{text: {**nothing, "crontab_id": pk} for text, pk in _crontabs(crons).items()},
        **{text: {**nothing, "interval_id": pk} for text, pk in _intervals(everies).items()},
        **{text: {**nothing, "clocked_id": pk, "one_off": True} for text, pk in _clockeds(onces).items()},
    }


def _crontabs(wanted: Mapping[str, Cron]) -> dict[str, int]:
    if not wanted:
        return {}
    rows = CrontabSchedule.objects.order_by("-pk").values("pk", *Cron.NAMES, zone=Cast("timezone", CharField()))
    return _saved(
        {_cron_text(row, "", row["zone"]): row["pk"] for row in rows},
        {text: CrontabSchedule(**cron.fields, timezone=cron.time_zone) for text, cron in wanted.items()},
    )


def _intervals(wanted: Mapping[str, Every]) -> dict[str, int]:
    if not wanted:
        return {}
    rows = IntervalSchedule.objects.filter(period=IntervalSchedule.SECONDS).order_by("-pk").values("pk", "every")
    return _saved(
        {_interval_text(row["every"], IntervalSchedule.SECONDS): row["pk"] for row in rows},
        {
            text: IntervalSchedule(every=every.seconds, period=IntervalSchedule.SECONDS)
            for text, every in wanted.items()
        },
    )


def _clockeds(wanted: Mapping[str, Once]) -> dict[str, int]:
    if not wanted:
        return {}
    rows = ClockedSchedule.objects.order_by("-pk").values("pk", "clocked_time")
    return _saved(
        {str(Once(row["clocked_time"])): row["pk"] for row in rows},
        {text: ClockedSchedule(clocked_time=once.at.astimezone(UTC)) for text, once in wanted.items()},
    )


def _saved(existing: Mapping[str, int], wanted: Mapping[str, Any]) -> dict[str, int]:
    """Return the keys of the wanted rows by text; those that are missing are created, in one statement."""
    missing = {text: row for text, row in wanted.items() if text not in existing}
    if missing:
        model: Any = type(next(iter(missing.values())))
        # In bulk, because the signals of `save()` send beat a notice for each row; the sync sends one for all.
        model.objects.bulk_create(missing.values())
    return {text: missing[text].pk if text in missing else existing[text] for text in wanted}


def _when_text(values: Mapping[str, Any]) -> str:
    """Return the text of a row's timing: ``str(when)`` where beat can fire it, and a text of its own where not."""
    if values["clocked_id"] is not None:
        return str(Once(values["clocked__clocked_time"]))
    text = f"solar {values['solar__event']}" if values["solar_id"] is not None else "never"
    if values["crontab_id"] is not None:
        text = _cron_text(values, "crontab__", values["crontab_zone"])
    elif values["interval_id"] is not None:
        text = _interval_text(values["interval__every"], values["interval__period"])
    return f"{text} (one time)" if values["one_off"] else text


def _cron_text(values: Mapping[str, Any], prefix: str, zone: str) -> str:
    fields = [values[prefix + name].replace(" ", "") for name in Cron.NAMES]
    return f"cron {' '.join(fields)} {zone}"


def _interval_text(every: int, period: str) -> str:
    try:
        return str(Every(timedelta(**{period: every})))
    except (ValueError, OverflowError, TypeError):  # too short, too long, or a period that is none
        return f"every {every} {period}"


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
