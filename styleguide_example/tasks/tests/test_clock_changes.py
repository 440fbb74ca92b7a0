"""Both clock changes of the year, in zones that make them differently."""

from datetime import timedelta
from itertools import pairwise

import pytest

from styleguide_example.tasks.tests.wall_clock import WallClock, clock_changes, moment
from styleguide_example.tasks.timing import Cron, Every, due_latest, due_times

DAY = timedelta(days=1)

#: 01:59 is followed by 03:00; 02:59 is followed by 02:00.
PARIS = "Europe/Paris"
#: The same at another hour of the world.
NEW_YORK = "America/New_York"
#: 01:59 is followed by 02:30; 01:59 is followed by 01:30.
LORD_HOWE = "Australia/Lord_Howe"
#: 23:59 is followed by 01:00; 23:59 is followed by 23:00 of the same day.
SANTIAGO = "America/Santiago"
#: 23:59 is followed by 01:00; 23:59 is followed by 23:00.
CAIRO = "Africa/Cairo"
BEIRUT = "Asia/Beirut"
#: 22:59 is followed by 00:00 of the next day; 23:59 is followed by 23:00.
NUUK = "America/Nuuk"
#: 01:59 is followed by 03:00, by London's clock and at London's moment: 00:59 by 02:00 there.
DUBLIN = "Europe/Dublin"
#: The day of 2026-03-29 has no change here.
TOKYO = "Asia/Tokyo"

#: 02:44 is followed by 03:45; 03:44 is followed by 02:45.
CHATHAM = "Pacific/Chatham"
#: Until 2011, 00:00 was followed by 01:01, and 00:00 by 23:01 of the day before.
GOOSE_BAY = "America/Goose_Bay"

ZONES = [
    *((zone, 2026) for zone in (PARIS, NEW_YORK, LORD_HOWE, SANTIAGO, CAIRO, BEIRUT, NUUK, DUBLIN, CHATHAM)),
    (GOOSE_BAY, 2010),
]

LINES = [
    "0 0 * * *",
    "30 0 * * *",
    "0 1 * * *",
    "45 1 * * *",
    "0 2 * * *",
    "15 2 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "15 23 * * *",
    "59 23 * * *",
    "*/15 1-3 * * *",
    "*/20 0,23 * * *",
    "* 2 * * *",
    "0 */2 * * *",
    "7 1-23 * * *",
    "0 * * * *",
    "45 * * * *",
    "*/10 * * * *",
    "* * * * *",
    "20 0-23 * * *",
    "*/30 */1 * * *",
    "30 2 * * 0",
    "30 * * * 0",
    "15 0 * * 0,5",
    "45 23 * * 4,6",
    "*/5 * * * 6",
    "30 2 29 3 *",
    "0 0 6 9 *",
    "50 * 5 4 *",
    "30 1 1-7 */2 *",
    "*/5 * * * 0",
    "50 * * * *",
    "0,50 2-3 * * *",
]


def _due(line: str, time_zone: str, *, first: str, last: str) -> list[str]:
    """The due times from ``first`` to ``last``, both included, told in the words of the wall."""
    cron = Cron(line, time_zone)
    due = due_times(cron, after=moment(first) - timedelta(seconds=1), until=moment(last))
    return [f"{time.astimezone(cron._zone):%m-%d %H:%M %z}" for time in due]


