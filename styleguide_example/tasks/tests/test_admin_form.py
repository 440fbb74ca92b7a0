from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import Schedule, ScheduleRun
from styleguide_example.tasks.services import periodic_tasks_plan, periodic_tasks_sync, schedule_disable
from styleguide_example.tasks.tests.admins import ADD, LIST, PREVIEW, page_of, person_make, text_of, typed
from styleguide_example.tasks.tests.beats import Beat, schedule_make
from styleguide_example.tasks.tests.factories import entry_make
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NIGHTLY = Cron("30 3 * * *", "Europe/Paris")


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody in Paris who may see, add and change schedules."""
    permissions = ("view_periodictask", "change_periodictask", "add_periodictask")
    client.force_login(person_make(*permissions, time_zone="Europe/Paris"))
    return client


def _save(client: Client, url: str, **changes: Any) -> None:
    response: Any = client.post(url, typed(**changes))
    assert response.status_code == 302, text_of(response)
    assert response.url == LIST


class TestAdd:
    def test_writes_a_schedule_with_its_policies(self, staff: Client) -> None:
        _save(staff, ADD, name="Mine", jitter_seconds="60", overlap="skip", priority="7", queue="slow")

        row = PeriodicTask.objects.get()
        assert (row.name, row.priority, row.queue, row.enabled, row.one_off) == ("Mine", 7, "slow", True, False)
        assert str(row.crontab) == "30 3 * * * (m/h/dM/MY/d) Europe/Paris"
        assert (row.policies.jitter_seconds, row.policies.overlap) == (60, "skip")
        assert LogEntry.objects.get().is_addition()

    def test_writes_one_that_begins_disabled(self, staff: Client) -> None:
        _save(staff, ADD, enabled="", disabled_reason="Not yet", disabled_until="2099-01-01T12:00")
        row = PeriodicTask.objects.get()
        assert (row.enabled, row.policies.disabled_reason) == (False, "Not yet")
        assert row.policies.disabled_until == datetime(2099, 1, 1, 11, tzinfo=UTC)

    def test_writes_one_moment(self, staff: Client) -> None:
        _save(staff, ADD, kind="once", at="2099-07-01T12:00")
        row = PeriodicTask.objects.get()
        assert row.one_off
        assert row.clocked is not None
        assert row.clocked.clocked_time == datetime(2099, 7, 1, 10, tzinfo=UTC)

    def test_shows_what_is_wrong_and_keeps_what_was_typed(self, staff: Client) -> None:
        page = text_of(staff.post(ADD, typed(cron_line="61 * * * *", name="Mine")))
        assert "'61' is not a minute" in page
        assert 'value="61 * * * *"' in page
        assert not PeriodicTask.objects.exists()


class TestChange:
    def test_finds_or_makes_a_timing_and_never_edits_a_shared_one(self, staff: Client) -> None:
        row, other = schedule_make("Sweep", NIGHTLY), schedule_make("Other", NIGHTLY)
        PeriodicTask.objects.filter(pk=other.pk).update(crontab=row.crontab)

        _save(staff, page_of(row), cron_line="0 5 * * *")

        row.refresh_from_db()
        other.refresh_from_db()
        assert row.crontab != other.crontab
        assert str(other.crontab) == "30 3 * * * (m/h/dM/MY/d) Europe/Paris"

    def test_keeps_the_timings_row_when_only_another_field_changes(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        CrontabSchedule.objects.create(minute="30", hour="3", timezone="Europe/Paris")
        _save(staff, page_of(row), queue="slow")
        assert PeriodicTask.objects.get().crontab == row.crontab

    def test_changes_the_kind(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        _save(staff, page_of(row), kind="every", every="5", period="minutes")
        row.refresh_from_db()
        assert row.crontab is None
        assert row.interval == IntervalSchedule.objects.get(every=300, period="seconds")

    def test_leaves_beats_own_columns_alone(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY, policies={"decided_until": LONG_AGO, "decided_for": str(NIGHTLY)})
        PeriodicTask.objects.update(last_run_at=LONG_AGO, total_run_count=7)

        _save(staff, page_of(row), queue="slow", jitter_seconds="9")

        assert PeriodicTask.objects.values_list("last_run_at", "total_run_count").get() == (LONG_AGO, 7)
        policies = Schedule.objects.get()
        assert (policies.decided_until, policies.decided_for) == (LONG_AGO, str(NIGHTLY))
        assert policies.jitter_seconds == 9

    def test_remembers_when_it_last_ran_though_it_is_disabled(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        PeriodicTask.objects.update(last_run_at=LONG_AGO, total_run_count=7)

        _save(staff, page_of(row), enabled="", disabled_reason="Holidays")
        _save(staff, page_of(row), enabled="", disabled_reason="Holidays", queue="slow")

        assert PeriodicTask.objects.values_list("enabled", "last_run_at", "queue").get() == (False, LONG_AGO, "slow")
        assert Schedule.objects.get().disabled_reason == "Holidays"

    def test_changes_why_it_is_disabled(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        schedule_disable(periodic_task=row, reason="Holidays")
        _save(staff, page_of(row), enabled="", disabled_reason="Moved")
        assert Schedule.objects.get().disabled_reason == "Moved"

    def test_enables_it_and_forgets_why_it_was_not(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        schedule_disable(periodic_task=row, reason="Holidays")
        _save(staff, page_of(row))
        assert PeriodicTask.objects.get().enabled
        assert Schedule.objects.get().disabled_reason == ""

    def test_tells_beat_even_of_a_policy(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        PeriodicTasks.objects.update_or_create(ident=1, defaults={"last_update": LONG_AGO})
        _save(staff, page_of(row), overlap="skip")
        assert PeriodicTasks.objects.get().last_update > LONG_AGO

    def test_enters_what_was_changed_in_its_history(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY, policies={}, kwargs="{}")
        _save(staff, page_of(row), cron_line="0 5 * * *")
        assert LogEntry.objects.get().get_change_message() == "Changed Crontab line."

    def test_is_an_edit_that_deploys_keep(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        entry = TIMETABLE[1]
        row = PeriodicTask.objects.get(name=entry.name)
        unchanged = {"name": entry.name, "task": entry.task.name, "description": entry.description}

        _save(staff, page_of(row), **unchanged, priority="9", cron_line="0 5 * * *", time_zone="UTC")

        (line,) = periodic_tasks_plan(entries=TIMETABLE).drift
        assert [(field.field, field.result) for field in line.drift] == [("when", "cron 0 5 * * * UTC")]

    def test_of_nothing_is_no_edit(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        row = PeriodicTask.objects.get(name=TIMETABLE[1].name)
        page = staff.get(page_of(row))
        form = page.context["adminform"].form
        typed_again = {name: form[name].value() for name in form.fields}
        sent = {name: value for name, value in typed_again.items() if value is not None and value is not False}

        response = staff.post(page_of(row), sent)

        assert response.status_code == 302
        assert not periodic_tasks_plan(entries=TIMETABLE).drift

    def test_keeps_arguments_by_place_and_shows_them(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY, args="[1]")
        assert "<code>[1]</code>" in text_of(staff.get(page_of(row)))
        _save(staff, page_of(row))
        assert PeriodicTask.objects.get().args == "[1]"


class TestFacts:
    def test_tell_what_became_of_the_last_runs(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        at = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
        ScheduleRun.objects.create(
            periodic_task=row,
            due_at=at,
            state=RunState.FAILURE,
            woken_at=at,
            started_at=at,
            finished_at=at.replace(second=7),
            worker="celery@web-1",
            error="ConnectionError: gone",
        )
        page = text_of(staff.get(page_of(row)))
        for words in ("20 Nov 2026 03:30:00", "failed", "03:30:07", "7.0 s", "celery@web-1", "ConnectionError: gone"):
            assert words in page

    def test_tell_whose_it_is_and_what_the_next_deploy_does(self, staff: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        row = PeriodicTask.objects.get(name=TIMETABLE[1].name)
        assert "Nothing: it is as in the code." in text_of(staff.get(page_of(row)))

        PeriodicTask.objects.filter(pk=row.pk).update(queue="slow", name="Mine")

        page = text_of(staff.get(page_of(row)))
        assert "Code owns it" in page
        assert f"In code it is called “{TIMETABLE[1].name}”" in page
        assert '<th scope="row">queue</th>' in page
        assert "An admin owns it." in text_of(staff.get(page_of(schedule_make("By hand", NIGHTLY))))


class TestQueueThatIsGone:
    def test_is_shown_and_not_changed_in_silence(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY, queue="gone")
        assert "gone: nobody takes from it" in text_of(staff.get(page_of(row)))
        page = text_of(staff.post(page_of(row), typed(description="Mine", queue="gone")))
        assert "No queue is called 'gone'" in page
        assert PeriodicTask.objects.values_list("queue", "description").get() == ("gone", "")


class TestFormThatWasOpenMeanwhile:
    def test_undoes_nothing_of_a_deploy(self, staff: Client) -> None:
        periodic_tasks_sync(entries=[entry_make("Sweep")])
        row = PeriodicTask.objects.get()
        version = staff.get(page_of(row)).context["adminform"].form.initial["version"]
        periodic_tasks_sync(entries=[entry_make("Sweep", jitter_seconds=5)])

        page = text_of(staff.post(page_of(row), typed(description="Mine", version=version)))

        assert "changed meanwhile, by a deploy or by another person" in page
        assert PeriodicTask.objects.get().description == "Every 10 seconds."

    def test_enables_nothing_that_another_person_disabled(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY, policies={})
        version = staff.get(page_of(row)).context["adminform"].form.initial["version"]
        schedule_disable(periodic_task=row, reason="dangerous")

        staff.post(page_of(row), typed(version=version))

        assert not PeriodicTask.objects.get().enabled

    def test_is_saved_though_beat_has_not_seen_the_schedule_yet(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        version = staff.get(page_of(row)).context["adminform"].form.initial["version"]
        assert staff.post(page_of(row), typed(description="Mine", version=version)).status_code == 302

    def test_is_saved_when_only_beat_was_at_work(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY, policies={})
        version = staff.get(page_of(row)).context["adminform"].form.initial["version"]
        Beat().lead()

        assert staff.post(page_of(row), typed(description="Mine", version=version)).status_code == 302

        assert PeriodicTask.objects.get().description == "Mine"


class TestPreview:
    def test_by_the_button_shows_the_runs_and_saves_nothing(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY)
        before = PeriodicTask.objects.values().get()

        with time_machine.travel(datetime(2026, 3, 27, 12, tzinfo=UTC), tick=False):
            page = text_of(staff.post(page_of(row), typed(cron_line="30 2 * * *", _preview="1")))

        assert "At 02:30 every day (Europe/Paris)" in page
        assert "clocks go forward from 02:00 to 03:00 on 29 Mar" in page
        assert 'value="30 2 * * *"' in page
        assert "Please correct" not in page
        assert PeriodicTask.objects.values().get() == before
        assert not LogEntry.objects.exists()

    def test_by_the_button_works_for_a_new_one(self, staff: Client) -> None:
        page = text_of(staff.post(ADD, typed(name="", _preview="1")))
        assert "At 03:30 every day (Europe/Paris)" in page
        assert not PeriodicTask.objects.exists()

    def test_as_a_fragment_shows_both_clocks(self, staff: Client) -> None:
        query = {"kind": "cron", "cron_line": "0 9 * * *", "time_zone": "America/New_York"}
        with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
            page = text_of(staff.get(PREVIEW, query))
        assert "Fri 20 Nov 2026, 09:00:00" in page
        assert "Fri 20 Nov 2026, 15:00:00" in page
        assert "<html" not in page

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ({"kind": "cron", "cron_line": "61 * * * *"}, "is not a minute"),
            ({"kind": "cron", "cron_line": "* * * * *"}, "every minute"),
            ({"kind": "cron", "cron_line": "0 0 13 * fri"}, "days that are both"),
            ({"kind": "cron", "cron_line": "0 0 30 2 *"}, "never"),
            ({"kind": "once", "at": "2020-01-01T00:00"}, "It never runs"),
            (
                {"kind": "every", "every": "36525", "period": "days", "start_time": "2199-12-31T00:00"},
                "Every 36525 days",
            ),
            ({"kind": "every", "every": "36526", "period": "days"}, "from one second to a hundred years"),
            ({"kind": "cron", "cron_line": f"{'1,' * 40}1 * * * *"}, "is not a minute"),
            ({"kind": "nonsense"}, "Select a valid choice"),
            ({}, "This field is required"),
        ],
    )
    def test_says_what_is_odd_about_it(self, staff: Client, query: dict[str, str], words: str) -> None:
        assert words in text_of(staff.get(PREVIEW, query))

    def test_shows_what_people_typed_as_text(self, staff: Client) -> None:
        attack = "<script>alert(1)</script> * * * *"
        response = staff.get(PREVIEW, {"kind": "cron", "cron_line": attack})
        assert "<script>" not in response.content.decode()


class TestMomentThatTheClockShowsTwice:
    def test_is_the_first_one(self, staff: Client) -> None:
        _save(staff, ADD, kind="once", cron_line="", at="2027-10-31T02:30:00")
        assert PeriodicTask.objects.get().clocked.clocked_time == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


class TestClock:
    def test_is_that_of_the_person_who_looks(self, staff: Client) -> None:
        row = schedule_make("Sweep", NIGHTLY, start_time=datetime(2030, 7, 1, 10, tzinfo=UTC))
        page = text_of(staff.get(page_of(row)))
        assert "Moments are on your clock: Europe/Paris." in page
        assert 'value="2030-07-01T12:00:00"' in page
        assert timezone.get_current_timezone_name() == "UTC"
