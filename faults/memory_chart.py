"""Draws the memory of every process over time as an SVG, a panel for each kind, with what was found beside it."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from benchmarks.bulk.chart import FAINT, INK, STYLE
from faults.growth import BEATS, KINDS, SERVERS, WEB, WORKERS, Growth, Trace

TITLES = {WEB: "Web server", WORKERS: "Workers", BEATS: "Beats", SERVERS: "Servers: the largest process of each"}
ROLES = {"child": "where the work is done", "main": "main process"}
#: Told apart without colours too: the labels are in the order of the lines' ends.
COLOURS = ("#1f6f54", "#d9822b", "#3b6fb6", "#b0413e", "#7a5ea8", "#2a9d9d", "#8a7a2f", "#9aa5ad")
WIDTH, LEFT, PLOT, HEIGHT, ROW, GAP, TOP = 860, 60, 470, 96, 17, 56, 84
#: Between the edges of a panel at least, so that what is flat looks flat.
LEAST_MIB = 12.0
#: Points of a line at most.
POINTS = 240


def chart(growth: Growth, *, about: str, load: str) -> str:
    """Return the SVG; ``about`` and ``load`` are lines under its title."""
    panels = list(_panels(growth))
    height = TOP + sum(GAP + _height(traces) for _, traces in panels) + 12
    y: float = TOP
    drawn: list[str] = []
    for title, traces in panels:
        drawn += _panel(title, traces, y, growth.seconds)
        y += GAP + _height(traces)
    return "\n".join([*_head(height, growth, about, load), *drawn, "</svg>", ""])


def _panels(growth: Growth) -> Iterator[tuple[str, list[Trace]]]:
    """A panel for each role of each kind: a small process beside large ones would make their lines flat."""
    for kind in KINDS:
        mine = [trace for trace in growth.traces if trace.kind == kind]
        roles = sorted({trace.role for trace in mine})
        for role in roles:
            remark = f": {ROLES[role]}" if len(roles) > 1 else ""
            yield f"{TITLES[kind]}{remark}", [trace for trace in mine if trace.role == role]


def _head(height: float, growth: Growth, about: str, load: str) -> Iterator[str]:
    title = f"Resident memory over {growth.seconds / 60:.0f} minutes"
    words = escape(growth.in_words())
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{title}. {words}">'
    )
    yield f'<style>{STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="20" y="26" class="bold" style="font-size:16px">{title}</text>'
    yield f'<text x="20" y="45" class="faint">{escape(about)}</text>'
    yield f'<text x="20" y="62" class="faint">{escape(load)}</text>'
    yield f'<text x="20" y="80">{words}</text>'


def _panel(title: str, traces: Sequence[Trace], top: float, seconds: float) -> Iterator[str]:
    y, height = top + 34, _height(traces)
    least, most = _edges(traces)
    start = min(trace.seconds[0] for trace in traces)
    across, up = PLOT / seconds, height / (most - least)
    yield f'<text x="20" y="{y - 10}" class="bold">{title}</text>'
    yield f'<text x="{LEFT + PLOT + 30}" y="{y - 10}" class="faint">at the end · MiB an hour in the last third</text>'
    yield f'<rect x="{LEFT + PLOT * 2 / 3:.1f}" y="{y}" width="{PLOT / 3:.1f}" height="{height}" fill="#f3f5f6"/>'
    for mib, at in ((most, y), (least, y + height)):
        yield f'<path d="M{LEFT} {at}H{LEFT + PLOT}" stroke="#d5dadd"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 4}" text-anchor="end" class="faint">{mib:.0f} MiB</text>'
    for trace, colour in zip(traces, COLOURS, strict=False):
        points = [(LEFT + (at - start) * across, y + (most - mib) * up) for at, mib in _thinned(trace)]
        steps = " ".join(f"{x:.1f},{v:.1f}" for x, v in points)
        yield f'<polyline points="{steps}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
    yield from _labels(traces, y)
    yield f'<text x="{LEFT}" y="{y + height + 14}" class="faint">0</text>'
    minutes = f"{seconds / 60:.0f} min"
    yield f'<text x="{LEFT + PLOT}" y="{y + height + 14}" text-anchor="end" class="faint">{minutes}</text>'


def _labels(traces: Sequence[Trace], y: float) -> Iterator[str]:
    coloured = sorted(zip(traces, COLOURS, strict=False), key=lambda pair: -pair[0].mib[-1])
    for number, (trace, colour) in enumerate(coloured):
        x, middle = LEFT + PLOT + 30, y + 12 + number * ROW
        yield f'<path d="M{x - 16} {middle - 4}h12" stroke="{colour}" stroke-width="3"/>'
        mark = " ▲" if trace.is_judged and not trace.is_bounded else ""
        words = f"{trace.name}, {trace.role}: {trace.mib[-1]:.1f} MiB · {trace.rise_mib_an_hour:+.1f}{mark}"
        yield f'<text x="{x}" y="{middle}" fill="{INK if trace.is_judged else FAINT}">{escape(words)}</text>'


def _height(traces: Sequence[Trace]) -> float:
    return max(HEIGHT, ROW * len(traces) + 4)


def _edges(traces: Sequence[Trace]) -> tuple[float, float]:
    """Round numbers below and above, with some air."""
    least = min(min(trace.mib) for trace in traces)
    most = max(max(trace.mib) for trace in traces)
    air = max((LEAST_MIB - (most - least)) / 2, 2.0)
    return max(least - air, 0), most + air


def _thinned(trace: Trace) -> list[tuple[float, float]]:
    """The most of each stretch, so that a peak stays to be seen."""
    points = list(zip(trace.seconds, trace.mib, strict=True))
    edges = sorted({round(number * len(points) / POINTS) for number in range(POINTS + 1)})
    return [max(points[first:last], key=lambda point: point[1]) for first, last in pairwise(edges)]
