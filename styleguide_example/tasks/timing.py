"""When something is due: a crontab line in its time zone, an interval, or one moment. Pure; knows no database.

*The clock change.* A due time is a promise about the clock on the wall, so it is worked out on that clock:

- a time that the clock skips is due at the moment at which it skips it (02:30 on a spring Sunday: at 03:00);
- a time that comes twice is due the first time;
- a line for every hour follows the hours as they pass: it has no time in the hour that is skipped, and two in the one
  that comes twice.

So nothing is lost and nothing is doubled. (Debian's cron does the same; celery's ``crontab`` does not.)

*The grid.* Intervals are counted from 1970 in UTC (or from the schedule's start time), not from the start of a beat:
every beat, after every deploy, comes to the same due times, which is what makes (schedule, due time) a key.

*Both days.* Where a line names days of the month and days of the week, both must match, as in celery. crontab(5) and
crontab.guru take either: https://docs.celeryq.dev/en/stable/reference/celery.schedules.html#celery.schedules.crontab
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import product
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from celery.schedules import ParseException, crontab

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_LONGEST = 36_525 * _DAY
#: A 29 February on a given weekday may be forty years away. Beyond, a line is taken for one that never comes.
_HORIZON_DAYS = 41 * 366
#: What each part of a crontab line may be, for the message about one that may not.
_PARTS = {
    "minute": "a minute (0-59)",
    "hour": "an hour (0-23)",
    "day_of_month": "a day of the month (1-31)",
    "month_of_year": "a month (1-12, jan-dec)",
    "day_of_week": "a day of the week (0-6 from Sunday, sun-sat)",
}
#: As long as the shortest column of ``CrontabSchedule``; each minute by name would be longer, and is ``*``.
_LONGEST_PART = 64
_PART = re.compile(r"[0-9a-z*/,-]+", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Cron:
    """A crontab line, in the order of cron(5), and the time zone in which it is meant.

    Raises:
        ValueError: for a line that celery cannot read, a day that never comes, or an unknown time zone.
    """

    line: str
    time_zone: str = "UTC"
    _fields: tuple[str, ...] = field(init=False, repr=False, compare=False)

    NAMES = tuple(_PARTS)

    def __post_init__(self) -> None:
        parts = tuple(self.line.split())
        if len(parts) != len(self.NAMES):
            raise ValueError(
                "A crontab line has five parts (minute, hour, day of month, month, day of week), "
                f"{self.line!r} has {len(parts)}."
            )
        object.__setattr__(self, "line", " ".join(parts))
        object.__setattr__(self, "_fields", parts)
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{self.time_zone!r} is not a time zone; write one like Europe/Paris.") from None
        for name, part in self.fields.items():
            _check_part(name, part)
        try:
            _ = self._parsed
        except ValueError as error:  # a day that never comes
            raise ValueError(f"{self.line!r} is not a crontab line: {error}") from None

    def __str__(self) -> str:
        return f"cron {self.line} {self.time_zone}"

    @property
    def fields(self) -> dict[str, str]:
        """The line's five parts under the names of ``CrontabSchedule``."""
        return dict(zip(self.NAMES, self._fields, strict=True))

    @property
    def link(self) -> str:
        """The page that explains the line, or nothing where that page would explain it otherwise (*Both days*)."""
        _, _, day_of_month, _, day_of_week = self._fields
        if "*" not in {day_of_month[0], day_of_week[0]}:
            return ""
        return f"https://crontab.guru/#{quote('_'.join(self._fields), safe='*/,-')}"

    @cached_property
    def _parsed(self) -> Any:  # a crontab, whose stub does not know the sets that it parses into
        return _line_parse(self._fields)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def due_after(self, moment: datetime) -> datetime | None:
        """Return the first due time after ``moment``, in UTC; None when there is none within forty years."""
        if len(self._parsed.hour) == 24:
            return self._due_by_the_hour(moment)
        # What the clock shows now it has passed or skipped; what it has not shown yet may still have passed, before the
        # clock was put back.
        shown = moment.astimezone(self._zone).replace(tzinfo=None)
        for day in self._days(shown.date()):
            first_hour = shown.hour if day == shown.date() else 0
            hours = sorted(hour for hour in self._parsed.hour if hour >= first_hour)
            for hour, minute in product(hours, sorted(self._parsed.minute)):
                wall = _midnight(day) + timedelta(hours=hour, minutes=minute)
                if wall > shown and (due := self._first_passage(wall)) > moment:
                    return due
        return None

    def _due_by_the_hour(self, moment: datetime) -> datetime | None:
        """Walk the hours as they pass."""
        due = moment.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
        last = due + timedelta(days=_HORIZON_DAYS)
        while due < last:
            local = due.astimezone(self._zone)
            if not self._is_day(local.date()):
                day = next(self._days(local.date() + _DAY), None)
                if day is None:
                    return None
                # The clock may be put back from this day into the one before: only then is it near.
                due = self._next(due, due + _DAY, to=self._first_passage(_midnight(day)))
            elif local.minute in self._parsed.minute:
                return due
            else:
                minute = min((minute for minute in self._parsed.minute if minute > local.minute), default=60)
                due = self._next(due, due + (minute - local.minute) * _MINUTE)
        return None

    def _next(self, due: datetime, later: datetime, *, to: datetime | None = None) -> datetime:
        """Return ``to`` or ``later``; a minute on, where the clock changes until ``later``."""
        is_same = later.astimezone(self._zone).utcoffset() == due.astimezone(self._zone).utcoffset()
        target = to or later
        return target if is_same and target > due else due + _MINUTE

    def _days(self, first: date) -> Iterator[date]:
        day = first
        for _ in range(_HORIZON_DAYS):
            if self._is_day(day):
                yield day
            day += _DAY

    def _is_day(self, day: date) -> bool:
        parsed = self._parsed
        return (
            day.month in parsed.month_of_year
            and day.day in parsed.day_of_month
            and day.isoweekday() % 7 in parsed.day_of_week
        )

    def _first_passage(self, wall: datetime) -> datetime:
        """Return when the clock on the wall first shows ``wall``, or skips it."""
        due = wall.replace(tzinfo=self._zone).astimezone(UTC)
        if due.astimezone(self._zone).replace(tzinfo=None) == wall:
            return due
        # Skipped: by the offset after the jump `wall` lies before it, by the one before the jump it lies after it.
        before, after = wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC), due
        old = before.astimezone(self._zone).utcoffset()
        while after - before > _SECOND:
            middle = before + (after - before) / 2
            before, after = (middle, after) if middle.astimezone(self._zone).utcoffset() == old else (before, middle)
        return after.replace(microsecond=0)


