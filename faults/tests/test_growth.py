"""Memory over time: which lines are judged, what counts as growth, and what a picture shows of it."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from faults.errors import FaultsError
from faults.growth import Growth, growth_read, peak_mib
from faults.memory_chart import chart
from faults.rss import COLUMNS

MIB = 1024
EVERY = 5
MOMENTS = range(0, 3600, EVERY)
SVG = "{http://www.w3.org/2000/svg}"

Kib = Callable[[int], float]


def _flat(second: int) -> float:
    return 100 * MIB


def _warming_up(second: int) -> float:
    return 100 * MIB + 30 * MIB * min(second / 600, 1)


def _leaking(second: int) -> float:
    return 100 * MIB + 10 * MIB * second / 3600


def _wavering(second: int) -> float:
    return 100 * MIB + (20 * MIB if second // 60 % 2 else 0)


def _one_step(second: int) -> float:
    return 100 * MIB + (MIB if second > 2700 else 0)


def _staircase(second: int) -> float:
    return 100 * MIB + MIB * (second // 300)


@pytest.fixture
def noted(tmp_path: Path) -> Callable[..., Growth]:
    """Notes of an hour, of one process each, and what was read from them."""

    def write(*processes: tuple[str, str, int, Kib], moments: range = MOMENTS) -> Growth:
        path = tmp_path / "rss.csv"
        lines = [",".join(COLUMNS)]
        for second in moments:
            lines += [f"{second},{name},{role},{pid},{kib(second):.0f}" for name, role, pid, kib in processes]
        path.write_text("\n".join(lines) + "\n")
        return growth_read(path)

    return write


class TestGrowthRead:
    @pytest.mark.parametrize("kib", [_flat, _warming_up, _wavering, _one_step])
    def test_finds_what_does_not_go_on_bounded(self, noted: Callable[..., Growth], kib: Kib) -> None:
        assert noted(("worker1", "child", 11, kib)).is_bounded

    def test_finds_a_leak_in_one_of_many(self, noted: Callable[..., Growth]) -> None:
        growth = noted(("web", "main", 1, _flat), ("worker1", "child", 11, _leaking), ("beat1", "main", 12, _flat))
        assert not growth.is_bounded
        assert growth.in_words() == (
            "3 processes of the product. In the last third the fastest rise was +10.0 MiB an hour (worker1, child): "
            "NOT WITHIN 3."
        )

    def test_finds_a_leak_that_comes_in_steps(self, noted: Callable[..., Growth]) -> None:
        growth = noted(("worker1", "child", 11, _staircase))
        assert growth.traces[0].rise_mib_an_hour == pytest.approx(12, rel=0.1)
        assert not growth.is_bounded

    def test_judges_a_short_run_no_more_mildly(self, noted: Callable[..., Growth]) -> None:
        assert not noted(("web", "child", 11, _leaking), moments=range(0, 900, EVERY)).is_bounded

    def test_judges_no_server_and_not_the_load(self, noted: Callable[..., Growth]) -> None:
        growth = noted(("web", "main", 1, _flat), ("postgresql", "child", 2, _leaking), ("feeder", "main", 3, _leaking))
        assert growth.is_bounded
        assert [trace.name for trace in growth.traces] == ["web", "postgresql"]

    def test_takes_the_largest_process_of_a_server(self, noted: Callable[..., Growth]) -> None:
        growth = noted(
            ("web", "main", 1, _flat), ("redis", "main", 2, lambda _: MIB), ("redis", "child", 3, lambda _: 7 * MIB)
        )
        assert growth.traces[-1].mib[0] == 7

    def test_does_not_call_bounded_what_was_replaced_on_the_way(
        self, noted: Callable[..., Growth], tmp_path: Path
    ) -> None:
        noted(("web", "main", 1, _flat), ("worker1", "child", 11, _flat))
        path = tmp_path / "rss.csv"
        lines = path.read_text().splitlines()
        later = [
            line.replace(",child,11,", ",child,12,") if float(line.split(",")[0]) > 2000 else line for line in lines[1:]
        ]
        path.write_text("\n".join([lines[0], *later]))
        growth = growth_read(path)
        assert growth.ended == 2
        assert not growth.is_bounded

    def test_refuses_what_is_too_short_to_have_two_halves(self, noted: Callable[..., Growth]) -> None:
        with pytest.raises(FaultsError, match="too few moments"):
            noted(("web", "main", 1, _flat), moments=range(0, 10, EVERY))


class TestPeakMib:
    def test_is_that_of_the_kind_at_the_beginning_and_ever(self, noted: Callable[..., Growth], tmp_path: Path) -> None:
        noted(
            ("worker1", "main", 1, _flat), ("worker1", "child", 2, _warming_up), ("web", "main", 3, lambda _: 900 * MIB)
        )
        assert peak_mib(tmp_path / "rss.csv", "worker") == (100, 130)

    def test_refuses_a_kind_that_was_not_noted(self, noted: Callable[..., Growth], tmp_path: Path) -> None:
        noted(("web", "main", 1, _flat))
        with pytest.raises(FaultsError, match="no worker"):
            peak_mib(tmp_path / "rss.csv", "worker")


class TestChart:
    def test_draws_each_process_and_says_what_it_rose_by(self, noted: Callable[..., Growth]) -> None:
        growth = noted(("web", "main", 1, _flat), ("worker1", "child", 11, _leaking), ("redis", "main", 2, _flat))
        drawn = ElementTree.fromstring(chart(growth, about="two <workers>", load="a page"))  # noqa: S314  our own
        words = ["".join(text.itertext()) for text in drawn.iter(f"{SVG}text")]
        assert len(list(drawn.iter(f"{SVG}polyline"))) == 3
        assert "Resident memory over 60 minutes" in words
        assert "two <workers>" in words
        assert "web, main: 100.0 MiB · +0.0" in words
        assert "worker1, child: 110.0 MiB · +10.0 ▲" in words

    def test_keeps_every_line_inside_its_panel(self, noted: Callable[..., Growth]) -> None:
        growth = noted(("web", "main", 1, _wavering), ("worker1", "child", 11, _leaking))
        drawn = ElementTree.fromstring(chart(growth, about="", load=""))  # noqa: S314  our own
        panels = [each for each in drawn.iter(f"{SVG}rect") if each.get("x")]
        for panel, line in zip(panels, drawn.iter(f"{SVG}polyline"), strict=True):
            top, height = float(panel.get("y", "")), float(panel.get("height", ""))
            heights = [float(point.partition(",")[2]) for point in line.get("points", "").split()]
            assert top <= min(heights) <= max(heights) <= top + height
