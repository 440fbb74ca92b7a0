"""What became of e-mails by the minute, the hour and the day, without a gap, for charts and for figures.

Minutes and hours are those of UTC, so that an hour in which the clocks change is one hour; the first one is a part of
one, so that all together are the last hour and the last day to the second. Days are those of the zone of whoever looks:
they have 23 to 25 hours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from styleguide_example.operations.counts import (
    Counts,
    Grain,
    Span,
    counts_by_day,
    counts_by_time,
    counts_remember,
    counts_remembered,
    is_settled,
)

MINUTES, HOURS, DAYS = 60, 24, 30
#: For so long a process remembers an hour, and a day.
HOUR_KEPT_SECONDS, DAY_KEPT_SECONDS = 60, 6 * 3600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Bucket:
    """A minute, an hour or a day. ``is_open``: it is not over yet. ``is_counted``: the numbers are known by now."""

    start: datetime
    end: datetime
    sent: int
    failed: int
    retried: int
    is_open: bool
    is_counted: bool = True


@dataclass(frozen=True)
class Series:
    """Buckets without a gap, the oldest first; the last one is the present one."""

    grain: Grain
    buckets: list[Bucket]

    @property
    def totals(self) -> Mapping[str, int]:
        """How many were sent, failed and retried in all of it."""
        return {name: sum(getattr(bucket, name) for bucket in self.buckets) for name in ("sent", "failed", "retried")}

    @property
    def is_counted(self) -> bool:
        """Whether all of it is counted."""
        return all(bucket.is_counted for bucket in self.buckets)


def outcomes_read(*, now: datetime, zone: ZoneInfo | None = None) -> list[Series]:
    """Return the last 60 minutes and the last 24 hours; of a ``zone`` its last 30 days as well, today among them.

    One query; two with days. Where days have many rows, it counts some of those that it does not remember, the latest
    first.
    """
    minutes, hours = _spans(now, _MINUTE, MINUTES), _spans(now, _HOUR, HOURS)
    days = _days(now.astimezone(zone).date(), zone) if zone else []
    known = counts_remembered([*hours[1:], *days])
    missing = [day for day in days if day not in known and is_settled(day, now=now)]
    runs = _runs(hour for hour in hours if hour not in known)
    counts, reached = counts_by_time(minutes=minutes, hours=runs, days=missing)
    whole = {hour: counts[hour] for hour in hours[1:] if hour in counts}
    counts_remember(whole, now=now, seconds=HOUR_KEPT_SECONDS)
    known |= counts
    if zone:
        chosen = [day for day in missing if reached is None or day.start > reached] or missing[-1:]
        known |= _count_days([*chosen, *(day for day in days if not is_settled(day, now=now))], now=now, zone=zone)
    found = {Grain.MINUTE: minutes, Grain.HOUR: hours, Grain.DAY: days}
    return [_series(grain, spans, known, now) for grain, spans in found.items() if spans]


def _count_days(days: Sequence[Span], *, now: datetime, zone: ZoneInfo) -> dict[Span, Counts]:
    counts = counts_by_day(_runs(days), zone=zone)
    counts_remember(counts, now=now, seconds=DAY_KEPT_SECONDS)
    return counts


def _spans(now: datetime, step: timedelta, count: int) -> list[Span]:
    """Whole steps of UTC, the present one last, before them what is missing to ``count`` steps up to ``now``."""
    now = now.astimezone(UTC)
    last = now - (now - _EPOCH) % step
    starts = [now - step * count, *(last - step * ago for ago in reversed(range(count)))]
    return [Span(start, end) for start, end in pairwise([*starts, last + step])]


def _days(today: date, zone: ZoneInfo) -> list[Span]:
    dates = [today - _DAY * ago for ago in reversed(range(DAYS))]
    return [Span(_midnight(day, zone), _midnight(day + _DAY, zone)) for day in dates]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _runs(spans: Iterable[Span]) -> list[list[Span]]:
    """The same, in runs without a gap."""
    runs: list[list[Span]] = []
    for span in spans:
        if runs and runs[-1][-1].end == span.start:
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


def _series(grain: Grain, spans: Sequence[Span], counts: Mapping[Span, Counts], now: datetime) -> Series:
    return Series(grain, [_bucket(span, counts.get(span), now) for span in spans])


def _bucket(span: Span, counts: Counts | None, now: datetime) -> Bucket:
    found = Counts() if counts is None else counts
    return Bucket(
        start=span.start,
        end=span.end,
        sent=found["sent"],
        failed=found["failed"],
        retried=found["retried"],
        is_open=now < span.end,
        is_counted=counts is not None,
    )
