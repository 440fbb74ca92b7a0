"""Whether processes grow without end, judged by their resident memory as :mod:`faults.rss` noted it."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import linear_regression, pstdev

from faults.errors import FaultsError
from faults.rss import COLUMNS, Sample

#: A slower rise is not told from memory that settles: in half an hour it is two of the blocks in which Python asks for
#: memory (CPython 3.11, ``Objects/obmalloc.c``: ``ARENA_BITS``). A rate, so that a short run is not judged more mildly.
NOISE_MIB_AN_HOUR = 4.0
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

    @property
    def rise_mib(self) -> float:
        """By how much a straight line through the second half of the time rises."""
        seconds, mib = self._second_half()
        slope, _ = linear_regression(seconds, mib)
        return slope * (seconds[-1] - seconds[0])

    @property
    def noise_mib(self) -> float:
        """How much of a rise says nothing: two standard deviations about that line, or what settling takes."""
        seconds, mib = self._second_half()
        slope, start = linear_regression(seconds, mib)
        wavering = pstdev(y - start - slope * x for x, y in zip(seconds, mib, strict=True))
        return max(2 * wavering, NOISE_MIB_AN_HOUR * (seconds[-1] - seconds[0]) / 3600)

    @property
    def is_bounded(self) -> bool:
        """Whether what it grew by in the second half is within the noise."""
        return self.rise_mib <= self.noise_mib

    def _second_half(self) -> tuple[Sequence[float], Sequence[float]]:
        middle = (self.seconds[0] + self.seconds[-1]) / 2
        first = next(number for number, seconds in enumerate(self.seconds) if seconds >= middle)
        return self.seconds[first:], self.mib[first:]


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
    def is_bounded(self) -> bool:
        """Whether no process of the product ended, and none grew by more than noise. Servers are shown, not judged.

        The processes of PostgreSQL share a cache that fills up to its size, and that of Redis keeps what was not read.
        """
        return not self.ended and all(trace.is_bounded for trace in self.traces if trace.kind != SERVERS)

    def in_words(self) -> str:
        """Say how long, the largest rise, and the judgement."""
        judged = [trace for trace in self.traces if trace.kind != SERVERS]
        most = max(judged, key=lambda trace: trace.rise_mib)
        verdict = "within the noise in each" if self.is_bounded else "MORE THAN NOISE"
        ended = f"; {self.ended} processes ended on the way" if self.ended else ""
        return (
            f"{self.seconds / 60:.0f} minutes, {len(judged)} processes of the product. In the second half the largest "
            f"rise was {most.rise_mib:+.1f} MiB ({most.name}, {most.role}): {verdict}{ended}."
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
    """Whether it was there from the first tenth of the time to the last moments, at four of them at least."""
    first, last = samples[0][0], samples[-1][0]
    patience = (last - first) / 10
    return len(trace.seconds) >= 4 and trace.seconds[0] <= first + patience and trace.seconds[-1] >= last - patience


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