class TestTimeThatIsSkipped:
    @pytest.mark.parametrize(
        ("line", "due"),
        [
            ("30 2 * * *", ["03-28 02:30 +0100", "03-29 03:00 +0200", "03-30 02:30 +0200"]),
            ("0 2 * * *", ["03-28 02:00 +0100", "03-29 03:00 +0200", "03-30 02:00 +0200"]),
            ("59 1 * * *", ["03-28 01:59 +0100", "03-29 01:59 +0100", "03-30 01:59 +0200"]),
            ("0 3 * * *", ["03-28 03:00 +0100", "03-29 03:00 +0200", "03-30 03:00 +0200"]),
            ("30 2 * * 0", ["03-29 03:00 +0200"]),
            ("30 2 29 3 *", ["03-29 03:00 +0200"]),
        ],
    )
    def test_is_due_when_paris_skips_it(self, line: str, due: list[str]) -> None:
        assert _due(line, PARIS, first="2026-03-28 00:00+01:00", last="2026-03-30 23:59+02:00") == due

    @pytest.mark.parametrize(
        ("time_zone", "line", "first", "last", "due"),
        [
            (
                NEW_YORK,
                "30 2 * * *",
                "2026-03-07 00:00-05:00",
                "2026-03-09 23:59-04:00",
                ["03-07 02:30 -0500", "03-08 03:00 -0400", "03-09 02:30 -0400"],
            ),
            (
                LORD_HOWE,
                "15 2 * * *",
                "2026-10-03 00:00+10:30",
                "2026-10-05 23:59+11:00",
                ["10-03 02:15 +1030", "10-04 02:30 +1100", "10-05 02:15 +1100"],
            ),
            (
                SANTIAGO,
                "0 0 * * *",
                "2026-09-05 00:00-04:00",
                "2026-09-07 23:59-03:00",
                ["09-05 00:00 -0400", "09-06 01:00 -0300", "09-07 00:00 -0300"],
            ),
            (CAIRO, "30 0 * * 5", "2026-04-23 00:00+02:00", "2026-04-25 23:59+03:00", ["04-24 01:00 +0300"]),
            (BEIRUT, "0 0 29 * *", "2026-03-28 00:00+02:00", "2026-03-30 23:59+03:00", ["03-29 01:00 +0300"]),
            # A Saturday's hour that ends on a Sunday: the promise was Saturday's.
            (NUUK, "15 23 * * 6", "2026-03-28 00:00-02:00", "2026-03-29 23:59-01:00", ["03-29 00:00 -0100"]),
        ],
    )
    def test_is_due_when_another_clock_skips_it(
        self, time_zone: str, line: str, first: str, last: str, due: list[str]
    ) -> None:
        assert _due(line, time_zone, first=first, last=last) == due

    def test_is_due_once_however_much_of_it_is_skipped(self) -> None:
        due = _due("* 2 * * *", PARIS, first="2026-03-29 00:00+01:00", last="2026-03-29 23:59+02:00")
        assert due == ["03-29 03:00 +0200"]

    def test_is_due_once_together_with_one_that_follows(self) -> None:
        due = _due("0,30 2-3 * * *", PARIS, first="2026-03-29 00:00+01:00", last="2026-03-29 23:59+02:00")
        assert due == ["03-29 03:00 +0200", "03-29 03:30 +0200"]

    def test_is_not_made_up_for_by_a_line_for_every_hour(self) -> None:
        due = _due("30 * * * *", PARIS, first="2026-03-29 00:00+01:00", last="2026-03-29 04:00+02:00")
        assert due == ["03-29 00:30 +0100", "03-29 01:30 +0100", "03-29 03:30 +0200"]

    def test_is_not_made_up_for_by_a_line_for_every_hour_where_half_of_one_is_skipped(self) -> None:
        due = _due("0,40 * * * *", LORD_HOWE, first="2026-10-04 01:00+10:30", last="2026-10-04 03:00+11:00")
        assert due == ["10-04 01:00 +1030", "10-04 01:40 +1030", "10-04 02:40 +1100", "10-04 03:00 +1100"]

    def test_of_a_whole_day_is_due_when_the_day_was_skipped(self) -> None:
        """Samoa had no 30 December 2011."""
        due = _due("30 12 * * *", "Pacific/Apia", first="2011-12-29 00:00-10:00", last="2011-12-31 23:59+14:00")
        assert due == ["12-29 12:30 -1000", "12-31 00:00 +1400", "12-31 12:30 +1400"]


