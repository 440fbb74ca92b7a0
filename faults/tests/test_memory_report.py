"""What a run that watched memory leaves: a picture, and the figures that it was drawn from."""

import json
from pathlib import Path
from typing import Any

import pytest

from faults.edges import Count
from faults.growth import BOUND_MIB_AN_HOUR, Growth, Trace
from faults.memory_report import Report

SECONDS = tuple(float(second) for second in range(0, 600, 5))


def _trace(name: str, *, mib_an_hour: float) -> Trace:
    return Trace(name, "child", 7, SECONDS, tuple(100 + mib_an_hour * second / 3600 for second in SECONDS))


@pytest.fixture
def figures(tmp_path: Path) -> Any:
    """Of a run with a process that leaks, and a server that fills its cache."""
    growth = Growth((_trace("web", mib_an_hour=6), _trace("postgresql", mib_an_hour=60)), ended=0)
    picture = tmp_path / "new" / "memory.svg"
    Report(growth, "embedded", "a page a second", Count(asked=40, lost=1)).write(picture)
    assert picture.read_text().startswith("<svg")
    return json.loads(picture.with_suffix(".json").read_text())


class TestReport:
    def test_says_what_was_allowed_and_what_was_found(self, figures: Any) -> None:
        assert figures["bound_mib_an_hour"] == BOUND_MIB_AN_HOUR
        assert figures["is_bounded"] is False
        assert (figures["asked"], figures["lost"]) == (40, 1)

    def test_holds_each_process_with_a_figure_for_each_minute(self, figures: Any) -> None:
        web, _ = figures["processes"]
        assert web["rise_mib_an_hour"] == pytest.approx(6)
        assert (web["first_mib"], web["last_mib"]) == (100, 101)
        assert web["mib_each_minute"] == [100, 100.1, 100.2, 100.3, 100.4, 100.5, 100.6, 100.7, 100.8, 100.9]

    def test_judges_no_server(self, figures: Any) -> None:
        web, postgresql = figures["processes"]
        assert web["is_bounded"] is False
        assert postgresql["is_bounded"] is None

    def test_says_of_a_run_under_way_that_nothing_was_counted(self, tmp_path: Path) -> None:
        Report(Growth((_trace("web", mib_an_hour=0),), ended=0), "embedded", "").write(tmp_path / "memory.svg")
        figures = json.loads((tmp_path / "memory.json").read_text())
        assert figures["is_bounded"] is True
        assert figures["asked"] is figures["lost"] is None
