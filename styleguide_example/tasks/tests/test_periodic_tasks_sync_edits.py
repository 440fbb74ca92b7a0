"""What an admin edited, over deploys."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import CharField, Value
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from styleguide_example.tasks.enums import OnConflict, SyncAction
from styleguide_example.tasks.models import Schedule, TimetableEntry
from styleguide_example.tasks.schedules import entry_says
from styleguide_example.tasks.services import (
    periodic_tasks_plan,
    periodic_tasks_sync,
    schedule_disable,
    schedule_enable,
)
from styleguide_example.tasks.tests.factories import anything, entry_make, rows_read
from styleguide_example.tasks.timing import Cron, Every

pytestmark = pytest.mark.django_db

LATER = datetime(2030, 1, 1, tzinfo=UTC)


class TestEdit:
    @pytest.mark.parametrize(
        "edit",
        [
            {"name": "Mine"},
            {"task": "x"},
            {"kwargs": '{"a": 1}'},
            {"kwargs": "not JSON"},
            {"priority": 9},
            {"priority": None},
            {"queue": "slow"},
            {"enabled": False},
            {"expire_seconds": None},
            {"description": ""},
            {"one_off": True},
            {"args": "[1]"},
            {"headers": '{"a": 1}'},
            {"exchange": "e"},
            {"routing_key": "r"},
            {"start_time": LATER},
            {"expires": LATER},
        ],
        ids=str,
    )
    def test_of_a_row_stays_and_is_drift(self, edit: dict[str, Any]) -> None:
        entries = [entry_make(expires_seconds=5)]
        periodic_tasks_sync(entries=entries)
        PeriodicTask.objects.update(**edit)
        before = rows_read()

        plan = periodic_tasks_sync(entries=entries)

        assert plan.is_empty
        assert [field.field for line in plan.drift for field in line.drift] == [
            {"one_off": "when"}.get(name, name) for name in edit
        ]
        assert rows_read() == before

    @pytest.mark.parametrize(
        "edit",
        [
            {"jitter_seconds": 5},
            {"overlap": "skip"},
            {"missed_runs": "skip"},
            {"grace_seconds": 5},
            {"disabled_reason": "x"},
            {"disabled_until": LATER},
        ],
        ids=str,
    )
    def test_of_a_policy_stays_and_is_drift(self, edit: dict[str, Any]) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        Schedule.objects.update(**edit)
        before = rows_read()
        plan = periodic_tasks_sync(entries=[entry_make()])
        assert [field.field for line in plan.drift for field in line.drift] == list(edit)
        assert rows_read() == before

    def test_stays_while_code_changes_another_field(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(priority=9, enabled=False)
        Schedule.objects.update(jitter_seconds=5)

        periodic_tasks_sync(entries=[entry_make(when=Cron("* * * * *"), expires_seconds=5, grace_seconds=7)])

        row = PeriodicTask.objects.get()
        assert (row.priority, row.enabled, row.expire_seconds, str(row.crontab.minute)) == (9, False, 5, "*")
        assert (row.policies.jitter_seconds, row.policies.grace_seconds) == (5, 7)

    def test_of_one_schedule_stays_while_code_changes_the_same_field_of_another(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("B")])
        PeriodicTask.objects.filter(name="A").update(priority=9)
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("B", priority=3)])
        assert dict(PeriodicTask.objects.values_list("name", "priority")) == {"A": 9, "B": 3}

    @pytest.mark.parametrize("kind", ["crontab", "interval", "solar", "half a second", "nothing"])
    def test_of_when_it_runs_stays_whatever_it_is(self, kind: str) -> None:
        schedules: dict[str, Any] = {
            "crontab": {"crontab": CrontabSchedule.objects.create(minute="5")},
            "interval": {"interval": IntervalSchedule.objects.create(every=3, period=IntervalSchedule.HOURS)},
            "solar": {"solar": SolarSchedule.objects.create(event="sunset", latitude=1, longitude=2)},
            "half a second": {
                "interval": IntervalSchedule.objects.create(every=500, period=IntervalSchedule.MICROSECONDS)
            },
            "nothing": {},
        }
        nothing = {"crontab": None, "interval": None, "solar": None, "clocked": None}
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(**{**nothing, **schedules[kind]})
        before = rows_read()

        plan = periodic_tasks_sync(entries=[entry_make()])

        assert [field.field for line in plan.drift for field in line.drift] == ["when"]
        assert rows_read() == before

    def test_to_a_time_zone_that_is_none_stops_nothing(self) -> None:
        entries = [entry_make("A", when=Cron("0 0 * * *")), entry_make("B", when=Cron("1 0 * * *"))]
        periodic_tasks_sync(entries=entries)
        nowhere = Value("Mars/Phobos", output_field=CharField())
        CrontabSchedule.objects.filter(minute="0").update(timezone=nowhere)

        plan = periodic_tasks_sync(entries=[*entries, entry_make("C", when=Cron("2 0 * * *"))])

        assert [field.database for line in plan.drift for field in line.drift] == ["cron 0 0 * * * Mars/Phobos"]
        assert PeriodicTask.objects.count() == 3

    def test_that_means_the_same_is_none(self) -> None:
        periodic_tasks_sync(
            entries=[entry_make(task=anything, when=Every(timedelta(minutes=1)), kwargs={"a": 1, "b": 2})]
        )
        minutely = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.MINUTES)
        PeriodicTask.objects.update(interval=minutely, kwargs='{"b":2,  "a":1}', headers="", args="", queue="")
        plan = periodic_tasks_plan(
            entries=[entry_make(task=anything, when=Every(timedelta(minutes=1)), kwargs={"a": 1, "b": 2})]
        )
        assert plan.is_empty
        assert not plan.drift

    def test_that_code_came_to_as_well_is_codes_from_then_on(self) -> None:
        periodic_tasks_sync(entries=[entry_make(priority=5)])
        PeriodicTask.objects.update(priority=9)
        plan = periodic_tasks_sync(entries=[entry_make(priority=9)])
        assert not plan.is_empty, "It is remembered."
        assert not plan.drift

        periodic_tasks_sync(entries=[entry_make(priority=3)])

        assert PeriodicTask.objects.get().priority == 3

    def test_of_arguments_that_do_not_fit_the_task_any_more_is_pointed_out(self) -> None:
        periodic_tasks_sync(entries=[entry_make(task=anything)])
        PeriodicTask.objects.update(kwargs='{"a": 1}')
        (line,) = periodic_tasks_sync(entries=[entry_make()]).lines
        assert "do not fit the task" in line.note

    def test_of_what_the_last_deploy_did_not_know_stays(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        entry = TimetableEntry.objects.get()
        entry.applied = {"name": "Sweep", "task": "t", "priority": 0}  # an older release
        entry.save()
        PeriodicTask.objects.update(task="t", queue="slow")
        Schedule.objects.update(jitter_seconds=5)

        plan = periodic_tasks_sync(entries=[entry_make()])

        assert [field.field for line in plan.drift for field in line.drift] == ["queue", "jitter_seconds"]
        assert TimetableEntry.objects.get().applied == entry_says(entry_make())


class TestConflict:
    def test_is_reported_once_and_the_edit_stays(self) -> None:
        periodic_tasks_sync(entries=[entry_make(priority=5)])
        PeriodicTask.objects.update(priority=9)

        plan = periodic_tasks_sync(entries=[entry_make(priority=3)])

        ((field,),) = [line.conflicts for line in plan.conflicts]
        assert (field.applied, field.code, field.database, field.result) == (5, 3, 9, 9)
        assert PeriodicTask.objects.get().priority == 9
        again = periodic_tasks_sync(entries=[entry_make(priority=3)])
        assert (again.is_empty, again.conflicts, len(again.drift)) == (True, (), 1)

    def test_ends_as_code_says_when_told(self) -> None:
        periodic_tasks_sync(entries=[entry_make(priority=5)])
        PeriodicTask.objects.update(priority=9, queue="slow")

        plan = periodic_tasks_sync(entries=[entry_make(priority=3)], on_conflict=OnConflict.CODE)

        assert plan.conflicts
        assert PeriodicTask.objects.values_list("priority", "queue").get() == (3, "slow")


class TestDisabled:
    def test_stays_disabled_over_a_deploy_and_keeps_its_reason(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        schedule_disable(periodic_task=PeriodicTask.objects.get(), reason="too loud", until=LATER)
        periodic_tasks_sync(entries=[entry_make(in_words="x")])
        row = PeriodicTask.objects.get()
        assert (row.enabled, row.policies.disabled_reason, row.policies.disabled_until) == (False, "too loud", LATER)

    def test_has_no_reason_left_when_code_enables_it(self) -> None:
        periodic_tasks_sync(entries=[entry_make(enabled=False)])
        Schedule.objects.update(disabled_reason="too loud", disabled_until=LATER)
        periodic_tasks_sync(entries=[entry_make()])
        row = PeriodicTask.objects.get()
        assert (row.enabled, row.policies.disabled_reason, row.policies.disabled_until) == (True, "", None)


class TestEntryThatLeft:
    def test_is_deleted_when_nobody_edited_it(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("B"), entry_make("C")])

        plan = periodic_tasks_sync(entries=[entry_make("B")])

        assert [(line.action.value, line.name) for line in plan.lines] == [
            ("unchanged", "B"),
            ("deleted", "A"),
            ("deleted", "C"),
        ]
        assert [row.name for row in PeriodicTask.objects.all()] == ["B"]
        assert TimetableEntry.objects.count() == Schedule.objects.count() == 1

    @pytest.mark.parametrize(
        "edit", [{"priority": 9}, {"name": "Mine"}, {"args": "[1]"}, {"start_time": LATER}], ids=str
    )
    def test_is_disabled_and_the_admins_when_an_admin_edited_it(self, edit: dict[str, Any]) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(**edit, last_run_at=LATER, total_run_count=3)

        (line,) = periodic_tasks_sync(entries=[]).lines

        assert (line.action, line.name) == (SyncAction.DISABLED, "Sweep")
        assert f"an admin edited {next(iter(edit))}" in line.note
        row = PeriodicTask.objects.get()
        assert (row.enabled, row.last_run_at, row.total_run_count) == (False, LATER, 3)
        assert row.policies.disabled_reason == "Left the timetable."
        assert not TimetableEntry.objects.exists()
        assert periodic_tasks_sync(entries=[]).lines == ()

    def test_is_not_enabled_by_beat_again(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        schedule_disable(periodic_task=PeriodicTask.objects.get(), until=LATER)
        periodic_tasks_sync(entries=[])
        assert Schedule.objects.get().disabled_until is None

    def test_comes_back_with_its_edits_and_runs_again(self) -> None:
        """A deploy that is rolled back."""
        periodic_tasks_sync(entries=[entry_make()])
        PeriodicTask.objects.update(priority=9)
        periodic_tasks_sync(entries=[])

        (line,) = periodic_tasks_sync(entries=[entry_make()]).lines

        assert (line.action, line.note) == (SyncAction.CHANGED, "is back in the timetable")
        row = PeriodicTask.objects.get()
        assert (row.enabled, row.priority, row.policies.disabled_reason) == (True, 9, "")
        assert periodic_tasks_sync(entries=[entry_make()]).is_empty

    def test_comes_back_disabled_when_an_admin_had_disabled_it(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        schedule_disable(periodic_task=PeriodicTask.objects.get(), reason="too loud")
        periodic_tasks_sync(entries=[])
        assert Schedule.objects.get().disabled_reason == "Left the timetable. Disabled before: too loud"

        for entries in ([entry_make()], [], [entry_make()]):
            periodic_tasks_sync(entries=entries)

        row = PeriodicTask.objects.get()
        assert (row.enabled, row.policies.disabled_reason) == (
            False,
            "Left the timetable. Disabled before: too loud",
        )


class TestRollback:
    def test_of_a_rename_keeps_the_schedule_and_what_an_admin_did_to_it(self) -> None:
        before, after = entry_make("Old"), entry_make("New", formerly=("Old",))
        periodic_tasks_sync(entries=[before])
        pk = PeriodicTask.objects.get().pk
        schedule_disable(periodic_task=PeriodicTask.objects.get(), reason="dangerous")

        for entries in ([after], [before], [after], [before]):
            periodic_tasks_sync(entries=entries)
            row = PeriodicTask.objects.get()
            assert (row.pk, row.name, row.enabled) == (pk, entries[0].name, False)
            assert row.policies.disabled_reason == "dangerous"

    def test_of_a_removal_takes_what_the_code_changed_in_fields_that_nobody_edited(self) -> None:
        periodic_tasks_sync(entries=[entry_make(in_words="Early")])
        PeriodicTask.objects.update(priority=9)
        periodic_tasks_sync(entries=[])

        periodic_tasks_sync(entries=[entry_make(in_words="Late")])

        row = PeriodicTask.objects.get()
        assert (row.description, row.priority, row.enabled) == ("Late.", 9, True)

    def test_of_a_removal_finds_what_an_admin_had_renamed(self) -> None:
        periodic_tasks_sync(entries=[entry_make("Sweep")])
        PeriodicTask.objects.update(name="Mine")
        for entries in ([], [entry_make("Sweep")], [], [entry_make("Sweep")]):
            periodic_tasks_sync(entries=entries)
        assert PeriodicTask.objects.values_list("name", "enabled").get() == ("Mine", True)

    def test_of_a_removal_leaves_alone_what_an_admin_took_over(self) -> None:
        periodic_tasks_sync(entries=[entry_make("Sweep")])
        PeriodicTask.objects.update(name="Mine")
        periodic_tasks_sync(entries=[])
        schedule_enable(periodic_task=PeriodicTask.objects.get())

        periodic_tasks_sync(entries=[entry_make("Sweep")])

        assert set(PeriodicTask.objects.values_list("name", flat=True)) == {"Mine", "Sweep"}
