"""The last hour as bars, one lane a worker: where each begins and ends, and in which track. Counts; draws nothing.

*Instants.* All is worked out from moments, never from what a clock shows: an hour has sixty minutes over midnight and
on the night when the clocks change.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from styleguide_example.jobs.amounts import duration_words
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import kind_title
from styleguide_example.jobs.words import DONE, Look, job_look

HOUR = timedelta(hours=1)
_TICK = timedelta(minutes=10)
#: Nearer to the end stands what time it is now.
_TICK_MAX = 90
#: In percent of the hour. What was shorter is drawn so wide that it can be seen, ...
_BAR_MIN = 0.4
#: ... or that its sign stands in it: what did not go well is never said by its colour alone.
_SIGN_MIN = 1.6
#: In pixels.
TRACK_HEIGHT = 20


@dataclass(frozen=True)
class Bar:
    """A job's last attempt, while it was in this hour. ``left`` and ``wide`` are percent of the hour."""

    job: Job
    look: Look
    began_at: datetime
    ended_at: datetime | None
    took: str
    left: float
    wide: float
    track: int

    @property
    def title(self) -> str:
        """What people call its kind."""
        return kind_title(self.job.kind)

    @property
    def x(self) -> str:
        """Where it begins, as SVG wants it."""
        return f"{self.left:.2f}%"

    @property
    def width(self) -> str:
        """How wide it is, as SVG wants it."""
        return f"{self.wide:.2f}%"

    @property
    def middle(self) -> str:
        """Where its sign stands, as SVG wants it."""
        return f"{self.left + self.wide / 2:.2f}%"

    @property
    def y(self) -> int:
        """Where its track begins."""
        return self.track * TRACK_HEIGHT

    @property
    def sign(self) -> str:
        """Its symbol, where there is room for it."""
        return self.look.symbol if self.wide >= _SIGN_MIN else ""


@dataclass(frozen=True)
class Lane:
    """One worker's hour. ``bars`` are in the order in which they are drawn: what did not go well is on top."""

    worker: str
    bars: list[Bar]

    @property
    def height(self) -> int:
        """As high as its tracks: as many as it did at once."""
        return TRACK_HEIGHT * (1 + max(bar.track for bar in self.bars))

    @property
    def counts(self) -> list[tuple[Look, int]]:
        """How many of its bars look how; what is most first."""
        return Counter(bar.look for bar in self.bars).most_common()


@dataclass(frozen=True)
class Gantt:
    """The hour until ``now``. Before ``cut``, which is a place, there was more than is drawn."""

    now: datetime
    ticks: list[tuple[str, datetime]]
    lanes: list[Lane]
    cut: str = ""

    @property
    def bars(self) -> list[Bar]:
        """All of them, those that began last first."""
        return sorted((bar for lane in self.lanes for bar in lane.bars), key=lambda bar: bar.began_at, reverse=True)


def gantt_make(jobs: Iterable[Job], *, now: datetime, complete_from: datetime | None = None) -> Gantt:
    """Return the lanes of jobs that a worker had within the hour before ``now``.

    Args:
        jobs: those that run, and those that ended within the hour and were worked on in it.
        now: the moment by the database's clock, as their times are.
        complete_from: where not all are among ``jobs``, the moment after which they are.
    """
    by_worker: dict[str, list[Job]] = {}
    for job in sorted(jobs, key=_began_at):
        by_worker.setdefault(job.worker, []).append(job)
    return Gantt(
        now=now,
        ticks=_ticks(now),
        lanes=[Lane(worker, _bars(mine, now)) for worker, mine in sorted(by_worker.items())],
        cut="" if complete_from is None else f"{_place(complete_from, now):.2f}%",
    )


def _bars(jobs: Sequence[Job], now: datetime) -> list[Bar]:
    """Each in the first track that is free when it begins."""
    free_from: list[datetime] = []
    bars = []
    for job in jobs:
        began_at, ended_at = _began_at(job), _worked_until(job) or now
        track = next((track for track, at in enumerate(free_from) if at <= began_at), len(free_from))
        free_from[track : track + 1] = [ended_at]
        bars.append(_bar(job, track, now))
    return sorted(bars, key=lambda bar: bar.look is not DONE)


def _bar(job: Job, track: int, now: datetime) -> Bar:
    look, began_at, ended_at = job_look(job), _began_at(job), _worked_until(job)
    until = ended_at or now
    left, right = _place(began_at, now), _place(until, now)
    wide = max(right - left, _BAR_MIN if look is DONE else _SIGN_MIN)
    return Bar(
        job=job,
        look=look,
        began_at=began_at,
        ended_at=ended_at,
        took=duration_words(until - began_at),
        left=min(left, 100 - wide),
        wide=wide,
        track=track,
    )


def _began_at(job: Job) -> Any:
    """Of one that was claimed by a worker of the former release, when it first began."""
    return job.claimed_at or job.started_at


def _worked_until(job: Job) -> datetime | None:
    """When its worker showed last to be alive: it may have waited for long after that, and ended while it waited."""
    return job.finished_at and (job.heartbeat_at or job.finished_at)


def _ticks(now: datetime) -> list[tuple[str, datetime]]:
    """Every ten minutes by the clock."""
    at = now - timedelta(minutes=now.minute % 10, seconds=now.second, microseconds=now.microsecond)
    places = [(_place(at - number * _TICK, now), at - number * _TICK) for number in range(HOUR // _TICK)]
    return [(f"{place:.2f}%", tick) for place, tick in reversed(places) if 0 < place < _TICK_MAX]


def _place(at: datetime, now: datetime) -> float:
    """Return where a moment is in the hour, in percent; what was before it is its beginning."""
    return min(max(100 * (1 - (now - at) / HOUR), 0), 100)
