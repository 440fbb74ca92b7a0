import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from styleguide_example.tasks.tests.wall_clock import moment
from styleguide_example.tasks.timing import EPOCH, Cron, Every, Once, When, due_times

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
#: A Wednesday.
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _due(when: When, number: int, *, after: datetime = NOON) -> list[str]:
    """The next ``number`` due times, in UTC."""
    return [
        f"{due:%Y-%m-%d %H:%M:%S}" for due in islice(due_times(when, after=after, until=after + 9999 * DAY), number)
    ]


class TestCron:
    def test_names_its_parts_in_the_order_of_cron(self) -> None:
        assert Cron("30  3 1-7 */2 mon,fri").fields == {
            "minute": "30",
            "hour": "3",
            "day_of_month": "1-7",
            "month_of_year": "*/2",
            "day_of_week": "mon,fri",
        }

    @pytest.mark.parametrize(
        ("line", "time_zone", "text"),
        [("30 3 * * *", "UTC", "cron 30 3 * * * UTC"), (" 0\t0  1 1 * ", "Asia/Tokyo", "cron 0 0 1 1 * Asia/Tokyo")],
    )
    def test_is_told_in_one_way(self, line: str, time_zone: str, text: str) -> None:
        assert str(Cron(line, time_zone)) == text
        assert Cron(line, time_zone) == Cron(" ".join(line.split()), time_zone)

    def test_is_another_one_in_another_time_zone(self) -> None:
        assert Cron("0 0 * * *") != Cron("0 0 * * *", "Europe/Paris")

    @pytest.mark.parametrize(("line", "number"), [("", 0), ("* * * *", 4), ("* * * * * *", 6), ("@daily", 1)])
    def test_refuses_a_line_that_has_not_five_parts(self, line: str, number: int) -> None:
        with pytest.raises(ValueError, match=rf"five parts \(minute, hour, .*\), '.*' has {number}\.$"):
            Cron(line)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("60 * * * *", "'60' is not a minute (0-59). "),
            ("-1 * * * *", "'-1' is not a minute (0-59). "),
            ("1.5 * * * *", "'1.5' is not a minute (0-59). "),
            ("x * * * *", "'x' is not a minute (0-59). "),
            ("+3 * * * *", "'+3' is not a minute (0-59). "),
            ("1_0 * * * *", "'1_0' is not a minute (0-59). "),
            ("\u0661 * * * *", "'\u0661' is not a minute (0-59). "),  # a one, in Arabic
            ("*/0 * * * *", "'*/0' is not a minute (0-59). "),
            ("*/ * * * *", "'*/' is not a minute (0-59). "),
            ("1/5 * * * *", "'1/5' is not a minute (0-59). "),
            (", * * * *", "',' is not a minute (0-59). "),
            ("0, * * * *", "'0,' is not a minute (0-59). "),
            ("* 24 * * *", "'24' is not an hour (0-23). "),
            ("* 22-24 * * *", "'22-24' is not an hour (0-23). "),
            ("* * 0 * *", "'0' is not a day of the month (1-31). "),
            ("* * 1,32 * *", "'1,32' is not a day of the month (1-31). "),
            ("* * L * *", "'L' is not a day of the month (1-31). "),
            ("* * ? * *", "'?' is not a day of the month (1-31). "),
            ("* * * 0 *", "'0' is not a month (1-12, jan-dec). "),
            ("* * * 13 *", "'13' is not a month (1-12, jan-dec). "),
            ("* * * smarch *", "'smarch' is not a month (1-12, jan-dec). "),
            ("* * * * 7", "'7' is not a day of the week (0-6 from Sunday, sun-sat). "),
            ("* * * * 1#2", "'1#2' is not a day of the week (0-6 from Sunday, sun-sat). "),
        ],
    )
    def test_refuses_a_part_that_says_nothing_and_tells_what_it_may_say(self, line: str, message: str) -> None:
        with pytest.raises(ValueError, match=rf"^{re.escape(message)}Lists .* may stand there too\.$"):
            Cron(line)

    @pytest.mark.parametrize("line", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * 30-31 2 *", "0 0 31 2 1"])
    def test_refuses_a_day_that_never_comes(self, line: str) -> None:
        with pytest.raises(ValueError, match=rf"^'{re.escape(line)}' is not a crontab line: .* never "):
            Cron(line)

    @pytest.mark.parametrize("name", ["", "Europe", "europe/Paris ", "Mars/Olympus", "UTC+1", "../x", "/etc/localtime"])
    def test_refuses_a_time_zone_that_nobody_knows(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"is not a time zone; write one like Europe/Paris\.$"):
            Cron("0 0 * * *", name)

    @pytest.mark.parametrize(
        ("line", "link"),
        [
            ("30 3 * * *", "https://crontab.guru/#30_3_*_*_*"),
            ("*/5 9-17 * * 1,3", "https://crontab.guru/#*/5_9-17_*_*_1,3"),
            ("  0  0 1 1 *", "https://crontab.guru/#0_0_1_1_*"),
            ("0 0 */2 * mon", "https://crontab.guru/#0_0_*/2_*_mon"),
            ("0 0 13 * */2", "https://crontab.guru/#0_0_13_*_*/2"),
        ],
    )
    def test_links_to_its_explanation(self, line: str, link: str) -> None:
        assert Cron(line).link == link

    def test_links_to_nothing_where_the_page_would_explain_it_otherwise(self) -> None:
        """Friday the 13th: crontab.guru reads each Friday and each 13th."""
        assert Cron("0 0 13 * fri").link == ""


class TestCronDueAfter:
    @pytest.mark.parametrize(
        ("line", "due"),
        [
            ("30 3 * * *", ["2026-07-02 03:30:00", "2026-07-03 03:30:00"]),
            ("* * * * *", ["2026-07-01 12:01:00", "2026-07-01 12:02:00"]),
            ("0 * * * *", ["2026-07-01 13:00:00", "2026-07-01 14:00:00"]),
            ("*/20 */12 * * *", ["2026-07-01 12:20:00", "2026-07-01 12:40:00", "2026-07-02 00:00:00"]),
            ("*/25 12 * * *", ["2026-07-01 12:25:00", "2026-07-01 12:50:00", "2026-07-02 12:00:00"]),
            ("0 22-2 * * *", ["2026-07-01 22:00:00", "2026-07-01 23:00:00", "2026-07-02 00:00:00"]),
            ("0 0 * * 0", ["2026-07-05 00:00:00", "2026-07-12 00:00:00"]),
            ("0 0 * * sat-sun", ["2026-07-04 00:00:00", "2026-07-05 00:00:00", "2026-07-11 00:00:00"]),
            ("0 0 * jan MON", ["2027-01-04 00:00:00", "2027-01-11 00:00:00"]),
            ("0 0 31 * *", ["2026-07-31 00:00:00", "2026-08-31 00:00:00", "2026-10-31 00:00:00"]),
            ("0 0 1 */5 *", ["2026-11-01 00:00:00", "2027-01-01 00:00:00", "2027-06-01 00:00:00"]),
            ("0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
            ("5 * 29 2 *", ["2028-02-29 00:05:00", "2028-02-29 01:05:00"]),
        ],
    )
    def test_is_the_next_on_the_clock(self, line: str, due: list[str]) -> None:
        assert _due(Cron(line), len(due)) == due

    def test_asks_that_both_days_match(self) -> None:
        """Friday the 13th, as celery reads it. crontab(5) would take each of the two."""
        assert _due(Cron("0 0 13 * fri"), 2) == ["2026-11-13 00:00:00", "2027-08-13 00:00:00"]

    def test_finds_a_leap_day_on_a_weekday_over_a_century_that_has_none(self) -> None:
        assert _due(Cron("0 0 29 2 1"), 1) == ["2044-02-29 00:00:00"]
        before_2100 = datetime(2072, 3, 1, tzinfo=UTC)
        assert Cron("0 0 29 2 1").due_after(before_2100) == datetime(2112, 2, 29, tzinfo=UTC)

    @pytest.mark.parametrize("line", ["0 12 * * *", "0 * * * *"])
    def test_is_after_the_moment_never_at_it(self, line: str) -> None:
        cron = Cron(line)
        assert cron.due_after(NOON - SECOND) == NOON
        assert cron.due_after(NOON - timedelta(microseconds=1)) == NOON
        due = cron.due_after(NOON)
        assert due is not None
        assert due > NOON

    @pytest.mark.parametrize("line", ["30 3 * * *", "30 * * * *"])
    def test_is_told_in_utc_wherever_it_is_asked(self, line: str) -> None:
        cron = Cron(line, "Asia/Kathmandu")
        asked = [NOON, NOON.astimezone(ZoneInfo("America/New_York")), NOON.astimezone(timezone(timedelta(hours=14)))]
        dues = [cron.due_after(moment) for moment in asked]
        assert len(set(dues)) == 1
        assert {due.tzinfo for due in dues if due} == {UTC}

    def test_is_meant_in_its_time_zone(self) -> None:
        assert Cron("0 9 * * *", "Asia/Kathmandu").due_after(NOON) == moment("2026-07-02 09:00+05:45")
        assert Cron("0 9 * * *", "Pacific/Marquesas").due_after(NOON) == moment("2026-07-01 09:00-09:30")

    def test_names_the_day_of_its_time_zone(self) -> None:
        """Monday in Auckland begins on Sunday noon in UTC."""
        assert Cron("0 1 * * mon", "Pacific/Auckland").due_after(NOON) == moment("2026-07-06 01:00+12:00")
        assert Cron("0 * * * mon", "Pacific/Auckland").due_after(NOON) == moment("2026-07-06 00:00+12:00")


class TestEvery:
    @pytest.mark.parametrize(
        ("interval", "seconds", "text"),
        [
            (timedelta(seconds=1), 1, "every 1 second"),
            (timedelta(seconds=10), 10, "every 10 seconds"),
            (timedelta(hours=1), 3600, "every 3600 seconds"),
            (timedelta(days=2), 172800, "every 172800 seconds"),
        ],
    )
    def test_is_told_in_seconds(self, interval: timedelta, seconds: int, text: str) -> None:
        assert (Every(interval).seconds, str(Every(interval))) == (seconds, text)

    @pytest.mark.parametrize(
        "interval",
        [
            timedelta(0),
            timedelta(seconds=-1),
            timedelta(milliseconds=500),
            timedelta(milliseconds=1500),
            timedelta(days=40_000),
        ],
    )
    def test_refuses_what_is_not_whole_seconds_or_longer_than_anybody_waits(self, interval: timedelta) -> None:
        with pytest.raises(ValueError, match=rf"^An interval is whole seconds, .*, not {interval}\.$"):
            Every(interval)

    @pytest.mark.parametrize(
        ("interval", "due"),
        [
            (timedelta(seconds=10), ["2026-07-01 12:00:10", "2026-07-01 12:00:20"]),
            (timedelta(hours=6), ["2026-07-01 18:00:00", "2026-07-02 00:00:00"]),
            # Seven days from 1970 on, which began on a Thursday.
            (timedelta(weeks=1), ["2026-07-02 00:00:00", "2026-07-09 00:00:00"]),
        ],
    )
    def test_is_due_on_a_grid_that_starts_in_1970(self, interval: timedelta, due: list[str]) -> None:
        assert _due(Every(interval), 2) == due
        assert _due(Every(interval), 2, after=NOON + SECOND) == due

    def test_is_due_on_a_grid_that_starts_at_its_anchor(self) -> None:
        anchor = NOON + timedelta(seconds=3)
        assert _due(Every(timedelta(seconds=10), anchor=anchor), 2) == ["2026-07-01 12:00:03", "2026-07-01 12:00:13"]
        assert _due(Every(timedelta(hours=6), anchor=NOON - 2 * DAY + SECOND), 1) == ["2026-07-01 12:00:01"]

    def test_is_told_in_utc_whatever_the_anchors_time_zone(self) -> None:
        paris = EPOCH.astimezone(ZoneInfo("Europe/Paris"))
        due = Every(timedelta(hours=1), anchor=paris).due_after(moment("2026-03-29 01:30+01:00"))
        assert (due, due.tzinfo) == (moment("2026-03-29 03:00+02:00"), UTC)

    def test_is_after_the_moment_never_at_it(self) -> None:
        assert Every(timedelta(hours=1)).due_after(NOON) == NOON + timedelta(hours=1)
        assert Every(timedelta(hours=1)).due_after(NOON - timedelta(microseconds=1)) == NOON


class TestOnce:
    def test_is_due_one_time(self) -> None:
        once = Once(NOON)
        assert once.due_after(NOON - SECOND) == NOON
        assert once.due_after(NOON) is None
        assert list(due_times(once, after=NOON - DAY, until=NOON + DAY)) == [NOON]

    def test_is_told_in_utc(self) -> None:
        once = Once(datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris")))
        assert str(once) == "once at 2026-07-01T10:00:00+00:00"
        due = once.due_after(EPOCH)
        assert due is not None
        assert due.tzinfo is UTC

    def test_refuses_a_moment_without_a_time_zone(self) -> None:
        with pytest.raises(ValueError, match=r"^2026-07-01 12:00:00 has no time zone; write datetime"):
            Once(NOON.replace(tzinfo=None))
