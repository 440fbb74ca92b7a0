from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from pytest_django import DjangoAssertNumQueries

from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.selectors import schedule_list
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _sync(*whens: Cron | Every, enabled: bool = True) -> None:
    periodic_tasks_sync(
        entries=[
            Entry(name=f"Entry {number}", task=email_sweep, when=when, in_words="x", enabled=enabled)
            for number, when in enumerate(whens)
        ]
    )


class TestScheduleList:
    def test_is_empty_before_the_first_deploy(self) -> None:
        assert schedule_list() == []

    def test_lists_the_timetable_by_name(self) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        schedules = schedule_list()
        assert [schedule.name for schedule in schedules] == sorted(entry.name for entry in TIMETABLE)
        assert all(schedule.in_words and schedule.enabled and schedule.next_run_at for schedule in schedules)

    @pytest.mark.parametrize(
        ("when", "words"),
        [
            (Cron("30 3 * * *"), "At 03:30 every day (UTC)"),
            (Cron("*/5 9-17 * * mon-fri", time_zone="Europe/Berlin"), "Europe/Berlin"),
            (Every(timedelta(seconds=10)), "Every 10 seconds"),
            (Every(timedelta(seconds=1)), "Every second"),
        ],
    )
    def test_tells_them_in_words(self, when: Cron | Every, words: str) -> None:
        _sync(when)
        (schedule,) = schedule_list()
        assert words in schedule.in_words

    @pytest.mark.parametrize(
        ("when", "next_run_at"),
        [
            (Cron("30 3 * * *"), datetime(2026, 11, 21, 3, 30, tzinfo=UTC)),
            (Cron("30 3 * * *", time_zone="Europe/Berlin"), datetime(2026, 11, 21, 2, 30, tzinfo=UTC)),
            (Cron("15 * * * *"), datetime(2026, 11, 20, 12, 15, tzinfo=UTC)),
            (Every(timedelta(hours=2)), datetime(2026, 11, 20, 14, 0, tzinfo=UTC)),
        ],
    )
    def test_tells_the_next_run(self, when: Cron | Every, next_run_at: datetime) -> None:
        with time_machine.travel(NOON, tick=False):
            _sync(when)
            (schedule,) = schedule_list()
        assert schedule.next_run_at == next_run_at

    def test_tells_no_next_run_of_what_is_switched_off(self) -> None:
        _sync(Cron("* * * * *"), enabled=False)
        (schedule,) = schedule_list()
        assert (schedule.enabled, schedule.next_run_at) == (False, None)

    def test_lists_what_admins_added_too(self) -> None:
        once = ClockedSchedule.objects.create(clocked_time=NOON)
        PeriodicTask.objects.create(name="Once", task="x", clocked=once, one_off=True)
        hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
        PeriodicTask.objects.create(name="Hourly", task="x", interval=hourly)
        with time_machine.travel(NOON - timedelta(hours=1), tick=False):
            assert [schedule.name for schedule in schedule_list()] == ["Hourly", "Once"]

    def test_survives_a_timing_that_beat_does_not_fire(self) -> None:
        sunset = SolarSchedule.objects.create(event="sunset", latitude=48, longitude=2)
        PeriodicTask.objects.create(name="Sunset", task=email_sweep.name, solar=sunset)
        (schedule,) = schedule_list()
        assert (schedule.next_run_at, schedule.in_words) == (None, "Sunset (48.000000, 2.000000)")
        assert "does not fire solar schedules" in schedule.problem

    def test_is_one_query_however_many_there_are(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        _sync(*(Cron(f"{minute} * * * *") for minute in range(20)), Every(timedelta(seconds=1)))
        assert CrontabSchedule.objects.count() == 20
        with django_assert_num_queries(1):
            assert len(schedule_list()) == 21
