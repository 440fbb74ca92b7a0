"""What is kept of a run that watched memory: a picture for people, and the figures for programs."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from faults import scorecard
from faults.edges import Count
from faults.growth import BOUND_MIB_AN_HOUR, Growth, Trace
from faults.memory_chart import chart
from faults.processes import ROOT

PICTURE = ROOT / "docs" / "reliability" / "memory.svg"


@dataclass(frozen=True)
class Report:
    """A run as far as it came; ``count`` is None until everything was counted at its end."""

    growth: Growth
    profile: str
    load: str
    count: Count | None = None

    def write(self, picture: Path) -> None:
        """Write the SVG, and the JSON beside it."""
        card = scorecard.circumstances()
        about = f"{self.profile}, {card['date']}, {card['machine']}"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(chart(self.growth, about=about, load=f"Load: {self.load}"))
        figures = card | self._figures()
        picture.with_suffix(".json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")

    def _figures(self) -> dict[str, Any]:
        return {
            "profile": self.profile,
            "load": self.load,
            "minutes": round(self.growth.seconds / 60, 1),
            "bound_mib_an_hour": BOUND_MIB_AN_HOUR,
            "is_bounded": self.growth.is_bounded,
            "ended_on_the_way": self.growth.ended,
            "asked": None if self.count is None else self.count.asked,
            "lost": None if self.count is None else self.count.lost,
            "processes": [_process(trace) for trace in self.growth.traces],
        }


def _process(trace: Trace) -> dict[str, Any]:
    return {
        "name": trace.name,
        "role": trace.role,
        "is_judged": trace.is_judged,
        "is_bounded": trace.is_bounded if trace.is_judged else None,
        "rise_mib_an_hour": round(trace.rise_mib_an_hour, 2),
        "first_mib": round(trace.mib[0], 1),
        "last_mib": round(trace.mib[-1], 1),
        "most_mib": round(max(trace.mib), 1),
        "mib_each_minute": _each_minute(trace),
    }


def _each_minute(trace: Trace) -> list[float]:
    """The median of each minute."""
    minutes: dict[int, list[float]] = {}
    for seconds, mib in zip(trace.seconds, trace.mib, strict=True):
        minutes.setdefault(int(seconds // 60), []).append(mib)
    return [round(median(some), 1) for some in minutes.values()]
