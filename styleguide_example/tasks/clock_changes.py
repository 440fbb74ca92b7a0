"""When the clock of a time zone jumps. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class ClockChange:
    """One jump: when, and what the clock shows before and after it."""

    at: datetime
    before: datetime
    after: datetime

    @property
    def is_forward(self) -> bool:
        """Whether times are skipped; otherwise they come twice."""
        return self.after > self.before

    def __str__(self) -> str:
        direction = "forward" if self.is_forward else "back"
        return (
            f"clocks go {direction} from {self.before:%H:%M} to {self.after:%H:%M} on {self.after.day} {self.after:%b}"
        )


def clock_changes(zone: ZoneInfo, *, after: datetime, until: datetime) -> Iterator[ClockChange]:
    """Yield the changes in (``after``, ``until``], first to last."""
    start = after.astimezone(UTC)
    end = until.astimezone(UTC)
    while start < end:
        stop = min(start + _DAY, end)
        if start.astimezone(zone).utcoffset() != stop.astimezone(zone).utcoffset():
            yield _change_between(zone, start, stop)
        start = stop


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> ClockChange:
    old = before.astimezone(zone).utcoffset() or timedelta(0)
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    at = after.replace(microsecond=0)
    return ClockChange(at=at, before=(at + old).replace(tzinfo=None), after=at.astimezone(zone).replace(tzinfo=None))
