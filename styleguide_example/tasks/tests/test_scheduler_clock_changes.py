"""The real scheduler, tick by tick over real rows, through both clock changes of a year."""

from datetime import datetime, timedelta

import pytest
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.processes import Queue
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.tests.beats import Beat, due_written, schedule_make
from styleguide_example.tasks.tests.wall_clock import WallClock, clock_changes
from styleguide_example.tasks.timing import Cron, Every

pytestmark = [pytest.mark.no_services, pytest.mark.django_db]

DAY = timedelta(days=1)
LINES = ["30 2 * * *", "0 2 * * *", "45 1 * * *", "15 * * * *", "*/20 1-3 * * *", "0 3 * * 0", "30 0 * * *"]


def _through(after: datetime, until: datetime) -> None:
    """Beat leads at ``after`` and ticks until ``until``."""
    beat = Beat(after).lead()
    beat.run_until(until)
    beat.scheduler.close()


def _schedules(time_zone: str, *, saved_at: datetime) -> dict[str, PeriodicTask]:
    return {line: schedule_make(line, Cron(line, time_zone), saved_at=saved_at) for line in LINES}


class TestClockChange:
    @pytest.mark.parametrize("time_zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe"])
    @pytest.mark.parametrize("season", [0, 1])
    def test_loses_and_doubles_nothing(self, queue: Queue, time_zone: str, season: int) -> None:
        change = clock_changes(time_zone, year=2025)[season]
        after, until = change - DAY, change + DAY
        schedules = _schedules(time_zone, saved_at=after)

        _through(after, until)

        clock = WallClock(time_zone, after=after, until=until)
        assert {line: due_written(row) for line, row in schedules.items()} == {line: clock.due(line) for line in LINES}
        assert not ScheduleRun.objects.exclude(state=RunState.WAITING, covers=0).exists()
        assert len(queue) == ScheduleRun.objects.count()

    @pytest.mark.parametrize("change", clock_changes("Europe/Paris", year=2025), ids=str)
    def test_is_none_where_the_clock_is_never_changed(self, queue: Queue, change: datetime) -> None:
        after, until = change - DAY, change + DAY
        schedules = _schedules("Asia/Tokyo", saved_at=after)

        _through(after, until)

        clock = WallClock("Asia/Tokyo", after=after, until=until)
        assert {line: due_written(row) for line, row in schedules.items()} == {line: clock.due(line) for line in LINES}

    def test_of_one_zone_is_nothing_to_the_schedules_of_another(self, queue: Queue) -> None:
        zones = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "UTC"]
        (_, autumn) = clock_changes("Europe/Paris", year=2025)
        after, until = autumn - DAY, autumn + DAY
        schedules = {zone: schedule_make(zone, Cron("30 2 * * *", zone), saved_at=after) for zone in zones}

        _through(after, until)

        clocks = {zone: WallClock(zone, after=after, until=until).due("30 2 * * *") for zone in zones}
        assert {zone: due_written(row) for zone, row in schedules.items()} == clocks
        assert {zone: len(due) for zone, due in clocks.items()} == dict.fromkeys(zones, 2)

    def test_is_nothing_to_an_interval(self, queue: Queue) -> None:
        (spring, _) = clock_changes("Europe/Paris", year=2025)
        row = schedule_make("Every hour", Every(timedelta(hours=1)), saved_at=spring - DAY)

        _through(spring - DAY, spring + DAY)

        hours = [spring - DAY + timedelta(hours=number) for number in range(1, 49)]
        assert due_written(row) == hours

    @pytest.mark.parametrize("season", [0, 1])
    def test_in_an_hour_without_a_beat_is_made_up_for_once(self, queue: Queue, season: int) -> None:
        change = clock_changes("Europe/Paris", year=2025)[season]
        before = change - timedelta(hours=2)
        row = schedule_make("Nightly", Cron("30 2 * * *", "Europe/Paris"), saved_at=before)
        beat = Beat(before).lead()

        beat.tick(change + timedelta(hours=2))
        beat.run_until(change + timedelta(hours=12))

        clock = WallClock("Europe/Paris", after=before, until=change + timedelta(hours=12))
        assert due_written(row, RunState.WAITING) == clock.due("30 2 * * *")
        assert len(due_written(row)) == 1
