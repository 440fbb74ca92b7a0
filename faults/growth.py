"""Whether processes grow without end, judged by their resident memory as :mod:`faults.rss` noted it."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, groupby
from pathlib import Path
from statistics import median

from faults.errors import FaultsError
from faults.rss import COLUMNS, Sample

#: Bounded is what rises no faster than this in the last third of the time: of an hour that is one of the blocks in
#: which Python asks for memory (1 MiB: ``ARENA_BITS`` in CPython 3.11, ``Objects/obmalloc.c``); a settled process takes
#: one now and then. A rate, so that a shorter run is not judged more mildly: after minutes most still warm up.
BOUND_MIB_AN_HOUR = 3.0
#: Kinds of processes in the order in which they are shown, by how their names begin.
WEB, WORKERS, BEATS, SERVERS = "web", "worker", "beat", "servers"
KINDS = (WEB, WORKERS, BEATS, SERVERS)
#: What asks the product for e-mails is no part of it.
_LOAD = "feeder"
_LARGEST = "largest"


@dataclass(frozen=True)
class Trace:
    """The memory of one process over time; of a server that of its largest process at each moment."""

    name: str
    role: str
    pid: int
    seconds: tuple[float, ...]
    mib: tuple[float, ...]

    @property
    def kind(self) -> str:
        """One of ``KINDS``."""
        return _kind(self.name)

    @cached_property
    def rise_mib_an_hour(self) -> float:
        """How fast it rises in the last third of the time: the median of the slopes between any two moments of it.

        (Theil and Sen's estimate.) A peak or a single step says nothing, a staircase does.
        """
        begins = self.seconds[0] + (self.seconds[-1] - self.seconds[0]) * 2 / 3
        late = [(seconds, mib) for seconds, mib in zip(self.seconds, self.mib, strict=True) if seconds >= begins]
        slopes = [(mib - before) / (seconds - at) for (at, before), (seconds, mib) in combinations(late, 2)]
        return median(slopes) * 3600

    @property
    def is_judged(self) -> bool:
        """Whether it is a process of the product. Servers are shown, not judged.

        The processes of PostgreSQL share a cache that fills up to its size, and that of Redis keeps what was not read.
        """
        return self.kind != SERVERS

    @property
    def is_bounded(self) -> bool:
        """Whether it rises no faster than what is allowed."""
        return self.rise_mib_an_hour <= BOUND_MIB_AN_HOUR


@dataclass(frozen=True)
class Growth:
    """All processes of a run that lived through it, and how many of the product did not."""

    traces: tuple[Trace, ...]
    ended: int

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return max(trace.seconds[-1] for trace in self.traces) - min(trace.seconds[0] for trace in self.traces)

    @property
    def judged(self) -> tuple[Trace, ...]:
        """The processes of the product."""
        return tuple(trace for trace in self.traces if trace.is_judged)

    @property
    def is_bounded(self) -> bool:
        """Whether no process of the product ended, and none grew faster than what is allowed."""
        return not self.ended and all(trace.is_bounded for trace in self.judged)

    def in_words(self) -> str:
        """Say the fastest rise, and the judgement."""
        fastest = max(self.judged, key=lambda trace: trace.rise_mib_an_hour)
        verdict = "within" if self.is_bounded else "NOT WITHIN"
        ended = f"; {self.ended} processes ended on the way" if self.ended else ""
        return (
            f"{len(self.judged)} processes of the product. In the last third the fastest rise was "
            f"{fastest.rise_mib_an_hour:+.1f} MiB an hour ({fastest.name}, {fastest.role}): {verdict} "
            f"{BOUND_MIB_AN_HOUR:g}{ended}."
        )


def growth_read(path: Path) -> Growth:
    """Return what a CSV file of :func:`faults.rss.rss_noted` says.

    Raises:
        FaultsError: when too little was noted in it to have two halves.
    """
    samples = _samples(path)
    product = [sample for sample in samples if _kind(sample[1][0]) not in {SERVERS, _LOAD}]
    servers = [sample for sample in samples if _kind(sample[1][0]) == SERVERS]
    traces = _traces(product)
    whole = [trace for trace in traces if _is_whole(trace, samples)]
    if not whole:
        raise FaultsError(f"{path} holds too few moments to be judged.")
    shown = sorted([*whole, *_traces(_largest(servers))], key=lambda trace: (KINDS.index(trace.kind), trace.name))
    return Growth(tuple(shown), len(traces) - len(whole))


def _samples(path: Path) -> list[tuple[float, Sample]]:
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0] != COLUMNS[0]]
    return [(float(seconds), (name, role, int(pid), int(kib))) for seconds, name, role, pid, kib in rows]


def _kind(name: str) -> str:
    return next((kind for kind in (*KINDS, _LOAD) if name.startswith(kind)), SERVERS)


def _traces(samples: Iterable[tuple[float, Sample]]) -> list[Trace]:
    points: dict[tuple[str, str, int], list[tuple[float, float]]] = defaultdict(list)
    for seconds, (name, role, pid, kib) in samples:
        points[name, role, pid].append((seconds, kib / 1024))
    return [Trace(*key, *zip(*some, strict=True)) for key, some in points.items()]


def _largest(samples: Iterable[tuple[float, Sample]]) -> Iterable[tuple[float, Sample]]:
    """Its processes come and go, and share memory: their sum would count that many times."""
    for (seconds, name), some in groupby(samples, key=lambda sample: (sample[0], sample[1][0])):
        yield seconds, (name, _LARGEST, 0, max(kib for _, (*_, kib) in some))


def _is_whole(trace: Trace, samples: Sequence[tuple[float, Sample]]) -> bool:
    """Whether it was there from the first tenth of the time to the last moments, at six of them at least."""
    first, last = samples[0][0], samples[-1][0]
    patience = (last - first) / 10
    return len(trace.seconds) >= 6 and trace.seconds[0] <= first + patience and trace.seconds[-1] >= last - patience


def peak_mib(path: Path, kind: str) -> tuple[float, float]:
    """Return what the largest process of a kind had at the first of the noted moments, and the most that one ever had.

    Raises:
        FaultsError: when none of that kind was noted.
    """
    points = [(seconds, kib / 1024) for seconds, (name, _, _, kib) in _samples(path) if name.startswith(kind)]
    if not points:
        raise FaultsError(f"{path} holds no {kind}.")
    began = points[0][0]
    return max(mib for seconds, mib in points if seconds == began), max(mib for _, mib in points)
