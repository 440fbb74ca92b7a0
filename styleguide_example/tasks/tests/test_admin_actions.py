from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoCaptureOnCommitCallbacks

from styleguide_example.common.tests.processes import Queue
from styleguide_example.tasks.enums import Overlap, RunState, RunTrigger
from styleguide_example.tasks.models import Schedule, ScheduleRun
from styleguide_example.tasks.services import periodic_tasks_sync, schedule_disable
from styleguide_example.tasks.tests.admins import DRIFT, LIST, page_of, person_make, text_of
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db

HOURLY = Cron("0 * * * *")
YESTERDAY = datetime(2026, 11, 19, 12, tzinfo=UTC)


@pytest.fixture
def person() -> User:
    return person_make("view_periodictask", "change_periodictask", "run_schedule")


@pytest.fixture
def staff(client: Client, person: User) -> Client:
    """Signed in as somebody who may see, change and run schedules."""
    client.force_login(person)
    return client


def _act(client: Client, action: str, *rows: PeriodicTask) -> str:
    data: dict[str, Any] = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return text_of(client.post(LIST, data, follow=True))


def _history() -> list[tuple[str, str]]:
    return list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))


class TestRunNow:
    def test_writes_a_run_and_wakes_a_worker(
        self,
        staff: Client,
        person: User,
        queue: Queue,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        row = schedule_make("Clean up", HOURLY)
        with django_capture_on_commit_callbacks(execute=True):
            page = _act(staff, "run_now", row)

        run = ScheduleRun.objects.get()
        assert (run.periodic_task, run.trigger, run.requested_by) == (row, RunTrigger.PERSON, person)
        assert len(queue) == 1
        assert "1 schedule asked to run now: " in page
        assert [message for _, message in _history()] == ["Asked to run now."]

    def test_says_of_each_why_it_was_refused(self, staff: Client) -> None:
        fine = schedule_make("Fine", HOURLY)
        gone = schedule_make("Gone", HOURLY, task="shop.tasks.gone")
        busy = schedule_make("Busy", HOURLY, policies={"overlap": Overlap.SKIP})
        ScheduleRun.objects.create(periodic_task=busy, due_at=YESTERDAY, state=RunState.RUNNING)

        page = _act(staff, "run_now", fine, gone, busy)

        assert "'Gone' was not run: no task 'shop.tasks.gone' may be scheduled" in page
        assert "'Busy' was not run: its last run has not ended" in page
        assert "1 schedule asked to run now: " in page
        assert [name for name, _ in _history()] == [str(fine)]

    def test_is_a_button_on_its_page_too(self, staff: Client) -> None:
        row = schedule_make("Clean up", HOURLY)
        assert 'form="run-now"' in text_of(staff.get(page_of(row)))
        staff.post(page_of(row, "run"))
        assert ScheduleRun.objects.get().periodic_task == row


class TestEnableAndDisable:
    def test_switch_each_and_enter_it_in_its_history(self, staff: Client) -> None:
        rows = [schedule_make("One", HOURLY), schedule_make("Other", HOURLY)]
        PeriodicTask.objects.update(last_run_at=YESTERDAY, total_run_count=3)

        assert "2 schedules disabled: " in _act(staff, "disable", *rows)
        assert set(PeriodicTask.objects.values_list("enabled", "last_run_at", "total_run_count")) == {
            (False, YESTERDAY, 3)
        }
        assert "2 schedules enabled: " in _act(staff, "enable", *rows)
        assert set(PeriodicTask.objects.values_list("enabled", flat=True)) == {True}
        assert [message for _, message in _history()] == ["Disabled."] * 2 + ["Enabled."] * 2

    def test_say_of_each_what_it_was_already(self, staff: Client) -> None:
        on, off = schedule_make("On", HOURLY), schedule_make("Off", HOURLY)
        schedule_disable(periodic_task=off, reason="Holidays")
        off.refresh_from_db()

        assert "On: it was enabled already." in _act(staff, "enable", on)
        assert "Off: it was disabled already." in _act(staff, "disable", off)
        assert Schedule.objects.get(periodic_task=off).disabled_reason == "Holidays"
        assert _history() == []


class TestSwitch:
    def test_turns_one_off_and_on(self, staff: Client) -> None:
        row = schedule_make("Clean up", HOURLY)

        page = text_of(staff.post(page_of(row, "switch"), {"enabled": "0"}, follow=True))

        assert "1 schedule disabled: " in page
        assert not PeriodicTask.objects.get().enabled
        staff.post(page_of(row, "switch"), {"enabled": "1"})
        assert PeriodicTask.objects.get().enabled
        assert [message for _, message in _history()] == ["Disabled.", "Enabled."]

    def test_comes_back_to_the_same_filters(self, staff: Client) -> None:
        row = schedule_make("Clean up", HOURLY)
        response: Any = staff.post(page_of(row, "switch") + "?_changelist_filters=owner%3Dadmin", {"enabled": "0"})
        assert response.url == f"{LIST}?owner=admin"

    def test_survives_one_that_was_deleted_meanwhile(self, staff: Client) -> None:
        row = schedule_make("Clean up", HOURLY)
        url = page_of(row, "switch")
        row.delete()
        assert "deleted meanwhile" in text_of(staff.post(url, {"enabled": "0"}, follow=True))

    @pytest.mark.parametrize("name", ["switch", "run"])
    def test_changes_nothing_by_a_link(self, staff: Client, name: str) -> None:
        row = schedule_make("Clean up", HOURLY)
        assert staff.get(page_of(row, name)).status_code == 405

    @pytest.mark.parametrize("name", ["switch", "run"])
    def test_refuses_a_form_from_elsewhere(self, person: User, name: str) -> None:
        row = schedule_make("Clean up", HOURLY)
        client = Client(enforce_csrf_checks=True)
        client.force_login(person)
        assert client.post(page_of(row, name), {"enabled": "0"}).status_code == 403
        assert PeriodicTask.objects.get().enabled
        assert not ScheduleRun.objects.exists()


class TestResetToCode:
    def test_drops_what_an_admin_edited_and_nothing_else(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        PeriodicTask.objects.update(queue="slow", last_run_at=YESTERDAY)
        one, other, *_ = PeriodicTask.objects.filter(timetable_entry__name__in=[TIMETABLE[0].name, TIMETABLE[1].name])

        page = _act(staff, "reset_to_code", one)

        assert "1 schedule reset to code: " in page
        one.refresh_from_db()
        other.refresh_from_db()
        assert (one.queue, one.last_run_at, other.queue) == (None, YESTERDAY, "slow")
        assert [message for _, message in _history()] == ["Reset to code."]

    def test_finds_one_that_an_admin_renamed(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        row = PeriodicTask.objects.get(name=TIMETABLE[0].name)
        PeriodicTask.objects.filter(pk=row.pk).update(name="Mine")
        assert "1 schedule reset to code: " in _act(staff, "reset_to_code", row)
        assert PeriodicTask.objects.get(pk=row.pk).name == TIMETABLE[0].name

    def test_says_of_each_why_there_was_nothing_to_do(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        as_in_code = PeriodicTask.objects.get(name=TIMETABLE[0].name)
        by_hand = schedule_make("By hand", HOURLY)

        page = _act(staff, "reset_to_code", as_in_code, by_hand)

        assert f"{TIMETABLE[0].name}: it is as in the code." in page
        assert "By hand: an admin's own; code does not know it." in page
        assert _history() == []

    def test_says_when_the_code_does_not_know_it_any_more(self, staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        left = PeriodicTask.objects.get(name=TIMETABLE[0].name)
        monkeypatch.setattr("styleguide_example.tasks.actions.TIMETABLE", TIMETABLE[1:])
        assert "it is not in the code any more." in _act(staff, "reset_to_code", left)

    def test_says_why_the_timetable_cannot_be_applied(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        row = PeriodicTask.objects.get(name=TIMETABLE[0].name)
        PeriodicTask.objects.filter(pk=row.pk).update(name="Mine")
        schedule_make(TIMETABLE[0].name, HOURLY)
        assert "Two schedules would be called" in _act(staff, "reset_to_code", row)
        assert PeriodicTask.objects.get(pk=row.pk).name == "Mine"


class TestShowDrift:
    def test_leads_to_the_selected_ones(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        PeriodicTask.objects.update(queue="slow")
        chosen = PeriodicTask.objects.get(name=TIMETABLE[0].name)
        by_hand = schedule_make("By hand", HOURLY)

        page = _act(staff, "show_drift", chosen, by_hand)

        assert f">{TIMETABLE[0].name}</h2>" in page
        assert f">{TIMETABLE[1].name}</h2>" not in page
        assert "By hand: an admin's own; code does not know it." in page
        assert f">{TIMETABLE[1].name}</h2>" in text_of(staff.get(DRIFT))


class TestDelete:
    def test_explains_that_code_will_bring_it_back(self, admin_client: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        owned, by_hand = PeriodicTask.objects.get(name=TIMETABLE[0].name), schedule_make("By hand", HOURLY)
        assert "the next deploy will create it again" in text_of(admin_client.get(page_of(owned, "delete")))
        assert "the next deploy will create it again" not in text_of(admin_client.get(page_of(by_hand, "delete")))

    def test_takes_the_history_along(self, admin_client: Client) -> None:
        row = schedule_make("By hand", HOURLY, policies={})
        for hour in range(3):
            ScheduleRun.objects.create(periodic_task=row, due_at=YESTERDAY + timedelta(hours=hour))
        assert "Recorded runs: 3" in text_of(admin_client.get(page_of(row, "delete")))

        admin_client.post(page_of(row, "delete"), {"post": "yes"})

        assert not PeriodicTask.objects.exists()
        assert not ScheduleRun.objects.exists()

    def test_of_a_selection_explains_it_too(self, admin_client: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        page = _act(admin_client, "delete_selected", *PeriodicTask.objects.all())
        assert "created again by the next deploy" in page
        assert PeriodicTask.objects.count() == len(TIMETABLE)
