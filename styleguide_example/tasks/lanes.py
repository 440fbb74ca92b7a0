"""The next 24 hours as lanes: what runs when, what runs at once, and where a clock jumps. Counts; draws nothing.

*Cheap.* Schedules are many, and may be due each second. Short intervals are counted without being walked, a crontab
line has 1,440 due times a day at most, and after ``WALKED_MAX`` of them the page says how many schedules it left off.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from styleguide_example.tasks.clock_changes import ClockChange, clock_changes
from styleguide_example.tasks.selectors import Schedule
from styleguide_example.tasks.timing import Cron, Every, due_times

DAY = timedelta(hours=24)
#: One in twenty minutes: marks that are closer cannot be told apart. A lane with more becomes bars.
MARKS_MAX = 72
#: What runs more often than every ten minutes is always there, and is not counted among what runs at once.
CLASHING_MAX = 144
LANES_MAX = 100
WALKED_MAX = 50_000
CLASHES_SHOWN = 10
NAMES_SHOWN = 4
#: Of a lane with many marks, those that are not further apart are one bar.
_GAP = timedelta(minutes=20)
_BIN_MINUTES = 15
_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Mark:
    """A run, or a bar of many, from ``begin`` to ``end``, both as a share of the day in percent."""

    begin: float
    end: float
    at: datetime
    until: datetime
    count: int = 1

    @property
    def x(self) -> str:
        """Where it begins, as SVG wants it."""
        return f"{self.begin:.2f}%"

    @property
    def width(self) -> str:
        """How wide it is, as SVG wants it."""
        return f"{self.end - self.begin:.2f}%"


@dataclass(frozen=True)
class Lane:
    """One schedule's day, and the clock changes of its own zone."""

    schedule: Schedule
    marks: list[Mark]
    count: int
    #: How many due times were worked out for it.
    walked: int
    changes: list[tuple[str, ClockChange]] = field(default_factory=list)
    #: Each due time; none where they are too many to be counted as clashes.
    due: Sequence[datetime] = ()


@dataclass(frozen=True)
class Clash:
    """A minute in which several schedules are due."""

    at: datetime
    names: list[str]

    @property
    def names_shown(self) -> list[str]:
        """The first few."""
        return self.names[:NAMES_SHOWN]

    @property
    def more(self) -> int:
        """How many names are left off."""
        return max(len(self.names) - NAMES_SHOWN, 0)


@dataclass(frozen=True)
class Day:
    """What the page shows. Hours, changes and clashes are on the viewer's clock."""

    start: datetime
    zone: str
    hours: list[tuple[str, str]]
    changes: list[tuple[str, ClockChange]]
    lanes: list[Lane]
    left_off: int
    density: list[tuple[Mark, str]]
    clashes: list[Clash]


def day_make(schedules: Iterable[Schedule], *, start: datetime, zone: ZoneInfo) -> Day:
    """Return the 24 hours after ``start``: the lanes of the schedules that are due first, and what runs at once."""
    due = [schedule for schedule in schedules if schedule.enabled and schedule.when is not None]
    lanes, not_walked = _lanes(due, start)
    minutes = _names_by_minute(lanes)
    return Day(
        start=start.astimezone(zone),
        zone=zone.key,
        hours=list(_hours(start, zone)),
        changes=_changes(zone, start),
        lanes=lanes[:LANES_MAX],
        left_off=max(len(lanes) - LANES_MAX, 0) + not_walked,
        density=_density(minutes, start),
        clashes=_clashes(minutes, zone),
    )


def _lanes(schedules: Sequence[Schedule], start: datetime) -> tuple[list[Lane], int]:
    """The lanes with something in them, by their first run, and how many schedules were not looked at any more."""
    lanes, walked, looked_at = [], 0, 0
    for schedule in schedules:
        lane = _lane(schedule, start)
        walked += lane.walked
        looked_at += 1
        lanes += [lane] if lane.marks else []
        if walked > WALKED_MAX:
            break
    return sorted(lanes, key=lambda lane: (lane.marks[0].at, lane.schedule.name)), len(schedules) - looked_at


