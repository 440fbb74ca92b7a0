"""Draws the medians of a run as an SVG: bars by latency, with the least and the most of the rounds."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

#: Latency, title, remark.
PANELS = (
    (0, "A server that answers at once", "a C program that only talks, over 64 connections: {limit_c}"),
    (50, "50 ms for each message", ""),
    ("relay", "A relay", "100 ms for a connection, 20 ms for a command, 50 ms for a message"),
)
#: Not drawn: ours twice, and a bar beside which all others vanish.
LEFT_OUT = {("ours_million", 0), ("limit_c", 0)}
WIDTH, LABELS, BARS, ROW, GAP, TOP = 860, 400, 330, 22, 46, 64
OURS, PEER, LIMIT, INK, FAINT = "#1f6f54", "#9aa5ad", "#d9b44a", "#22282c", "#6b757c"
STYLE = (
    f"text{{font-family:system-ui,sans-serif;font-size:12px;fill:{INK}}}.faint{{fill:{FAINT}}}.bold{{font-weight:600}}"
)


def chart(report: dict[str, Any]) -> str:
    """Return the SVG of a report as :func:`benchmarks.bulk.report.as_json` makes it."""
    panels = [(title, _remark(report, remark), _cells(report, latency)) for latency, title, remark in PANELS]
    panels = [panel for panel in panels if panel[-1]]
    height = TOP + sum(GAP + ROW * len(cells) for *_, cells in panels) + 10
    return "\n".join([*_head(height, report), *_panels(panels), "</svg>", ""])


def _head(height: int, report: dict[str, Any]) -> Iterator[str]:
    about = report["about"]
    title = "E-mails per second, end to end"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{title}">'
    )
    yield f'<style>{STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="20" y="28" class="bold" style="font-size:16px">{title}</text>'
    rounds = f"{about['rounds']} rounds in alternating order: median, least and most"
    note = f"4 KB each, {about['cpus']} CPUs for everything, {rounds}"
    yield f'<text x="20" y="48" class="faint">{escape(note)}</text>'


def _panels(panels: Sequence[tuple[str, str, Sequence[dict[str, Any]]]]) -> Iterator[str]:
    y = TOP
    for title, remark, cells in panels:
        words = f'<tspan class="bold">{title}</tspan><tspan class="faint" dx="8">{remark}</tspan>'
        yield f'<text x="20" y="{y + 22}">{words}</text>'
        most = max(max(cell["emails_per_s_of_rounds"]) for cell in cells)
        y += GAP - 14
        for cell in cells:
            yield from _bar(cell, y, BARS / most)
            y += ROW
        y += 14


def _bar(cell: dict[str, Any], y: float, scale: float) -> Iterator[str]:
    rates = cell["emails_per_s_of_rounds"]
    is_ours, is_limit = cell["who"].startswith("ours"), cell["who"].startswith("limit")
    colour = OURS if is_ours else LIMIT if is_limit else PEER
    weight = " bold" if is_ours else ""
    middle = y + ROW / 2
    connections = f"{cell['connections']} connection" + "s" * (cell["connections"] != 1)
    yield (
        f'<text x="{LABELS - 8}" y="{middle + 4}" text-anchor="end" class="{weight.strip()}">{escape(cell["title"])}'
        f'<tspan class="faint"> · {connections}</tspan></text>'
    )
    yield (
        f'<rect x="{LABELS}" y="{y + 3}" width="{max(cell["emails_per_s"] * scale, 1):.1f}" height="{ROW - 7}" '
        f'rx="2" fill="{colour}"/>'
    )
    least, most = (LABELS + value * scale for value in (min(rates), max(rates)))
    yield f'<path d="M{least:.1f} {middle - 0.5}H{most:.1f}" stroke="{INK}" stroke-width="1.2"/>'
    yield f'<text x="{most + 8:.1f}" y="{middle + 4}" class="{weight.strip()}">{cell["emails_per_s"]:,.0f}</text>'


def _remark(report: dict[str, Any], remark: str) -> str:
    rates = [cell["emails_per_s"] for cell in report["cells"] if (cell["who"], cell["latency_ms"]) == ("limit_c", 0)]
    if "{limit_c}" in remark and not rates:
        return ""
    return remark.format(limit_c=f"{max(rates, default=0):,.0f}")


def _cells(report: dict[str, Any], latency: Any) -> list[dict[str, Any]]:
    drawn = [cell for cell in report["cells"] if (cell["who"], cell["latency_ms"]) not in LEFT_OUT]
    cells = [cell for cell in drawn if cell["latency_ms"] == latency]
    return sorted(cells, key=lambda cell: -cell["emails_per_s"])
