from datetime import UTC, datetime, timedelta

import pytest

from styleguide_example.tasks.timing import Cron, Every, Once, When
from styleguide_example.tasks.words import (
    cron_in_words,
    cron_warnings,
    distance_in_words,
    duration_in_words,
    when_in_words,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class TestWhenInWords:
    @pytest.mark.parametrize(
        ("when", "words"),
        [
            (Cron("30 3 * * *", "Europe/Paris"), "At 03:30 every day (Europe/Paris)"),
            (Cron("15 * * * *"), "At 15 minutes past the hour (UTC)"),
            (Cron("0 9 * * mon-fri"), "At 09:00, Monday through Friday (UTC)"),
            (Every(timedelta(seconds=1)), "Every second"),
            (Every(timedelta(seconds=10)), "Every 10 seconds"),
            (Every(timedelta(minutes=90)), "Every 90 minutes"),
            (Every(timedelta(hours=1)), "Every hour"),
            (Every(timedelta(days=2)), "Every 2 days"),
            (Once(NOON), "Once, on Fri 20 Nov 2026, 12:00 UTC"),
        ],
    )
    def test_says_it_the_way_a_person_does(self, when: When, words: str) -> None:
        assert when_in_words(when) == words

    def test_says_that_both_days_must_match(self) -> None:
        assert cron_in_words(Cron("0 0 13 * fri")) == "At 00:00, on day 13 of the month, only on Friday"


class TestCronWarnings:
    @pytest.mark.parametrize("line", ["30 3 * * *", "0 * * * *", "0 0 1 * *", "0 0 * * mon", "0 0 */2 * mon"])
    def test_are_none_for_what_is_usual(self, line: str) -> None:
        assert cron_warnings(Cron(line)) == []

    @pytest.mark.parametrize("line", ["* * * * *", "* 3 * * *", "*/1 3 * * *", "0-59 * * * *"])
    def test_ask_whether_every_minute_was_meant(self, line: str) -> None:
        (warning,) = cron_warnings(Cron(line))
        assert "every minute" in warning

    def test_tell_that_both_days_must_match(self) -> None:
        (warning,) = cron_warnings(Cron("0 0 13 * fri"))
        assert "days that are both" in warning


class TestDurationInWords:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0.04, "under 0.1 s"),
            (1.24, "1.2 s"),
            (12.4, "12 s"),
            (60, "1 min"),
            (200, "3 min 20 s"),
            (7500, "2 h 5 min"),
            (90_000, "1 d 1 h"),
        ],
    )
    def test_names_the_two_units_that_matter(self, seconds: float, words: str) -> None:
        assert duration_in_words(timedelta(seconds=seconds)) == words


class TestDistanceInWords:
    @pytest.mark.parametrize(
        ("away", "words"), [(0, "now"), (90, "in 1 min 30 s"), (-3600, "1 h ago"), (172_800, "in 2 d")]
    )
    def test_knows_before_and_after(self, away: int, words: str) -> None:
        assert distance_in_words(NOON + timedelta(seconds=away), now=NOON) == words
