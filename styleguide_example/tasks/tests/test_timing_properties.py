"""What holds for every timing, zone and moment. Derandomized, so that a red build is red again."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styleguide_example.tasks.tests.wall_clock import WallClock, clock_changes
from styleguide_example.tasks.timing import Cron, Every, When, due_latest, due_times

pytestmark = pytest.mark.once

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

ZONES = [
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",  # puts its clock back for a month, and forward again
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",  # jumps by two hours
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Paris",
    "Pacific/Chatham",
]

each = settings(derandomize=True, deadline=None, max_examples=100, database=None)
zones = st.sampled_from(ZONES)
moments = st.datetimes(datetime(2015, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  given by `timezones`


def _field(lowest: int, highest: int) -> st.SearchStrategy[str]:
    numbers = st.integers(lowest, highest)
    spans = st.tuples(numbers, numbers).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.integers(1, highest).map(lambda step: f"*/{step}")
    lists = st.lists(numbers, min_size=1, max_size=4).map(lambda some: ",".join(map(str, some)))
    return st.one_of(st.just("*"), numbers.map(str), spans, steps, lists)


#: Days that come several times each year, so that there is something to compare.
days = st.sampled_from(["* * *", "* * *", "* * 0", "* * 5-6", "*/2 * *", "1-15 * *", "* */2 *", "25-31 * *"])
lines = st.builds("{} {} {}".format, _field(0, 59), _field(0, 23), days)
crons = st.builds(Cron, lines, zones)
everies = st.builds(Every, st.integers(60, 10**6).map(lambda seconds: timedelta(seconds=seconds)), moments)
whens: st.SearchStrategy[When] = st.one_of(crons, everies)


class TestDueAfter:
    @each
    @given(whens, moments)
    def test_is_strictly_later_each_time(self, when: When, moment: datetime) -> None:
        due = list(islice(due_times(when, after=moment, until=moment + 400 * DAY), 20))
        assert due
        assert all(earlier < later for earlier, later in zip([moment, *due], due, strict=False))

    @each
    @given(whens, moments, st.integers(1, 10**6))
    def test_is_the_same_from_wherever_it_is_asked(self, when: When, moment: datetime, seconds: int) -> None:
        """Nothing that is due lies between a moment and what is said to be due next after it."""
        due = when.due_after(moment)
        assert due is not None
        between = min(moment + timedelta(seconds=seconds), due - SECOND)
        assert when.due_after(max(between, moment)) == due

    @each
    @given(crons, moments)
    def test_is_a_whole_minute_of_utc(self, cron: Cron, moment: datetime) -> None:
        due = cron.due_after(moment)
        assert due is not None
        assert (due.second, due.microsecond, due.tzinfo) == (0, 0, UTC)


class TestDueLatest:
    @each
    @given(whens, moments, st.integers(0, 3 * 86_400))
    def test_is_the_last_of_the_due_times(self, when: When, moment: datetime, seconds: int) -> None:
        after = moment - timedelta(seconds=seconds)
        due = list(due_times(when, after=after, until=moment))
        assert due_latest(when, moment, after=after) == (due[-1] if due else None)


class TestWallClock:
    @settings(each, max_examples=100)
    @given(crons, st.integers(2015, 2036), st.integers(0, 3), st.integers(-30, 30))
    def test_shows_every_due_time_around_a_change(self, cron: Cron, year: int, number: int, hours: int) -> None:
        """For lines by the hour and lines by the day, against a clock that is looked at every minute."""
        changes = clock_changes(cron.time_zone, year=year) or [datetime(year, 6, 1, tzinfo=UTC)]
        middle = changes[number % len(changes)] + timedelta(hours=hours)
        after, until = middle - DAY, middle + DAY
        clock = WallClock(cron.time_zone, after=after, until=until)
        assert list(due_times(cron, after=after, until=until)) == clock.due(cron.line)

    @settings(each, max_examples=150)
    @given(zones, st.integers(2015, 2036), st.integers(0, 23), st.integers(0, 59))
    def test_shows_each_time_of_the_day_once_on_each_day_of_a_year(
        self, time_zone: str, year: int, hour: int, minute: int
    ) -> None:
        zone = ZoneInfo(time_zone)
        first, last = (datetime(of, 1, 1, tzinfo=zone) - SECOND for of in (year, year + 1))
        due = list(due_times(Cron(f"{minute} {hour} * * *", time_zone), after=first, until=last))
        walls = [(time.astimezone(zone), (time - SECOND).astimezone(zone)) for time in due]
        shown = [wall.date() for wall, _ in walls if (wall.hour, wall.minute) == (hour, minute)]
        assert len(due) == (last - first).days
        assert len(shown) == len({*shown})
        assert all(before.utcoffset() != wall.utcoffset() for wall, before in walls if wall.date() not in shown)
