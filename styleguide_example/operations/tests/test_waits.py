"""From the commit until the mail server had it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.operations import waits
from styleguide_example.operations.tests.rows import email_failed_at, email_sent_at
from styleguide_example.operations.waits import percentile, waits_recent

HOUR = timedelta(hours=1)


class TestPercentile:
    @pytest.mark.parametrize(
        ("values", "share", "found"),
        [
            ([], 0.5, None),
            ([7], 0.95, 7),
            ([4, 1, 3, 2], 0.5, 2),
            (range(1, 101), 0.95, 95),
            (range(1, 21), 0.95, 19),
            ([1, 2, 3], 0.95, 3),
        ],
    )
    def test_is_the_nearest_rank(self, values: list[float], share: float, found: float | None) -> None:
        assert percentile(values, share) == found


@pytest.mark.django_db
class TestWaitsRecent:
    def test_measures_the_last_hour_and_the_last_day(self) -> None:
        now = timezone.now()
        for seconds, ago in ((1, 0), (2, 0), (9, 0), (100, 5), (1000, 30)):
            email_sent_at(now - ago * HOUR, seconds=seconds)
        email_failed_at(now)
        found = waits_recent(now=now)
        assert (found["hour"].count, found["hour"].p50, found["hour"].p95) == (3, 2, 9)
        assert (found["day"].count, found["day"].p95) == (4, 100)

    def test_begins_when_it_was_to_go_out(self) -> None:
        now = timezone.now()
        email_sent_at(now, seconds=7200, send_after=now - timedelta(seconds=3))
        email_sent_at(now, seconds=4, send_after=now - HOUR)
        assert waits_recent(now=now)["hour"].p95 == 4

    def test_says_so_where_it_measured_the_newest_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(waits, "SAMPLE_MAX", 2)
        now = timezone.now()
        for minutes in (1, 2, 3):
            email_sent_at(now - timedelta(minutes=minutes), seconds=minutes)
        found = waits_recent(now=now)["day"]
        assert (found.count, found.p95, found.is_sample) == (2, 2, True)
        assert found.since == now - timedelta(minutes=2)

    def test_knows_nothing_where_nothing_was_sent(self) -> None:
        found = waits_recent(now=timezone.now())["day"]
        assert (found.count, found.p50_in_words) == (0, "-")
