from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks import lanes
from styleguide_example.tasks.lanes import LANES_MAX, MARKS_MAX, Day, Lane, day_make
from styleguide_example.tasks.selectors import Schedule, schedule_list
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timing import Cron, Every, Once

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def _day(start: datetime = NOON, zone: ZoneInfo = PARIS) -> Day:
    return day_make(schedule_list(), start=start, zone=zone)


def _lane(start: datetime = NOON) -> Lane:
    (lane,) = _day(start).lanes
    return lane


class TestLane:
    def test_has_a_mark_for_each_run(self) -> None:
        schedule_make("Thrice", Cron("0 6,12,18 * * *"))
        lane = _lane()
        assert [mark.at.hour for mark in lane.marks] == [18, 6, 12]
        assert [mark.x for mark in lane.marks] == ["25.00%", "75.00%", "100.00%"]
        assert lane.count == 3

    def test_of_many_runs_has_bars_with_their_count(self) -> None:
        schedule_make("Office hours", Cron("*/5 9-16 * * *"))
        lane = _lane()
        assert [(mark.at.hour, mark.count) for mark in lane.marks] == [(12, 59), (9, 37)]
        assert lane.count == 96

    def test_of_a_short_interval_is_counted_and_not_walked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lanes, "due_times", None)
        schedule_make("Each second", Every(timedelta(seconds=1)))
        assert _lane().count == 86_400
        assert [mark.count for mark in _lane().marks] == [86_400]

    def test_has_never_more_marks_than_can_be_told_apart(self) -> None:
        schedule_make("Often", Cron("*/19 * * * *"))
        schedule_make("Each minute", Cron("* * * * *"))
        assert all(len(lane.marks) <= MARKS_MAX for lane in _day().lanes)

    @pytest.mark.parametrize(
        ("columns", "hours"),
        [
            ({"start_time": NOON + timedelta(hours=20)}, [8, 9, 10, 11, 12]),
            ({"expires": NOON + timedelta(hours=3)}, [13, 14]),
            ({"start_time": NOON + timedelta(days=2)}, []),
            ({"expires": NOON}, []),
        ],
    )
    def test_keeps_within_start_time_and_expiry(self, columns: dict[str, Any], hours: list[int]) -> None:
        schedule_make("Hourly", Cron("0 * * * *"), **columns)
        assert [mark.at.hour for lane in _day().lanes for mark in lane.marks] == hours

    def test_shows_one_moment_once(self) -> None:
        schedule_make("Once", Once(NOON + timedelta(hours=6)))
        assert [mark.x for mark in _lane().marks] == ["25.00%"]


class TestDayMake:
    def test_leaves_out_what_does_not_run(self) -> None:
        schedule_make("Disabled", Cron("0 * * * *"), enabled=False)
        schedule_make("Next year", Cron("0 0 1 1 *"))
        assert _day().lanes == []

    def test_begins_with_what_is_due_first(self) -> None:
        schedule_make("Second", Cron("0 15 * * *"))
        schedule_make("First", Cron("0 14 * * *"))
        assert [lane.schedule.name for lane in _day().lanes] == ["First", "Second"]

    def test_draws_so_many_lanes_and_says_how_many_more(self) -> None:
        row = schedule_make("Hourly", Cron("0 * * * *"))
        PeriodicTask.objects.bulk_create(
            [PeriodicTask(name=f"Copy {number}", task=row.task, crontab=row.crontab) for number in range(LANES_MAX + 2)]
        )
        day = _day()
        assert len(day.lanes) == LANES_MAX
        assert day.left_off == 3

    def test_stops_walking_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lanes, "WALKED_MAX", 100)
        for number in range(10):
            schedule_make(f"Hourly {number}", Cron("0 * * * *"))
        assert (len(_day().lanes), _day().left_off) == (5, 5)

    def test_stops_walking_though_few_bars_come_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lanes, "WALKED_MAX", 1000)
        for number in range(3):
            schedule_make(f"Each minute {number}", Cron("* * * * *"))
        assert (len(_day().lanes), _day().left_off) == (1, 2)

    def test_shows_the_hours_of_the_viewer(self) -> None:
        hours = [hour for _, hour in _day().hours]
        assert (hours[0], len(hours)) == ("14", 23)
        assert [hour for _, hour in _day(zone=ZoneInfo("Asia/Kolkata")).hours][:2] == ["18", "19"]

    def test_names_the_minutes_with_most_at_once(self) -> None:
        for number in range(3):
            schedule_make(f"Daily {number}", Cron("30 3 * * *"))
        schedule_make("Half past", Cron("30 * * * *"))
        schedule_make("Each minute", Cron("* * * * *"))

        clashes = _day().clashes

        assert f"{clashes[0].at:%H:%M}" == "04:30"
        assert clashes[0].names == ["Daily 0", "Daily 1", "Daily 2", "Half past"]
        assert len(clashes) == 1

    def test_draws_the_highest_bar_to_the_top(self) -> None:
        schedule_make("Daily", Cron("30 3 * * *"))
        schedule_make("Half past", Cron("30 * * * *"))
        tops = {f"{mark.at:%H:%M}": (mark.count, top) for mark, top in _day().density}
        assert tops["03:30"] == (2, "0%")
        assert tops["04:30"] == (1, "50%")


class TestClockChange:
    START = datetime(2026, 3, 28, 12, tzinfo=UTC)

    def test_is_marked_on_the_viewers_clock(self) -> None:
        day = _day(self.START)
        ((x, change),) = day.changes
        assert str(change) == "clocks go forward from 02:00 to 03:00 on 29 Mar"
        assert x == "54.17%"
        assert [hour for _, hour in day.hours].count("02") == 0

    def test_that_goes_back_brings_an_hour_twice(self) -> None:
        day = _day(datetime(2026, 10, 24, 12, tzinfo=UTC))
        assert [hour for _, hour in day.hours].count("02") == 2

    def test_of_half_an_hour_is_marked_too(self) -> None:
        day = _day(datetime(2026, 10, 3, 12, tzinfo=UTC), ZoneInfo("Australia/Lord_Howe"))
        assert [str(change) for _, change in day.changes] == ["clocks go forward from 02:00 to 02:30 on 4 Oct"]

    def test_of_a_schedules_own_zone_is_marked_in_its_lane(self) -> None:
        schedule_make("In New York", Cron("30 2 * * *", "America/New_York"))
        lane = _lane(datetime(2026, 3, 7, 12, tzinfo=UTC))
        assert [str(change) for _, change in lane.changes] == ["clocks go forward from 02:00 to 03:00 on 8 Mar"]
        assert [f"{mark.at:%H:%M}" for mark in lane.marks] == ["07:00"]

    def test_loses_and_doubles_nothing(self) -> None:
        schedule_make("Skipped", Cron("30 2 * * *", "Europe/Paris"))
        assert len(_lane(self.START).marks) == 1


def test_a_schedule_without_a_timing_has_no_lane() -> None:
    row = schedule_make("Broken", Cron("0 * * * *"))
    broken = PeriodicTask(name=row.name, task=row.task)
    assert day_make([Schedule(row=broken, now=NOON)], start=NOON, zone=PARIS).lanes == []
