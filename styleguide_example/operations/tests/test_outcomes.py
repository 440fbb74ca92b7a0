"""Sent, failed and retried by the minute, the hour and the day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from styleguide_example.operations import counts
from styleguide_example.operations.outcomes import DAYS, HOUR_KEPT_SECONDS, Series, outcomes_read
from styleguide_example.operations.tests.rows import attempt_at, email_failed_at, email_sent_at

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 12, 30, 20, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=number) for number in (1, 60, 3600, 86400))


def _sent(series: Series) -> list[int]:
    return [bucket.sent for bucket in series.buckets]


def _recent(now: datetime) -> tuple[Series, Series]:
    minutes, hours = outcomes_read(now=now)
    return minutes, hours


def _days(now: datetime, zone: ZoneInfo = BERLIN) -> Series:
    return outcomes_read(now=now, zone=zone)[-1]


def _on(series: Series, day: date, zone: ZoneInfo = BERLIN) -> tuple[int, timedelta]:
    """How many were sent on that day, and how long it was."""
    (bucket,) = [bucket for bucket in series.buckets if bucket.start.astimezone(zone).date() == day]
    return bucket.sent, bucket.end - bucket.start


class TestMinutesAndHours:
    def test_counts_what_was_sent_failed_and_retried_where_it_belongs(self) -> None:
        email_sent_at(NOW)
        email_sent_at(NOW - MINUTE)
        email_failed_at(NOW - MINUTE)
        attempt_at(NOW - 2 * HOUR)
        minutes, hours = _recent(NOW)
        assert _sent(minutes)[-2:] == [1, 1]
        assert minutes.totals == {"sent": 2, "failed": 1, "retried": 0}
        assert (hours.buckets[-3].retried, hours.totals) == (1, {"sent": 2, "failed": 1, "retried": 1})

    def test_has_no_gap_and_says_which_one_is_not_over(self) -> None:
        minutes, hours = _recent(NOW)
        assert (len(minutes.buckets), len(hours.buckets)) == (61, 25)
        assert [bucket.is_open for bucket in minutes.buckets] == [False] * 60 + [True]
        assert hours.buckets[-1].start == NOW.replace(minute=0, second=0)

    def test_are_the_last_hour_and_the_last_day_to_the_second(self) -> None:
        for moment in (NOW - HOUR, NOW - DAY):
            email_sent_at(moment)
            email_sent_at(moment - SECOND)
        minutes, hours = _recent(NOW)
        assert (sum(_sent(minutes)), sum(_sent(hours))) == (1, 3)
        assert (minutes.buckets[0].start, hours.buckets[0].start) == (NOW - HOUR, NOW - DAY)

    def test_is_right_over_midnight(self) -> None:
        midnight = datetime(2026, 6, 10, tzinfo=UTC)
        email_sent_at(midnight - SECOND)
        email_sent_at(midnight)
        minutes, hours = _recent(midnight + SECOND)
        assert (_sent(minutes)[-2:], _sent(hours)[-2:]) == ([1, 1], [1, 1])

    def test_does_not_count_the_last_attempt_of_one_that_failed_as_retried(self) -> None:
        email = email_failed_at(NOW, attempts=2)
        for number in (1, 2):
            attempt_at(NOW, email=email, number=number)
        totals = _recent(NOW)[0].totals
        assert (totals["failed"], totals["retried"]) == (1, 1)

    def test_knows_hours_that_the_clocks_show_twice(self) -> None:
        now = datetime(2026, 10, 25, 3, 30, tzinfo=UTC)
        for hour in (0, 1):  # both are 02:xx in Berlin
            email_sent_at(datetime(2026, 10, 25, hour, 15, tzinfo=UTC))
        assert _sent(_recent(now)[1])[-4:] == [1, 1, 0, 0]

    def test_remembers_hours_that_are_over_but_not_those_in_which_a_row_may_still_appear(self) -> None:
        now = NOW.replace(minute=1)
        _recent(now)
        email_sent_at(now - 3 * HOUR)
        email_sent_at(now - 2 * MINUTE)
        assert _sent(_recent(now)[1])[-4:] == [0, 0, 1, 0]

    def test_are_right_within_a_minute_where_a_retry_moved_what_had_failed(self) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            failed = email_failed_at(NOW - 3 * HOUR)
            assert _recent(NOW)[1].totals["failed"] == 1
            failed.delete()
            clock.shift(HOUR_KEPT_SECONDS)
            assert _recent(NOW + MINUTE)[1].totals["failed"] == 0

    def test_are_counted_where_the_clock_was_set_back_over_the_hour(self) -> None:
        _recent(NOW + HOUR)
        assert len(_recent(NOW)[1].buckets) == 25


class TestDays:
    @pytest.mark.parametrize(
        ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 9), 24)]
    )
    def test_has_days_of_the_zone_however_long_they_are(self, day: date, hours: int) -> None:
        start = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
        for moment in (start - SECOND, start, start + hours * HOUR - SECOND, start + hours * HOUR):
            email_sent_at(moment)
        assert _on(_days(start + 3 * DAY), day) == (2, hours * HOUR)

    def test_counts_in_zones_with_half_hours(self) -> None:
        kolkata = ZoneInfo("Asia/Kolkata")
        email_sent_at(datetime(2026, 6, 8, 18, 30, tzinfo=UTC))
        email_sent_at(datetime(2026, 6, 8, 18, 29, tzinfo=UTC))
        assert _on(_days(NOW, kolkata), date(2026, 6, 9), kolkata)[0] == 1

    def test_has_thirty_days_and_today_is_the_last(self) -> None:
        email_sent_at(NOW)
        email_sent_at(NOW - DAYS * DAY)
        series = _days(NOW)
        assert (len(series.buckets), sum(_sent(series)), series.buckets[-1].is_open) == (DAYS, 1, True)

    def test_counts_a_day_that_is_over_once_and_today_each_time(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        email_sent_at(NOW - 2 * DAY)
        _days(NOW)
        email_sent_at(NOW - 2 * DAY)
        email_sent_at(NOW)
        with django_assert_num_queries(2):
            series = _days(NOW)
        assert [count for count in _sent(series) if count] == [1, 1]

    def test_reads_so_many_rows_at_each_look_and_a_day_at_least(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counts, "ROWS_MAX", 3)
        for ago in (2, 3, 20, 20, 20, 20):
            email_sent_at(NOW - ago * DAY)
        counted = [[bucket.is_counted for bucket in _days(NOW).buckets].count(True) for _ in range(4)]
        assert counted == [20, 21, 30, 30]
        assert _sent(_days(NOW))[-21] == 4
