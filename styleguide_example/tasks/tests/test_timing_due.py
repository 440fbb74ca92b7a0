from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from styleguide_example.tasks.timing import EPOCH, Cron, Every, Once, When, due_latest, due_times

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
#: A Wednesday.
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@dataclass
class Counted:
    """A timing that counts how often it is asked."""

    when: When
    asked: list[datetime] = field(default_factory=list)

    def due_after(self, moment: datetime) -> datetime | None:
        self.asked.append(moment)
        return self.when.due_after(moment)


class TestDueTimes:
    def test_leave_out_the_start_and_take_in_the_end(self) -> None:
        hourly = Cron("0 * * * *")
        hours = [NOON + timedelta(hours=number) for number in range(1, 4)]
        assert list(due_times(hourly, after=NOON, until=NOON + timedelta(hours=3))) == hours

    def test_are_none_in_no_time(self) -> None:
        assert list(due_times(Cron("* * * * *"), after=NOON, until=NOON)) == []
        assert list(due_times(Cron("* * * * *"), after=NOON, until=NOON - DAY)) == []

    def test_are_found_as_they_are_asked_for(self) -> None:
        """A caller that stops does not pay for the rest."""
        counted = Counted(Every(SECOND))
        times: Iterator[datetime] = due_times(counted, after=EPOCH, until=NOON)  # type: ignore[arg-type]
        assert next(times) == EPOCH + SECOND
        assert len(counted.asked) == 1


WHENS: list[When] = [
    Every(SECOND),
    Every(timedelta(seconds=61)),
    Every(timedelta(minutes=61)),
    Every(timedelta(hours=25)),
    Every(timedelta(days=32)),
    Every(timedelta(days=4000)),
    Cron("* * * * *"),
    Cron("*/10 9-17 * * 1-5", "Europe/Paris"),
    Cron("30 2 * * *", "Europe/Paris"),
    Cron("0 0 1 * *"),
    Cron("0 0 29 2 *"),
    Cron("0 0 29 2 1"),
    Once(NOON - timedelta(days=200)),
    Once(NOON),
]


class TestDueLatest:
    @pytest.mark.parametrize("when", WHENS, ids=str)
    def test_is_the_last_due_time_in_forty_years(self, when: When) -> None:
        latest = due_latest(when, NOON, after=NOON - timedelta(days=40 * 366))
        assert latest is not None
        assert latest <= NOON
        following = when.due_after(latest)
        assert following is None or following > NOON

    def test_takes_in_the_moment_itself(self) -> None:
        assert due_latest(Cron("0 12 * * *"), NOON, after=NOON - DAY) == NOON

    def test_leaves_out_what_was_decided(self) -> None:
        assert due_latest(Cron("0 12 * * *"), NOON, after=NOON) is None
        assert due_latest(Cron("0 12 * * *"), NOON + timedelta(hours=23), after=NOON) is None
        assert due_latest(Cron("0 12 * * *"), NOON, after=NOON + DAY) is None
        assert due_latest(Once(NOON), NOON + DAY, after=NOON) is None

    @pytest.mark.parametrize("when", [*WHENS, Cron("*/5 0-22 * 1 *", "Europe/Paris")], ids=str)
    def test_does_not_walk_through_all_that_was_missed(self, when: When) -> None:
        """Beat asks it between two renewals of its lease."""
        counted = Counted(when)
        due_latest(counted, NOON, after=NOON - timedelta(days=40 * 366))  # type: ignore[arg-type]
        assert len(counted.asked) < 100