@dataclass(frozen=True)
class Every:
    """An interval in whole seconds: for what must run more often than cron's minute. Counted on *The grid*."""

    interval: timedelta
    anchor: datetime = EPOCH

    def __post_init__(self) -> None:
        if not _SECOND <= self.interval <= _LONGEST or self.interval % _SECOND:
            raise ValueError(f"An interval is whole seconds, from one second to a hundred years, not {self.interval}.")

    def __str__(self) -> str:
        return f"every {self.seconds} second{'' if self.seconds == 1 else 's'}"

    @property
    def seconds(self) -> int:
        """The interval in whole seconds."""
        return int(self.interval.total_seconds())

    def due_after(self, moment: datetime) -> datetime:
        """Return the first due time after ``moment``, in UTC."""
        passed = (moment - self.anchor) // self.interval
        return (self.anchor + (passed + 1) * self.interval).astimezone(UTC)


@dataclass(frozen=True)
class Once:
    """One moment, and never again."""

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"{self.at} has no time zone; write datetime(..., tzinfo=ZoneInfo('Europe/Paris')).")

    def __str__(self) -> str:
        return f"once at {self.at.astimezone(UTC).isoformat()}"

    def due_after(self, moment: datetime) -> datetime | None:
        """Return the one due time, in UTC, or None when it has passed."""
        return self.at.astimezone(UTC) if self.at > moment else None


When = Cron | Every | Once


def due_latest(when: When, moment: datetime, *, after: datetime) -> datetime | None:
    """Return the last due time in (``after``, ``moment``], or None. By halves: a year is as quick as an hour."""
    latest = when.due_after(after)
    if latest is None or latest > moment:
        return None
    high = moment
    while high - latest >= _SECOND:  # due times are a second apart at least
        middle = latest + (high - latest) / 2
        due = when.due_after(middle)
        if due is not None and due <= moment:
            latest = due
        else:
            high = middle
    return latest


def due_times(when: When, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the due times in (``after``, ``until``], first to last."""
    due = when.due_after(after)
    while due is not None and due <= until:
        yield due
        due = when.due_after(due)


def _check_part(name: str, part: str) -> None:
    if len(part) > _LONGEST_PART or not _PART.fullmatch(part) or not _is_readable(name, part):
        raise ValueError(
            f"{part!r} is not {_PARTS[name]}. Lists (1,15), ranges (9-17), steps (*/10) and * may stand there too."
        )


# Thousands of schedules share some lines and parts, and beat reads them all when it begins to lead.
@lru_cache(maxsize=2048)
def _line_parse(fields: tuple[str, ...]) -> crontab:
    return crontab(**dict(zip(_PARTS, fields, strict=True)))


@lru_cache(maxsize=2048)
def _is_readable(name: str, part: str) -> bool:
    try:
        crontab(**{name: part})
    except (ParseException, ValueError, KeyError, IndexError):
        return False
    return True


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001  on the wall