class TestTimeThatComesTwice:
    @pytest.mark.parametrize(
        ("line", "due"),
        [
            ("30 2 * * *", ["10-24 02:30 +0200", "10-25 02:30 +0200", "10-26 02:30 +0100"]),
            ("0 2 * * *", ["10-24 02:00 +0200", "10-25 02:00 +0200", "10-26 02:00 +0100"]),
            ("0 3 * * *", ["10-24 03:00 +0200", "10-25 03:00 +0100", "10-26 03:00 +0100"]),
            ("30 2 * * 0", ["10-25 02:30 +0200"]),
            ("30 2 25 10 *", ["10-25 02:30 +0200"]),
        ],
    )
    def test_is_due_the_first_time_in_paris(self, line: str, due: list[str]) -> None:
        assert _due(line, PARIS, first="2026-10-24 00:00+02:00", last="2026-10-26 23:59+01:00") == due

    @pytest.mark.parametrize(
        ("time_zone", "line", "first", "last", "due"),
        [
            (
                NEW_YORK,
                "30 1 * * *",
                "2026-10-31 00:00-04:00",
                "2026-11-02 23:59-05:00",
                ["10-31 01:30 -0400", "11-01 01:30 -0400", "11-02 01:30 -0500"],
            ),
            (
                LORD_HOWE,
                "45 1 * * *",
                "2026-04-04 00:00+11:00",
                "2026-04-06 23:59+10:30",
                ["04-04 01:45 +1100", "04-05 01:45 +1100", "04-06 01:45 +1030"],
            ),
            (SANTIAGO, "30 23 4 4 *", "2026-04-04 00:00-03:00", "2026-04-05 23:59-04:00", ["04-04 23:30 -0300"]),
            (SANTIAGO, "0 0 5 4 *", "2026-04-04 00:00-03:00", "2026-04-05 23:59-04:00", ["04-05 00:00 -0400"]),
            (CAIRO, "30 23 * * 4", "2026-10-29 00:00+03:00", "2026-10-30 23:59+02:00", ["10-29 23:30 +0300"]),
            (BEIRUT, "15 23 * * 6", "2026-10-24 00:00+03:00", "2026-10-25 23:59+02:00", ["10-24 23:15 +0300"]),
        ],
    )
    def test_is_due_the_first_time_elsewhere(
        self, time_zone: str, line: str, first: str, last: str, due: list[str]
    ) -> None:
        assert _due(line, time_zone, first=first, last=last) == due

    def test_is_due_twice_for_a_line_for_every_hour(self) -> None:
        due = _due("30 * * * *", PARIS, first="2026-10-25 01:00+02:00", last="2026-10-25 04:00+01:00")
        assert due == ["10-25 01:30 +0200", "10-25 02:30 +0200", "10-25 02:30 +0100", "10-25 03:30 +0100"]

    def test_is_due_twice_for_a_line_for_every_hour_where_half_of_one_comes_again(self) -> None:
        due = _due("15,45 * * * *", LORD_HOWE, first="2026-04-05 01:00+11:00", last="2026-04-05 02:45+10:30")
        assert due == [
            "04-05 01:15 +1100",
            "04-05 01:45 +1100",
            "04-05 01:45 +1030",
            "04-05 02:15 +1030",
            "04-05 02:45 +1030",
        ]

    def test_is_due_twice_on_the_day_of_a_line_for_every_hour_of_that_day(self) -> None:
        """Where midnight is put back, the day's last hour comes again, after an end that was none."""
        due = _due("30 * * * 6", SANTIAGO, first="2026-04-04 22:00-03:00", last="2026-04-05 12:00-04:00")
        assert due == ["04-04 22:30 -0300", "04-04 23:30 -0300", "04-04 23:30 -0400"]

    def test_is_not_due_again_when_asked_in_its_second_hour(self) -> None:
        second = moment("2026-10-25 02:10+01:00")
        assert Cron("30 2 * * *", PARIS).due_after(second) == moment("2026-10-26 02:30+01:00")

    def test_is_the_last_one_when_asked_in_its_second_hour(self) -> None:
        second = moment("2026-10-25 02:40+01:00")
        latest = due_latest(Cron("30 2 * * *", PARIS), second, after=second - DAY)
        assert latest == moment("2026-10-25 02:30+02:00")


class TestZoneWithoutChanges:
    @pytest.mark.parametrize("time_zone", [TOKYO, "UTC"])
    @pytest.mark.parametrize("day", ["2026-03-28T20:00+00:00", "2026-10-24T20:00+00:00"])
    def test_has_a_day_of_24_hours(self, time_zone: str, day: str) -> None:
        cron = Cron("30 * * * *", time_zone)
        due = list(due_times(cron, after=moment(day), until=moment(day) + 2 * DAY))
        assert {later - earlier for earlier, later in pairwise(due)} == {timedelta(hours=1)}
        assert len(due) == 48


class TestInterval:
    @pytest.mark.parametrize("change", ["2026-03-29T01:00+00:00", "2026-10-25T01:00+00:00"])
    def test_does_not_look_at_the_wall(self, change: str) -> None:
        due = list(due_times(Every(timedelta(hours=6)), after=moment(change) - DAY, until=moment(change) + DAY))
        assert [f"{time:%H:%M}" for time in due] == ["06:00", "12:00", "18:00", "00:00"] * 2


class TestEveryMinuteAroundEachChange:
    """Three days for every line, compared with a clock that is looked at every minute."""

    @pytest.mark.parametrize(("time_zone", "year"), ZONES)
    @pytest.mark.parametrize("season", [0, 1])
    def test_shows_the_same_due_times_as_the_clock_on_the_wall(self, time_zone: str, year: int, season: int) -> None:
        change = clock_changes(time_zone, year=year)[season]
        after, until = change - 2 * DAY, change + DAY
        clock = WallClock(time_zone, after=after, until=until)
        found = {line: list(due_times(Cron(line, time_zone), after=after, until=until)) for line in LINES}
        assert found == {line: clock.due(line) for line in LINES}

    @pytest.mark.parametrize("time_zone", [TOKYO, "UTC", "Asia/Kathmandu"])
    def test_shows_them_where_nothing_changes(self, time_zone: str) -> None:
        assert clock_changes(time_zone, year=2026) == []
        after, until = moment("2026-03-28 00:00+00:00"), moment("2026-03-31 00:00+00:00")
        clock = WallClock(time_zone, after=after, until=until)
        found = {line: list(due_times(Cron(line, time_zone), after=after, until=until)) for line in LINES}
        assert found == {line: clock.due(line) for line in LINES}
