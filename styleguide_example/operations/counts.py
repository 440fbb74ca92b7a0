"""How many e-mails were sent and failed, and how many attempts were retried, in each minute, hour or day.

*Cheap.* Of a million rows a day nobody can read thirty days for each look at a page. What is over for a while changes
seldom (a retry moves a row to another time), so each process remembers an hour for a minute and a day for some hours.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.core.cache import caches
from django.db.models import CharField, Count, F, Q, QuerySet, Subquery, Value
from django.db.models.functions import TruncDate, TruncHour, TruncMinute

from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email, EmailAttempt

#: Of the settings: a memory of their own, which what other parts remember does not push out.
CACHE = "figures"
#: Rows of days that are over which one look at the page reads, a day's at least: some tenths of a second on PostgreSQL,
#: some seconds on SQLite. The next looks read the others.
ROWS_MAX = 250_000
#: A row's time is that of its transaction's begin: it may be committed, and seen, a little after its minute.
SETTLED_AFTER = timedelta(minutes=2)

#: How many were ``sent`` and ``failed``, and how many attempts were ``retried``: another one followed, or will.
Counts = Counter[str]


class Grain(StrEnum):
    """How long a span is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True)
class Span:
    """A minute, an hour or a day: from ``start`` up to ``end``, without it."""

    start: datetime
    end: datetime


def counts_remembered(spans: Iterable[Span]) -> dict[Span, Counts]:
    """Return what this process remembers of ``spans``. No query."""
    keys = {_key(span): span for span in spans}
    return {keys[key]: counts for key, counts in caches[CACHE].get_many(keys).items()}


def counts_remember(counts: Mapping[Span, Counts], *, now: datetime, seconds: int) -> None:
    """Remember those of ``counts`` that are over, for so long."""
    over = {_key(span): found for span, found in counts.items() if is_settled(span, now=now)}
    caches[CACHE].set_many(over, timeout=seconds)


def is_settled(span: Span, *, now: datetime) -> bool:
    """Whether all that ended in it can be seen by now."""
    return span.end <= now - SETTLED_AFTER


def counts_by_time(
    *, minutes: Sequence[Span], hours: Collection[Sequence[Span]], days: Sequence[Span] = ()
) -> tuple[dict[Span, Counts], datetime | None]:
    """Count these minutes and hours of UTC, and look how many of ``days`` one look can count. One query.

    Hours are given as runs without a gap. The moment is that of the first e-mail too many, in whole minutes: days that
    begin after it have at most ``ROWS_MAX``. None: all of them together have no more.
    """
    by_start = {(Grain.MINUTE, span.end - timedelta(minutes=1)): span for span in minutes}
    by_start |= {(Grain.HOUR, span.end - timedelta(hours=1)): span for run in hours for span in run}
    counts = {span: Counter[str]() for span in by_start.values()}
    reached = None
    queries = [
        *_queries(Grain.MINUTE, TruncMinute("ended_at", tzinfo=UTC), _within(minutes)),
        *_queries(Grain.HOUR, TruncHour("ended_at", tzinfo=UTC), _within_any(hours)),
        *([_first_too_many(days)] if days else []),
    ]
    for grain, start, what, count in queries[0].union(*queries[1:], all=True):
        if grain == Grain.DAY:
            reached = start
        elif span := by_start.get((grain, start)):
            counts[span][what] += count
    return counts, reached


def counts_by_day(runs: Collection[Sequence[Span]], *, zone: ZoneInfo) -> dict[Span, Counts]:
    """Count these days of ``zone``, given as runs of days without a gap. One query."""
    by_date = {span.start.astimezone(zone).date(): span for run in runs for span in run}
    counts = {span: Counter[str]() for span in by_date.values()}
    first, second = _queries(Grain.DAY, TruncDate("ended_at", tzinfo=zone), _within_any(runs))
    for _, day, what, count in first.union(second, all=True):
        if span := by_date.get(day):
            counts[span][what] += count
    return counts


def _within(spans: Sequence[Span]) -> Q:
    return Q(ended_at__gte=spans[0].start, ended_at__lt=spans[-1].end)


def _within_any(runs: Collection[Sequence[Span]]) -> Q:
    return reduce(or_, (_within(run) for run in runs))


def _first_too_many(days: Sequence[Span]) -> QuerySet[Any, Any]:
    """Backwards through the index of ``ended_at`` alone."""
    newest = Email.objects.filter(_within(days)).order_by("-ended_at").values("ended_at")
    rows = Email.objects.filter(ended_at=Subquery(newest[ROWS_MAX : ROWS_MAX + 1]))
    return _grouped(rows, grain=_text(Grain.DAY), start=TruncMinute("ended_at", tzinfo=UTC), what=_text(""))


def _queries(grain: Grain, start: Any, condition: Q) -> tuple[QuerySet[Any, Any], QuerySet[Any, Any]]:
    """E-mails that were sent or failed; and attempts that another one follows: all but a failed one's last."""
    ended = Email.objects.filter(condition, status__in=(EmailStatus.SENT, EmailStatus.FAILED))
    last = Q(email__status=EmailStatus.FAILED, number=F("email__attempts"))
    retried = EmailAttempt.objects.filter(condition).exclude(last)
    return (
        _grouped(ended, grain=_text(grain), start=start, what=F("status")),
        _grouped(retried, grain=_text(grain), start=start, what=_text("retried")),
    )


def _grouped(rows: QuerySet[Any], **columns: Any) -> QuerySet[Any, Any]:
    named = rows.order_by().annotate(**columns).values_list(*columns)
    counted: QuerySet[Any, Any] = named.annotate(count=Count("pk"))
    return counted


def _text(text: str) -> Value:
    return Value(str(text), CharField())


def _key(span: Span) -> str:
    return f"operations:{span.start.timestamp():.0f}-{span.end.timestamp():.0f}"
