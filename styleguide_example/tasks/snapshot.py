"""What beat knows of a schedule, and what is due by it. Reads rows; decides without the database."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from celery import current_app
from django.conf import settings
from django.db.models import CharField
from django.db.models.functions import Cast
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from styleguide_example.tasks.enums import MissedRuns, Overlap, RunState
from styleguide_example.tasks.timing import Cron, When, due_latest, due_times
from styleguide_example.tasks.timing_rows import cron_read, when_read

#: A due time that is late by less is not missed: one beat was taking over from another. Each of them is fired.
TAKEOVER_SECONDS = 30
#: Where more due times than these were missed, nobody wants to know how many.
COUNTED_MAX = 100
_INSTANT = timedelta(microseconds=1)

_OWN = (
    *("id", "name", "task", "enabled", "one_off", "start_time", "expires", "expire_seconds"),
    *("queue", "exchange", "routing_key", "priority", "args", "kwargs", "headers"),
    "date_changed",  # it may have been disabled, and enabled again, between two looks
)
_CRON = tuple(f"crontab__{name}" for name in Cron.NAMES)
_RELATED: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "interval": (IntervalSchedule, ("every", "period")),
    "clocked": (ClockedSchedule, ("clocked_time",)),
    "solar": (SolarSchedule, ("event",)),
}
_POLICIES = ("jitter_seconds", "overlap", "missed_runs", "grace_seconds", "disabled_until")
_COLUMNS = (
    *_OWN,
    *_CRON,
    *(f"{relation}__{name}" for relation, (_, names) in _RELATED.items() for name in names),
    *(f"policies__{name}" for name in _POLICIES),
    "zone",  # of the crontab
)

#: A row of ``_COLUMNS``: two of them are equal when nothing changed that beat must know.
RawRow = tuple[Any, ...]


@dataclass(frozen=True)
class Decision:
    """What becomes of one due time: WAITING (fire it) or MISSED; ``covers`` earlier ones that were missed before it."""

    due_at: datetime
    state: RunState
    covers: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A schedule as it was read. ``timing`` is the text by which a change of its timing is noticed."""

    row: PeriodicTask  # never saved: it only holds what was read
    when: When
    timing: str
    jitter: timedelta
    overlap: Overlap
    missed_runs: MissedRuns
    grace_seconds: int | None
    disabled_until: datetime | None

    @property
    def decides_for(self) -> str:
        """What ``Schedule.decided_for`` has to say for ``decided_until`` to hold."""
        return self.timing if self.row.enabled else ""

    def fires_at(self, *, decided_until: datetime) -> datetime | None:
        """Return when beat has to look at it next; None: never."""
        if not self.row.enabled:
            return self.disabled_until
        start = self.row.start_time
        due = self.when.due_after(max(decided_until, start - _INSTANT) if start else decided_until)
        if due is None or (self.row.expires and due >= self.row.expires):
            return None
        return due + self.jitter

    def decided_until(self, now: datetime) -> datetime:
        """Return up to which due time everything is decided, once :meth:`decide` was heeded."""
        return now - self.jitter

    def decide(self, *, decided_until: datetime, now: datetime) -> list[Decision]:
        """Return what becomes of due times since ``decided_until``: of each recent one, and of the last of the older.

        Older than ``TAKEOVER_SECONDS`` is missed, and made up for as the schedule's policy says.
        """
        decisions = self._decide(*self._window(decided_until, now), now=now)
        return decisions[-1:] if self.row.one_off else decisions

    def _decide(self, since: datetime, until: datetime, *, now: datetime) -> list[Decision]:
        recent = max(since, now - self.jitter - timedelta(seconds=TAKEOVER_SECONDS))
        decisions = [Decision(due, RunState.WAITING) for due in due_times(self.when, after=recent, until=until)]
        latest = due_latest(self.when, min(recent, until), after=since) if since < recent else None
        if latest is None:
            return decisions
        earlier = sum(1 for _ in islice(due_times(self.when, after=since, until=latest - _INSTANT), COUNTED_MAX))
        if not self._is_made_up_for(now - self.jitter - latest):
            return [Decision(latest, RunState.MISSED, earlier), *decisions]
        if decisions:
            return [Decision(decisions[0].due_at, RunState.WAITING, earlier + 1), *decisions[1:]]
        return [Decision(latest, RunState.WAITING, earlier)]

    def _window(self, decided_until: datetime, now: datetime) -> tuple[datetime, datetime]:
        since, until = decided_until, now - self.jitter
        if self.row.start_time:
            since = max(since, self.row.start_time - _INSTANT)
        if self.row.expires:
            until = min(until, self.row.expires - _INSTANT)
        return since, until

    def _is_made_up_for(self, late: timedelta) -> bool:
        if self.missed_runs == MissedRuns.SKIP:
            return False
        return self.grace_seconds is None or late <= timedelta(seconds=self.grace_seconds)


def raw_rows_read() -> dict[int, RawRow]:
    """Return all schedules by key, unparsed: ten thousand are compared in the time in which one hundred are parsed."""
    # As text: a zone that this machine does not know must not keep it from reading the others.
    zone = Cast("crontab__timezone", CharField())
    return {row[0]: row for row in PeriodicTask.objects.values_list(*_COLUMNS[:-1], zone)}


def snapshot_parse(raw: RawRow) -> Snapshot:
    """Return the schedule.

    Raises:
        ValueError: when it cannot be fired as it stands: no timing, an unknown task, or one that may not be scheduled.
    """
    values = dict(zip(_COLUMNS, raw, strict=True))
    row = PeriodicTask(**{name: values[name] for name in _OWN}, **_related(values))
    is_cron = values["crontab__minute"] is not None
    when = cron_read([values[name] for name in _CRON], values["zone"]) if is_cron else when_read(row)
    _check_task(row.task)
    policies = {name: values[f"policies__{name}"] for name in _POLICIES}
    return Snapshot(
        row=row,
        when=when,
        timing=f"{when} from {row.start_time}" if row.start_time else str(when),
        jitter=_jitter(row.pk, policies["jitter_seconds"] or 0),
        overlap=Overlap(policies["overlap"] or Overlap.ALLOW),
        missed_runs=MissedRuns(policies["missed_runs"] or MissedRuns.RUN_ONCE),
        grace_seconds=policies["grace_seconds"],
        disabled_until=policies["disabled_until"],
    )


def _related(values: dict[str, Any]) -> dict[str, Any]:
    return {
        relation: model(**{name: values[f"{relation}__{name}"] for name in names})
        for relation, (model, names) in _RELATED.items()
        if values[f"{relation}__{names[0]}"] is not None
    }


def _check_task(name: str) -> None:
    task = current_app.tasks.get(name)
    if task is None:
        raise ValueError(f"No task is called {name}; deploy the code that has it, or delete the schedule.")
    if not getattr(task, "schedulable", False):
        raise ValueError(f"{name} may not be scheduled; declare it with schedulable=True.")


def _jitter(key: int, window_seconds: int) -> timedelta:
    """The same at each start, and another one in each installation and for each schedule."""
    digest = hashlib.blake2b(f"{settings.APP_BASE_URL} {key}".encode(), digest_size=8).digest()
    return timedelta(seconds=int.from_bytes(digest) % (window_seconds + 1))


def raw_rows_changed(before: dict[int, RawRow], now: dict[int, RawRow]) -> Iterator[int]:
    """Yield the keys of the rows that are new or not as they were."""
    return (key for key, row in now.items() if before.get(key) != row)
