from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoAssertNumQueries

from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import Schedule, ScheduleRun, TimetableEntry
from styleguide_example.tasks.services import periodic_tasks_sync, schedule_disable
from styleguide_example.tasks.tests.admins import LIST, page_of, person_make, text_of
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def reader(client: Client) -> Client:
    """Signed in as somebody in Paris who may only see schedules."""
    client.force_login(person_make("view_periodictask", time_zone="Europe/Paris"))
    return client


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody who may see and change schedules."""
    client.force_login(person_make("view_periodictask", "change_periodictask"))
    return client


def _page(client: Client, **query: str) -> str:
    with time_machine.travel(NOON, tick=False):
        return text_of(client.get(LIST, query))


class TestScheduleList:
    def test_says_what_to_do_where_there_is_nothing(self, reader: Client) -> None:
        assert "There is no schedule yet" in _page(reader)
        assert "No schedule matches" in _page(reader, q="x")

    def test_tells_the_timing_in_words_and_as_a_line(self, reader: Client) -> None:
        schedule_make("Clean up", Cron("30 3 * * *", "America/New_York"))
        page = _page(reader)
        assert "At 03:30 every day (America/New_York)" in page
        assert "<code>30 3 * * *</code>" in page

    def test_tells_the_next_run_on_both_clocks(self, reader: Client) -> None:
        schedule_make("Clean up", Cron("30 3 * * *", "America/New_York"))
        page = _page(reader)
        assert '<time datetime="2026-11-21T08:30:00+00:00">Sat 21 Nov 03:30</time>' in page
        assert "Sat 21 Nov 09:30 Europe/Paris" in page
        assert "America/New_York, in 20 h 30 min" in page

    def test_shows_a_dot_with_a_sign_and_a_sentence_for_each_run(self, reader: Client) -> None:
        row = schedule_make("Clean up", Cron("0 * * * *"))
        states = [RunState.SUCCESS, RunState.FAILURE]
        for number, state in enumerate(states):
            due_at = NOON - timedelta(hours=2 - number)
            ended = due_at + timedelta(seconds=3)
            ScheduleRun.objects.create(
                periodic_task=row, due_at=due_at, state=state, started_at=due_at, finished_at=ended
            )
        page = _page(reader)
        assert '<i class="success" title="20 Nov 11:00:00: succeeded, 3.0 s">✓</i>' in page
        assert '<i class="failure" title="20 Nov 12:00:00: failed, 3.0 s">✗</i>' in page
        assert 'aria-label="Last 2 runs: 1 success, 1 failure. The last one: failure."' in page
        assert "last took 3.0 s" in page

    def test_tells_whose_it_is_and_what_an_admin_edited(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        edited = PeriodicTask.objects.get(name=TIMETABLE[1].name)
        PeriodicTask.objects.filter(pk=edited.pk).update(queue="slow")
        schedule_make("By hand", Cron("0 * * * *"))

        page = _page(reader, q=TIMETABLE[1].name)

        assert "An admin edited queue; deploys keep that." in page
        assert ">code</span>" in page
        assert "edited" not in _page(reader, q=TIMETABLE[2].name)
        assert ">admin</span>" in _page(reader, q="By hand")

    def test_marks_what_the_next_deploy_changes(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        entry = TimetableEntry.objects.get(name=TIMETABLE[1].name)
        PeriodicTask.objects.filter(pk=entry.periodic_task_id).update(queue="slow")
        entry.applied = {**entry.applied, "queue": "slow"}
        entry.save()
        assert "deploy pending" in _page(reader)

    def test_marks_a_conflict(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        entry = TimetableEntry.objects.get(name=TIMETABLE[1].name)
        PeriodicTask.objects.filter(pk=entry.periodic_task_id).update(queue="slow")
        entry.applied = {**entry.applied, "queue": "slower"}
        entry.save()
        assert "Code and an admin both changed queue" in _page(reader)

    def test_survives_a_timetable_that_cannot_be_applied(self, reader: Client) -> None:
        schedule_make(TIMETABLE[0].name, Cron("0 * * * *"))
        assert TIMETABLE[0].name in _page(reader)

    def test_marks_what_is_overdue_and_what_never_ran(self, reader: Client) -> None:
        schedule_make("Late", Cron("0 * * * *"), policies={"decided_until": NOON - timedelta(hours=3)})
        page = _page(reader)
        assert ">overdue</span>" in page
        assert ">never ran</span>" in page

    def test_marks_a_task_that_is_gone(self, reader: Client) -> None:
        schedule_make("Old", Cron("0 * * * *"), task="shop.tasks.gone")
        assert "No task is called shop.tasks.gone." in _page(reader)

    def test_tells_why_and_until_when_one_is_disabled(self, reader: Client) -> None:
        row = schedule_make("Clean up", Cron("0 * * * *"))
        schedule_disable(periodic_task=row, reason="Holidays", until=NOON + timedelta(days=1))
        page = _page(reader)
        assert "disabled until Sat 21 Nov 13:00: Holidays" in page

    def test_filters_by_owner(self, reader: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        schedule_make("By hand", Cron("0 * * * *"))
        assert "By hand" not in _page(reader, owner="code")
        assert TIMETABLE[0].name not in _page(reader, owner="admin")

    def test_shows_what_people_wrote_as_text(self, staff: Client) -> None:
        attack = "<script>alert(1)</script>"
        row = schedule_make(attack, Cron("0 * * * *"), enabled=False, task=attack, queue=attack)
        Schedule.objects.create(periodic_task=row, disabled_reason=attack)
        ScheduleRun.objects.create(periodic_task=row, due_at=NOON, state=RunState.FAILURE, error=attack, worker=attack)
        for url in (LIST, page_of(row), page_of(row, "delete"), page_of(row, "history")):
            assert attack not in staff.get(url).content.decode()

    def test_has_no_script_or_style_in_the_page(self, staff: Client) -> None:
        schedule_make("Clean up", Cron("0 * * * *"))
        page = text_of(staff.get(LIST))
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick=" not in page
        assert "<script>" not in page


class TestSwitch:
    def test_is_a_button_that_needs_no_script(self, staff: Client) -> None:
        row = schedule_make("Clean up", Cron("0 * * * *"))
        assert f'name="enabled" value="0" formaction="{row.pk}/enabled/"' in _page(staff)

    def test_is_a_word_for_those_who_may_not(self, reader: Client) -> None:
        schedule_make("Clean up", Cron("0 * * * *"))
        assert "formaction" not in _page(reader)


@pytest.mark.once
class TestAThousandEntries:
    def test_take_few_queries_and_few_bytes(
        self, staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        crontab = schedule_make("Clean up 0000", Cron("*/5 9-17 * * mon-fri", "America/Argentina/Buenos_Aires")).crontab
        rows = [
            PeriodicTask(name=f"Clean up what nobody needs any more {number:04}", task="x", crontab=crontab)
            for number in range(1000)
        ]
        PeriodicTask.objects.bulk_create(rows)
        made = list(PeriodicTask.objects.all())
        Schedule.objects.bulk_create(
            [Schedule(periodic_task=row, decided_until=NOON) for row in made], ignore_conflicts=True
        )
        ScheduleRun.objects.bulk_create([run for row in made for run in _runs(row)], batch_size=2000)

        with django_assert_max_num_queries(12):
            response: Any = staff.get(LIST)

        assert response.content.count(b'class="failure"') == 50 * 20 + 1  # and the legend
        assert len(response.content) < 200 * 1024


def _runs(row: PeriodicTask) -> list[ScheduleRun]:
    return [
        ScheduleRun(
            periodic_task=row,
            due_at=NOON + timedelta(minutes=number),
            state=RunState.FAILURE,
            started_at=NOON,
            finished_at=NOON + timedelta(seconds=75),
        )
        for number in range(20)
    ]


def test_intervals_are_told_to_the_second(reader: Client) -> None:
    schedule_make("Sweep", Every(timedelta(seconds=10)))
    assert "Fri 20 Nov 13:00:10" in _page(reader)
