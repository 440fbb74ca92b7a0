"""The pages beside the list: the drift, the next 24 hours, and the runs."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoAssertNumQueries

from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun, TimetableEntry
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.tests.admins import DAY, DRIFT, RUNS, person_make, text_of
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOURLY = Cron("0 * * * *")


@pytest.fixture
def reader(client: Client) -> Client:
    """Signed in as somebody in Paris who may see schedules and their runs."""
    client.force_login(person_make("view_periodictask", "view_schedulerun", time_zone="Europe/Paris"))
    return client


def _day(client: Client, now: datetime = NOON) -> str:
    with time_machine.travel(now, tick=False):
        return text_of(client.get(DAY))


class TestDrift:
    def test_says_when_there_is_none(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        assert "Nothing drifted" in text_of(reader.get(DRIFT))

    def test_shows_all_sides_of_what_an_admin_edited(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        PeriodicTask.objects.filter(name=TIMETABLE[1].name).update(queue="slow")
        page = text_of(reader.get(DRIFT))
        assert f">{TIMETABLE[1].name}</h2>" in page
        assert '">slow</td>' in page
        assert '<td data-label="Will be"><strong>slow</strong> <span class="badge quiet">stays</span></td>' in page
        assert "The next deploy leaves it as it is." in page

    def test_shows_what_the_next_deploy_writes(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE[1:])
        page = text_of(reader.get(DRIFT))
        assert f">{TIMETABLE[0].name}</h2>" in page
        assert "The next deploy creates it." in page

    def test_shows_conflicts(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        entry = TimetableEntry.objects.get(name=TIMETABLE[1].name)
        PeriodicTask.objects.filter(pk=entry.periodic_task_id).update(queue="slow")
        entry.applied = {**entry.applied, "queue": "slower"}
        entry.save()
        page = text_of(reader.get(DRIFT))
        assert '<tr class="conflict">' in page
        assert ">slower</td>" in page

    def test_says_why_the_timetable_cannot_be_applied(self, reader: Client) -> None:
        schedule_make(TIMETABLE[0].name, HOURLY)
        page = text_of(reader.get(DRIFT))
        assert "The timetable cannot be applied: Schedules of the same name exist" in page

    def test_shows_only_what_was_selected(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        PeriodicTask.objects.update(queue="slow")
        row = PeriodicTask.objects.get(name=TIMETABLE[0].name)
        page = text_of(reader.get(DRIFT, {"keys": f"{row.pk},x,"}))
        assert f">{TIMETABLE[0].name}</h2>" in page
        assert f">{TIMETABLE[1].name}</h2>" not in page


class TestDay:
    def test_says_when_nothing_is_due(self, reader: Client) -> None:
        schedule_make("Disabled", HOURLY, enabled=False)
        assert "Nothing is due" in _day(reader)

    def test_draws_a_lane_with_its_marks_on_the_viewers_clock(self, reader: Client) -> None:
        schedule_make("Clean up", Cron("30 3 * * *"))
        page = _day(reader)
        assert (
            '<rect class="mark" x="64.58%" y="3" width="3" height="18" rx="1.5"><title>04:30:00</title></rect>' in page
        )
        assert "At 03:30 every day (UTC) · 1 run" in page

    def test_says_the_same_in_a_table(self, reader: Client) -> None:
        schedule_make("Often", Every(timedelta(seconds=10)))
        page = _day(reader)
        cells = "<td>Every 10 seconds</td><td>8640</td><td>Fri 13:00:10</td><td>Sat 13:00:00</td>"
        assert f'<th scope="row">Often</th>{cells}' in page

    def test_names_what_runs_at_once(self, reader: Client) -> None:
        for number in range(6):
            schedule_make(f"Daily {number}", Cron("30 3 * * *"))
        page = _day(reader)
        assert "<strong>6 at once</strong> Daily 0, Daily 1, Daily 2, Daily 3 and 2 more" in page

    def test_marks_a_clock_change(self, reader: Client) -> None:
        schedule_make("Clean up", Cron("30 2 * * *", "Europe/Paris"))
        page = _day(reader, datetime(2026, 3, 28, 12, tzinfo=UTC))
        assert "On your clock, clocks go forward from 02:00 to 03:00 on 29 Mar." in page
        assert 'class="change-line"' in page
        assert "Europe/Paris: clocks go forward" in page

    def test_asks_the_database_no_more_for_more_schedules(
        self, reader: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        schedule_make("First", HOURLY)
        with CaptureQueriesContext(connection) as first:
            _day(reader)
        for number in range(20):
            schedule_make(f"Hourly {number}", HOURLY)
        with django_assert_num_queries(len(first)):
            _day(reader)

    def test_shows_what_people_wrote_as_text(self, reader: Client) -> None:
        attack = "<script>alert(1)</script>"
        schedule_make(attack, HOURLY)
        schedule_make(attack + "2", HOURLY)
        with time_machine.travel(NOON, tick=False):
            assert attack not in reader.get(DAY).content.decode()


class TestRuns:
    def _runs(self) -> tuple[PeriodicTask, PeriodicTask]:
        one, other = schedule_make("One", HOURLY), schedule_make("Other", HOURLY)
        ScheduleRun.objects.create(periodic_task=one, due_at=NOON, state=RunState.FAILURE, worker="first worker")
        ScheduleRun.objects.create(periodic_task=other, due_at=NOON, state=RunState.SUCCESS, worker="second worker")
        return one, other

    def test_are_listed_on_the_viewers_clock(self, reader: Client) -> None:
        self._runs()
        page = text_of(reader.get(RUNS))
        assert '<time datetime="2026-11-20T12:00:00+00:00">2026-11-20 13:00:00</time>' in page
        assert "first worker" in page
        assert "second worker" in page

    def test_are_filtered_by_state(self, reader: Client) -> None:
        self._runs()
        page = text_of(reader.get(RUNS, {"state__exact": "failure"}))
        assert "first worker" in page
        assert "second worker" not in page

    def test_are_filtered_by_schedule(self, reader: Client) -> None:
        _, other = self._runs()
        page = text_of(reader.get(RUNS, {"schedule": str(other.pk), "state__exact": "success"}))
        assert "second worker" in page
        assert "first worker" not in page
        assert f'<option value="{other.pk}" selected>Other</option>' in page
        assert '<input type="hidden" name="state__exact" value="success">' in page

    @pytest.mark.parametrize("value", ["", "x", "-1", "99999999999999999999", "²"])
    def test_survive_whatever_is_filtered_for(self, reader: Client, value: str) -> None:
        self._runs()
        text_of(reader.get(RUNS, {"schedule": value}))

    def test_are_found_by_the_name_of_the_schedule(self, reader: Client) -> None:
        self._runs()
        page = text_of(reader.get(RUNS, {"q": "oth"}))
        assert "second worker" in page
        assert "first worker" not in page

    def test_ask_the_database_no_more_for_more_rows(
        self, reader: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        one, _ = self._runs()
        with CaptureQueriesContext(connection) as first:
            reader.get(RUNS)
        for hour in range(20):
            ScheduleRun.objects.create(periodic_task=one, due_at=NOON + timedelta(hours=hour + 1))
        with django_assert_num_queries(len(first)):
            reader.get(RUNS)
