"""A series as bars: what was sent grows upwards, what failed and was retried downwards, each on a scale of its own.

Numbers for SVG alone, without colours and words: a few failures among thousands that were sent are seen as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from styleguide_example.operations.outcomes import Bucket, Series

WIDTH = 600
#: Where the upper bars stand, and from where the lower ones hang.
FLOOR, CEILING, HEIGHT = 90, 94, 130
#: What is there at all is seen.
_SEEN = 1.5
_GAP = 0.2


@dataclass(frozen=True)
class Rect:
    """One part of a bar. ``what`` is what it counts."""

    what: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Bar:
    """A bucket and its parts, of which none is empty; with the whole width of its column for the pointer."""

    bucket: Bucket
    column: Rect
    parts: list[Rect]


@dataclass(frozen=True)
class Chart:
    """A series, its bars, and what the longest of them stand for."""

    series: Series
    bars: list[Bar]
    sent_max: int
    trouble_max: int

    @property
    def totals(self) -> dict[str, str]:
        """How many were sent, failed and retried in all of it, as a person reads large numbers."""
        return {name: f"{count:,}" for name, count in self.series.totals.items()}

    @property
    def highest(self) -> str:
        """What the longest bars stand for."""
        trouble = f", {self.trouble_max:,} failed or retried" if self.trouble_max else ""
        return f"{self.sent_max:,} sent in one {self.series.grain}{trouble}"

    @property
    def marks(self) -> list[Bucket]:
        """The buckets whose time is written below: the first, the middle, the last."""
        buckets = self.series.buckets
        return [buckets[0], buckets[len(buckets) // 2], buckets[-1]]

    @property
    def newest_first(self) -> list[Bucket]:
        """For the table."""
        return self.series.buckets[::-1]


def chart_make(series: Series) -> Chart:
    """Return ``series`` as a chart. Pure."""
    sent_max = max(bucket.sent for bucket in series.buckets)
    trouble_max = max(bucket.failed + bucket.retried for bucket in series.buckets)
    step = WIDTH / len(series.buckets)
    bars = [
        Bar(
            bucket=bucket,
            column=_rect("column", number, step, 0, HEIGHT),
            parts=list(_parts(bucket, number, step, sent_max, trouble_max)),
        )
        for number, bucket in enumerate(series.buckets)
    ]
    return Chart(series=series, bars=bars, sent_max=sent_max, trouble_max=trouble_max)


def _parts(bucket: Bucket, number: int, step: float, sent_max: int, trouble_max: int) -> Iterator[Rect]:
    if bucket.sent:
        height = _height(bucket.sent, sent_max, FLOOR)
        yield _rect("sent", number, step, FLOOR - height, height)
    y: float = CEILING
    for what, count in (("failed", bucket.failed), ("retried", bucket.retried)):
        if count:
            height = _height(count, trouble_max, HEIGHT - CEILING)
            yield _rect(what, number, step, y, height)
            y += height


def _height(count: int, highest: int, room: float) -> float:
    return max(room * count / highest, _SEEN)


def _rect(what: str, number: int, step: float, y: float, height: float) -> Rect:
    gap = 0 if what == "column" else step * _GAP
    return Rect(
        what=what,
        x=f"{number * step + gap / 2:.2f}",
        y=f"{y:.2f}",
        width=f"{step - gap:.2f}",
        height=f"{height:.2f}",
    )
