"""Bars, before anybody paints them."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from styleguide_example.operations.ages import ages_make
from styleguide_example.operations.charts import CEILING, FLOOR, HEIGHT, Chart, chart_make
from styleguide_example.operations.counts import Grain
from styleguide_example.operations.outcomes import Bucket, Series
from styleguide_example.operations.standings import Line

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def _chart(*counts: tuple[int, int, int]) -> Chart:
    step = timedelta(hours=1)
    starts = [NOON + step * number for number in range(len(counts))]
    buckets = [Bucket(start, start + step, *each, is_open=False) for start, each in zip(starts, counts, strict=True)]
    return chart_make(Series(Grain.HOUR, buckets))


class TestChartMake:
    def test_lets_the_highest_reach_the_top_and_the_worst_the_bottom(self) -> None:
        first, second = _chart((1000, 0, 2), (500, 1, 1)).bars
        (sent, retried) = first.parts
        assert (sent.y, sent.height) == ("0.00", f"{FLOOR}.00")
        assert (retried.what, retried.y) == ("retried", f"{CEILING}.00")
        assert [part.what for part in second.parts] == ["sent", "failed", "retried"]
        assert float(second.parts[2].y) + float(second.parts[2].height) == HEIGHT

    def test_shows_one_among_a_million(self) -> None:
        sent = _chart((1_000_000, 0, 0), (1, 0, 0)).bars[1].parts[0]
        assert float(sent.height) > 1

    def test_draws_nothing_where_nothing_was(self) -> None:
        chart = _chart((0, 0, 0), (0, 0, 0))
        assert [bar.parts for bar in chart.bars] == [[], []]
        assert chart.highest == "0 sent in one hour"

    def test_says_large_numbers_as_people_read_them(self) -> None:
        chart = _chart((1_204_331, 4, 1))
        assert chart.totals == {"sent": "1,204,331", "failed": "4", "retried": "1"}
        assert chart.highest == "1,204,331 sent in one hour, 5 failed or retried"


class TestAgesMake:
    @pytest.mark.parametrize(
        ("seconds", "width", "limit_x"), [(0, "0.0", "50.0"), (60, "50.0", "50.0"), (240, "100.0", "25.0")]
    )
    def test_has_the_limit_in_the_middle_until_something_is_much_older(
        self, settings: Settings, seconds: float, width: str, limit_x: str
    ) -> None:
        settings.OPERATIONS_DUE_TOO_OLD_SECONDS = 60
        (age,) = ages_make([Line("5 normal", 2100, seconds)])
        assert (age.width, age.limit_x, age.count) == (width, limit_x, "2,100")
