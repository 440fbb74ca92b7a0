"""Who may do what. The other tests of the admin ask as somebody who may."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.tests.admins import (
    ADD,
    DAY,
    DRIFT,
    LIST,
    PREVIEW,
    RUNS,
    page_of,
    person_make,
    text_of,
    typed,
)
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timing import Cron

pytestmark = pytest.mark.django_db

HOURLY = Cron("0 * * * *")


def _row() -> PeriodicTask:
    return schedule_make("Clean up", HOURLY)


def _act(client: Client, action: str, row: PeriodicTask) -> Any:
    return client.post(LIST, {"action": action, "_selected_action": [str(row.pk)]}, follow=True)


class TestNobody:
    @pytest.mark.parametrize("somebody", [None, "not staff", "staff without permission"])
    def test_sees_anything(self, client: Client, somebody: str | None) -> None:
        row = _row()
        if somebody:
            client.force_login(person_make(staff=somebody.startswith("staff")))
        for url in (LIST, ADD, DAY, DRIFT, PREVIEW, RUNS, page_of(row), page_of(row, "delete")):
            response = client.get(url)
            assert response.status_code == (403 if somebody == "staff without permission" else 302)
            assert row.name not in response.content.decode()

    @pytest.mark.parametrize("somebody", [None, "not staff", "staff without permission"])
    def test_changes_anything(self, client: Client, somebody: str | None) -> None:
        row = _row()
        if somebody:
            client.force_login(person_make(staff=somebody.startswith("staff")))
        for url in (page_of(row, "switch"), page_of(row, "run"), page_of(row), page_of(row, "delete"), ADD, LIST):
            client.post(url, {"enabled": "0", "post": "yes", **typed(), "action": "run_now"})
        assert PeriodicTask.objects.get().enabled
        assert not ScheduleRun.objects.exists()


class TestReader:
    @pytest.fixture
    def reader(self, client: Client) -> Client:
        client.force_login(person_make("view_periodictask", "view_schedulerun"))
        return client

    def test_sees_every_page(self, reader: Client) -> None:
        row = _row()
        for url in (LIST, DAY, DRIFT, PREVIEW, RUNS, page_of(row)):
            assert reader.get(url).status_code == 200

    def test_reads_the_facts_and_finds_no_field(self, reader: Client) -> None:
        page = text_of(reader.get(page_of(_row())))
        assert "At 0 minutes past the hour" in page or "Every hour" in page
        assert "Missed runs: run once for all of them" in page
        assert 'name="cron_line"' not in page
        assert 'name="_preview"' not in page

    def test_is_offered_the_drift_alone(self, reader: Client) -> None:
        _row()
        page = text_of(reader.get(LIST))
        assert 'value="show_drift"' in page
        for action in ("run_now", "enable", "disable", "reset_to_code", "delete_selected"):
            assert f'value="{action}"' not in page

    @pytest.mark.parametrize("action", ["run_now", "enable", "disable", "reset_to_code", "delete_selected"])
    def test_cannot_force_an_action(self, reader: Client, action: str) -> None:
        _act(reader, action, _row())
        assert PeriodicTask.objects.get().enabled
        assert not ScheduleRun.objects.exists()

    @pytest.mark.parametrize("name", ["switch", "run", "change", "delete"])
    def test_cannot_force_a_change(self, reader: Client, name: str) -> None:
        row = _row()
        assert reader.post(page_of(row, name), {"enabled": "0", "post": "yes", **typed()}).status_code == 403
        assert PeriodicTask.objects.values().get()["name"] == "Clean up"
        assert reader.post(ADD, typed()).status_code == 403


class TestEditor:
    @pytest.fixture
    def editor(self, client: Client) -> Client:
        client.force_login(person_make("view_periodictask", "change_periodictask"))
        return client

    def test_cannot_run_a_task(self, editor: Client) -> None:
        row = _row()
        assert editor.post(page_of(row, "run")).status_code == 403
        _act(editor, "run_now", row)
        assert not ScheduleRun.objects.exists()
        assert "run-now" not in text_of(editor.get(page_of(row)))

    def test_can_neither_add_nor_delete(self, editor: Client) -> None:
        assert editor.get(ADD).status_code == 403
        assert editor.get(page_of(_row(), "delete")).status_code == 403


class TestRunner:
    def test_runs_and_changes_nothing(self, client: Client) -> None:
        client.force_login(person_make("view_periodictask", "run_schedule"))
        row = _row()
        _act(client, "run_now", row)
        assert ScheduleRun.objects.count() == 1
        assert client.post(page_of(row, "switch"), {"enabled": "0"}).status_code == 403

    def test_needs_to_see_what_it_runs(self, client: Client) -> None:
        client.force_login(person_make("run_schedule"))
        assert client.post(page_of(_row(), "run")).status_code == 403


class TestRuns:
    def test_are_read_only_for_everybody(self, admin_client: Client) -> None:
        run = ScheduleRun.objects.create(periodic_task=_row(), due_at="2026-01-01T00:00Z")
        page = reverse("admin:tasks_schedulerun_change", args=[run.pk])
        assert 'name="_save"' not in text_of(admin_client.get(page))
        assert admin_client.post(page, {"state": "success"}).status_code == 403
        assert admin_client.post(reverse("admin:tasks_schedulerun_delete", args=[run.pk])).status_code == 403
        assert admin_client.get(reverse("admin:tasks_schedulerun_add")).status_code == 403


class TestSharedTimings:
    @pytest.mark.parametrize("model", [CrontabSchedule, IntervalSchedule, ClockedSchedule, SolarSchedule])
    def test_cannot_be_edited_behind_the_schedules_back(self, model: type) -> None:
        assert not admin.site.is_registered(model)