def _lane(schedule: Schedule, start: datetime) -> Lane:
    row, when = schedule.row, schedule.when
    after = max(start, row.start_time - _INSTANT) if row.start_time else start
    until = min(start + DAY, row.expires - _INSTANT) if row.expires else start + DAY
    assert when is not None  # noqa: S101  for the type checker: `day_make` asks only those with a timing
    changes = _changes(ZoneInfo(when.time_zone), start) if isinstance(when, Cron) else []
    if isinstance(when, Every) and (until - after) // when.interval > CLASHING_MAX:
        count = (until - when.anchor) // when.interval - (after - when.anchor) // when.interval
        return Lane(schedule, [_mark(start, when.due_after(after), until, count)], count, 1, changes)
    due = list(due_times(when, after=after, until=until))
    marks = list(_bars(due, start)) if len(due) > MARKS_MAX else [_mark(start, at, at) for at in due]
    return Lane(schedule, marks, len(due), len(due) + 1, changes, due if len(due) <= CLASHING_MAX else ())


def _bars(due: Sequence[datetime], start: datetime) -> Iterator[Mark]:
    first, last, count = due[0], due[0], 0
    for at in due:
        if at - last > _GAP:
            yield _mark(start, first, last, count)
            first, count = at, 0
        last, count = at, count + 1
    yield _mark(start, first, last, count)


def _names_by_minute(lanes: Iterable[Lane]) -> Mapping[datetime, list[str]]:
    names: dict[datetime, list[str]] = defaultdict(list)
    for lane in lanes:
        for at in {due.replace(second=0) for due in lane.due}:
            names[at].append(lane.schedule.name)
    return names


def _density(minutes: Mapping[datetime, list[str]], start: datetime) -> list[tuple[Mark, str]]:
    """How many runs begin in each quarter of an hour by the clock, and how far from the top its bar begins."""
    counts: Counter[datetime] = Counter()
    for at, names in minutes.items():
        counts[at - timedelta(minutes=at.minute % _BIN_MINUTES)] += len(names)
    highest = max(counts.values(), default=1)
    return [
        (
            _mark(start, max(at, start), at + timedelta(minutes=_BIN_MINUTES), count),
            f"{100 - 100 * count / highest:.0f}%",
        )
        for at, count in sorted(counts.items())
    ]


def _clashes(minutes: Mapping[datetime, list[str]], zone: ZoneInfo) -> list[Clash]:
    crowded = [(at, names) for at, names in minutes.items() if len(names) > 1]
    worst = sorted(crowded, key=lambda item: (-len(item[1]), item[0]))[:CLASHES_SHOWN]
    return [Clash(at=at.astimezone(zone), names=sorted(names)) for at, names in worst]


def _hours(start: datetime, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """Where an hour begins on the viewer's clock, and what that shows. An hour that is skipped is not there."""
    at = start.replace(second=0, microsecond=0)
    while at <= start + DAY:
        at += _MINUTE
        local = at.astimezone(zone)
        if local.minute == 0 and start < at < start + DAY:
            yield _position(at, start), f"{local:%H}"
            at += timedelta(minutes=14)  # zones differ by quarters of an hour, and jump by them


def _changes(zone: ZoneInfo, start: datetime) -> list[tuple[str, ClockChange]]:
    return [(_position(change.at, start), change) for change in clock_changes(zone, after=start, until=start + DAY)]


def _mark(start: datetime, at: datetime, until: datetime, count: int = 1) -> Mark:
    return Mark(begin=_percent(at, start), end=_percent(until, start), at=at, until=until, count=count)


def _position(at: datetime, start: datetime) -> str:
    return f"{_percent(at, start):.2f}%"


def _percent(at: datetime, start: datetime) -> float:
    return 100 * ((at - start) / DAY)
