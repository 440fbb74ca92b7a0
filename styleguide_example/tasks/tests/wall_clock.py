"""When a crontab line is due, found by looking at the clock on the wall every minute. Slow, and knows no celery."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
#: Looking starts so much earlier, to know which times were shown before.
_RUN_UP = timedelta(days=1)
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def moment(text: str) -> datetime:
    """Return the moment of ``2026-03-29 03:00+02:00``: what the wall shows, and how far that is from UTC."""
    return datetime.fromisoformat(text)


class WallClock:
    """What the clock of a time zone shows in every minute of (``after``, ``until``]."""

    def __init__(self, time_zone: str, *, after: datetime, until: datetime) -> None:
        self._after = after
        zone = ZoneInfo(time_zone)
        minutes = _minutes(after - _RUN_UP, until)
        self._walls = [(minute, minute.astimezone(zone).replace(tzinfo=None)) for minute in minutes]
        self._news = list(_news(self._walls))

    def due(self, line: str) -> list[datetime]:
        """Return the due times of a crontab line, first to last, by the rules of ``timing``'s docstring."""
        is_due = _matcher(line)
        if _values(line.split()[1], *_RANGES[1]) == set(range(24)):
            due = [minute for minute, wall in self._walls if is_due(wall)]
        else:
            due = [minute for minute, news in self._news if any(is_due(wall) for wall in news)]
        return [minute for minute in due if minute > self._after]


@cache
def clock_changes(time_zone: str, *, year: int) -> list[datetime]:
    """Return the hours of a year, in UTC, after which another offset holds."""
    first = datetime(year, 1, 1, tzinfo=UTC)
    hours = [first + timedelta(hours=hour) for hour in range(365 * 24)]
    zone = ZoneInfo(time_zone)
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hours[index] for index in range(len(hours) - 1) if offsets[index] != offsets[index + 1]]


def _minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    minute = after.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
    while minute <= until:
        yield minute
        minute += MINUTE


def _news(walls: list[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, list[datetime]]]:
    """Yield for each minute the times that the wall has now shown or skipped: none where an hour comes again."""
    latest = walls[0][1] - MINUTE
    for minute, wall in walls:
        yield minute, [latest + number * MINUTE for number in range(1, (wall - latest) // MINUTE + 1)]
        latest = max(latest, wall)


def _matcher(line: str) -> Callable[[datetime], bool]:
    minutes, hours, days, months, weekdays = (
        _values(field, *limits) for field, limits in zip(line.split(), _RANGES, strict=True)
    )
    return lambda wall: (
        wall.minute in minutes
        and wall.hour in hours
        and wall.day in days
        and wall.month in months
        and wall.isoweekday() % 7 in weekdays
    )


def _values(field: str, lowest: int, highest: int) -> set[int]:
    """Numbers, ``*``, ``a-b``, each with ``/step``, and lists of these."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{lowest}-{highest}" if span == "*" else span).partition("-")
        values |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return values
