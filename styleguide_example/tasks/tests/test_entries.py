from datetime import timedelta

import pytest

from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.timing import Cron, Every


class TestCron:
    def test_names_its_parts_in_the_order_of_cron(self) -> None:
        assert Cron("30  3 1-7 */2 mon,fri").fields == {
            "minute": "30",
            "hour": "3",
            "day_of_month": "1-7",
            "month_of_year": "*/2",
            "day_of_week": "mon,fri",
        }

    @pytest.mark.parametrize("line", ["", "* * * *", "* * * * * *", "@daily"])
    def test_refuses_a_line_that_has_not_five_parts(self, line: str) -> None:
        with pytest.raises(ValueError, match="five parts"):
            Cron(line)

    @pytest.mark.parametrize(
        ("line", "link"),
        [
            ("30 3 * * *", "https://crontab.guru/#30_3_*_*_*"),
            ("*/5 9-17 * * 1,3", "https://crontab.guru/#*/5_9-17_*_*_1,3"),
            ("  0  0 1 1 *", "https://crontab.guru/#0_0_1_1_*"),
        ],
    )
    def test_links_to_its_explanation(self, line: str, link: str) -> None:
        assert Cron(line).link == link


class TestEvery:
    @pytest.mark.parametrize(
        ("interval", "seconds"), [(timedelta(seconds=10), 10), (timedelta(hours=1), 3600), (timedelta(days=2), 172800)]
    )
    def test_is_told_in_seconds(self, interval: timedelta, seconds: int) -> None:
        assert Every(interval).seconds == seconds

    @pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=500)])
    def test_refuses_less_than_a_second(self, interval: timedelta) -> None:
        with pytest.raises(ValueError, match="at least a second"):
            Every(interval)


class TestEntry:
    def test_is_described_in_words_and_with_a_link(self) -> None:
        entry = Entry(name="x", task=email_sweep, when=Cron("30 3 * * *"), in_words="At 03:30 UTC")
        assert entry.description == "At 03:30 UTC. https://crontab.guru/#30_3_*_*_*"

    def test_is_described_in_words_alone_where_cron_has_none(self) -> None:
        entry = Entry(name="x", task=email_sweep, when=Every(timedelta(seconds=10)), in_words="Every 10 seconds")
        assert entry.description == "Every 10 seconds."
