"""What the leading beat has in mind: the schedules as it last read them, and which is due when."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks.models import BEGINS_ANEW, Schedule
from styleguide_example.tasks.runs import Due
from styleguide_example.tasks.snapshot import RawRow, Snapshot, raw_rows_changed, raw_rows_read, snapshot_parse

logger = structlog.get_logger(__name__)

#: Where more schedules changed than these, all are asked for rather than these named.
NAMED_MAX = 500


@dataclass(frozen=True)
class News:
    """What was read: all rows, the keys of those that changed, and what they say where that can be fired."""

    raw: dict[int, RawRow]
    changed: list[int]
    parsed: dict[int, Snapshot]


class Agenda:
    """A heap over snapshots. The database remembers ``decided_until``; here is a copy, good while this beat leads."""

    def __init__(self) -> None:
        self._complaints: set[tuple[int, str]] = set()
        self.forget()

    def forget(self) -> None:
        """Empty it: another beat may have decided since. What was complained of stays known."""
        self._raw: dict[int, RawRow] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._decided: dict[int, datetime] = {}
        self._planned: dict[int, datetime] = {}
        self._heap: list[tuple[datetime, int]] = []  # may hold what is not planned so any more
        self._was_read = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read yet."""
        return not self._was_read

    def read(self) -> "News":
        """Read all schedules, and parse those that changed. One query. Nothing changes until :meth:`take`."""
        raw = raw_rows_read()
        changed = list(raw_rows_changed(self._raw, raw))
        parsed = {key: snapshot for key in changed if (snapshot := self._parse(raw[key])) is not None}
        return News(raw, changed, parsed)

    def take(self, news: "News", decided: Mapping[int, datetime]) -> None:
        """Plan by what was read, and by until when each is decided (:func:`decided_read`)."""
        for key in [*news.changed, *(self._raw.keys() - news.raw.keys())]:
            self._snapshots.pop(key, None)
            self._planned.pop(key, None)
        self._decided |= decided
        for key in decided:
            self._snapshots[key] = news.parsed[key]
            self._plan_or_complain(key)
        self._raw, self._was_read = news.raw, True

    def is_due(self, now: datetime) -> bool:
        """Return whether something is due."""
        next_at = self._next_at()
        return next_at is not None and next_at <= now

    def seconds_until_next(self, now: datetime, *, at_most: float) -> float:
        """Return the time until something is due."""
        next_at = self._next_at()
        return at_most if next_at is None else min(max((next_at - now).total_seconds(), 0.0), at_most)

    def due(self, now: datetime, *, limit: int) -> tuple[list[Due], list[Snapshot]]:
        """Return what is due, and the schedules that shall be enabled again. They stay due until :meth:`decided`."""
        snapshots = [self._snapshots[key] for key in self._due_keys(now, limit)]
        due = [
            (snapshot, snapshot.decide(decided_until=self._decided[snapshot.row.pk], now=now))
            for snapshot in snapshots
            if snapshot.row.enabled
        ]
        return due, [snapshot for snapshot in snapshots if not snapshot.row.enabled]

    def decided(self, due: Iterable[Due], now: datetime) -> None:
        """Note that these are decided until ``now``, as the database does."""
        for snapshot, _ in due:
            key = snapshot.row.pk
            self._decided[key] = snapshot.decided_until(now)
            self._planned.pop(key)
            if not snapshot.row.one_off:  # the database says that it is disabled now
                self._plan(key)

    def _parse(self, raw: RawRow) -> Snapshot | None:
        """Return None for a schedule that cannot be fired, and say so."""
        try:
            return snapshot_parse(raw)
        except (ValueError, OverflowError) as error:
            self._complain(raw[0], raw[1], str(error))
            return None

    def _complain(self, key: int, name: str, error: str) -> None:
        """Say it once: the others go on, and nobody wants to read it every minute."""
        if (key, error) not in self._complaints:
            logger.error("schedule_cannot_be_fired", schedule_id=key, schedule=name, error=error)
        self._complaints.add((key, error))

    def _plan_or_complain(self, key: int) -> None:
        try:
            self._plan(key)
        except OverflowError as error:  # due beyond the year 9999
            self._complain(key, self._snapshots[key].row.name, str(error))

    def _plan(self, key: int) -> None:
        at = self._snapshots[key].fires_at(decided_until=self._decided[key])
        if at is not None:
            self._planned[key] = at
            heapq.heappush(self._heap, (at, key))

    def _next_at(self) -> datetime | None:
        while self._heap and self._planned.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _due_keys(self, now: datetime, limit: int) -> list[int]:
        keys: dict[int, datetime] = {}
        while len(keys) < limit and (at := self._next_at()) is not None and at <= now:
            keys[heapq.heappop(self._heap)[1]] = at
        for key, at in keys.items():
            heapq.heappush(self._heap, (at, key))
        return list(keys)


def decided_read(snapshots: Mapping[int, Snapshot], now: datetime) -> dict[int, datetime]:
    """Return until when each is decided. With a new timing, or enabled again, it begins when that was saved.

    Two queries, and two more that note what is new; call it in a transaction that holds the lease.
    """
    schedules = Schedule.objects.all() if len(snapshots) > NAMED_MAX else Schedule.objects.filter(pk__in=snapshots)
    known = {key: (until, timing) for key, until, timing in schedules.values_list("pk", "decided_until", "decided_for")}
    decided = {
        key: until
        for key, snapshot in snapshots.items()
        if (until := known.get(key, (None, ""))[0]) is not None and known[key][1] == snapshot.decides_for
    }
    news = {key: snapshot for key, snapshot in sorted(snapshots.items()) if key not in decided}
    begun = {
        key: until
        for key, (until, timing) in known.items()
        if until is not None and timing == BEGINS_ANEW and key in news and news[key].row.enabled
    }
    begun |= _begun_at({key: known.get(key, (None, ""))[0] for key in news if key not in begun}, now)
    Schedule.objects.bulk_create(
        [
            Schedule(periodic_task_id=key, decided_until=begun[key], decided_for=snapshot.decides_for)
            for key, snapshot in news.items()
            if key in begun  # else it was deleted since it was read
        ],
        update_conflicts=True,
        unique_fields=["periodic_task"],
        update_fields=["decided_until", "decided_for"],
    )
    # Later than now: a clock was put back.
    return {key: min(until, now) for key, until in (decided | begun).items()}


def _begun_at(decided: Mapping[int, datetime | None], now: datetime) -> dict[int, datetime]:
    """When each was saved, which may be before beat noticed; now, where something was changed without being saved."""
    if not decided:
        return {}
    rows = PeriodicTask.objects.filter(pk__in=decided).values_list("pk", "date_changed", "last_run_at")
    return {key: min(_begun(decided[key], saved, fired, now), now) for key, saved, fired in rows}


def _begun(decided: datetime | None, saved: datetime, fired: datetime | None, now: datetime) -> datetime:
    if decided is None:  # new; or fired until now by django-celery-beat's own scheduler
        return max(saved, fired or saved)
    return saved if saved > decided else now
