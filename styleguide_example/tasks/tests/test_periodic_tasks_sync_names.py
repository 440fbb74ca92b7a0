"""Names: whose row is whose, and what a name that is claimed twice ends in."""

from datetime import UTC, datetime

import pytest
from django_celery_beat.models import PeriodicTask

from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.models import ScheduleRun, TimetableEntry
from styleguide_example.tasks.services import periodic_tasks_plan, periodic_tasks_sync
from styleguide_example.tasks.tests.factories import by_hand, entry_make, rows_read

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def _rename(name: str, to: str) -> None:
    """What an admin does."""
    PeriodicTask.objects.filter(name=name).update(name=to)


class TestRowsOfOthers:
    def test_are_never_touched(self) -> None:
        by_hand(total_run_count=3)
        before = PeriodicTask.objects.values().get()

        for entries in ([entry_make()], [entry_make(in_words="x")], []):
            periodic_tasks_sync(entries=entries)

        assert PeriodicTask.objects.filter(name="By hand").values().get() == before

    def test_of_the_same_name_stop_the_sync_and_nothing_changes(self) -> None:
        by_hand("Sweep")
        before = PeriodicTask.objects.values().get()

        with pytest.raises(TimetableError, match=r"did not write: Sweep.*--adopt"):
            periodic_tasks_sync(entries=[entry_make("Another"), entry_make("Sweep")])

        assert PeriodicTask.objects.values().get() == before

    def test_are_taken_over_when_told_and_keep_their_history(self) -> None:
        row_by_hand = by_hand("Sweep", total_run_count=3, last_run_at=LONG_AGO, args="[1]")

        (line,) = periodic_tasks_sync(entries=[entry_make()], adopt=True).lines

        assert line.action is SyncAction.CHANGED
        row = PeriodicTask.objects.get()
        assert (row.pk, row.task, row.args) == (row_by_hand.pk, email_sweep.name, "[]")
        assert (row.total_run_count, row.last_run_at) == (3, LONG_AGO)
        assert "taken over" in line.note
        assert periodic_tasks_sync(entries=[entry_make()]).is_empty

    def test_are_taken_over_even_when_they_say_the_same(self) -> None:
        periodic_tasks_sync(entries=[entry_make()])
        TimetableEntry.objects.all().delete()

        (line,) = periodic_tasks_sync(entries=[entry_make()], adopt=True).lines

        assert line.action is SyncAction.UNCHANGED
        assert TimetableEntry.objects.count() == 1


class TestNamesClaimedTwice:
    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ([entry_make(), entry_make("B"), entry_make(in_words="x")], "same name: Sweep"),
            ([entry_make("A", formerly=("X",)), entry_make("B", formerly=("X",))], "formerly: X"),
            ([entry_make("A", formerly=("B",)), entry_make("B")], "called now: B"),
            ([entry_make("A", formerly=("A",))], "called now: A"),
        ],
        ids=["two of one name", "two of one former name", "a former name in use", "its own former name"],
    )
    def test_by_the_code_stop_the_sync_and_nothing_changes(self, entries: list[Entry], message: str) -> None:
        periodic_tasks_sync(entries=[entry_make("B")])
        before = rows_read()
        for service in (periodic_tasks_plan, periodic_tasks_sync):
            with pytest.raises(TimetableError, match=message):
                service(entries=entries)
        assert rows_read() == before

    def test_by_an_admin_who_renamed_a_schedule_stop_the_sync(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A")])
        _rename("A", to="B")
        with pytest.raises(TimetableError, match=r"'B': that of the entry 'A', and that of the entry 'B'.*--reset"):
            periodic_tasks_sync(entries=[entry_make("B"), entry_make("A")])
        with pytest.raises(TimetableError, match="'B'"):
            periodic_tasks_sync(entries=[entry_make("A"), entry_make("B")])

    def test_by_an_admin_who_renamed_what_leaves_stop_the_sync(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A")])
        _rename("A", to="B")
        with pytest.raises(TimetableError, match="'B': that of the entry 'A', and that of the entry 'B'"):
            periodic_tasks_sync(entries=[entry_make("B")])

    def test_by_an_admins_schedule_and_a_renamed_entry_stop_the_sync(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A")])
        by_hand("B")
        with pytest.raises(
            TimetableError, match=r"'B': that of the entry 'B', and one that the timetable did not write"
        ):
            periodic_tasks_sync(entries=[entry_make("B", formerly=("A",))], adopt=True)

    def test_by_a_schedule_that_is_not_asked_for_stop_the_sync(self) -> None:
        entries = [entry_make("A"), entry_make("B")]
        periodic_tasks_sync(entries=entries)
        _rename("B", to="C")
        _rename("A", to="B")
        with pytest.raises(TimetableError, match="'B'"):
            periodic_tasks_sync(entries=entries, reset=True, names=["B"])

    def test_are_free_again_after_a_reset(self) -> None:
        entries = [entry_make("A"), entry_make("B", in_words="x")]
        periodic_tasks_sync(entries=entries)
        keys = dict(PeriodicTask.objects.values_list("name", "pk"))
        for name, to in (("A", "C"), ("B", "A"), ("C", "B")):
            _rename(name, to=to)

        periodic_tasks_sync(entries=entries, reset=True)

        assert dict(PeriodicTask.objects.values_list("name", "pk")) == keys


class TestRenamedEntry:
    def test_keeps_its_row_its_history_and_its_edits(self) -> None:
        periodic_tasks_sync(entries=[entry_make("Old")])
        row = PeriodicTask.objects.get()
        run = ScheduleRun.objects.create(periodic_task=row, due_at=LONG_AGO)
        PeriodicTask.objects.update(last_run_at=LONG_AGO, total_run_count=3, priority=9)

        (line,) = periodic_tasks_sync(entries=[entry_make("New", formerly=("Older", "Old"), in_words="x")]).lines

        assert (line.action, line.note) == (SyncAction.CHANGED, "formerly 'Old'")
        row.refresh_from_db()
        assert (row.name, row.last_run_at, row.total_run_count, row.runs.get()) == ("New", LONG_AGO, 3, run)
        assert (row.priority, row.description) == (9, "x.")
        assert TimetableEntry.objects.get().name == "New"
        assert periodic_tasks_sync(entries=[entry_make("New", formerly=("Older", "Old"), in_words="x")]).is_empty

    def test_keeps_the_name_that_an_admin_gave_it(self) -> None:
        periodic_tasks_sync(entries=[entry_make("Old")])
        _rename("Old", to="Mine")

        plan = periodic_tasks_sync(entries=[entry_make("New", formerly=("Old",))])

        assert [field.field for line in plan.conflicts for field in line.conflicts] == ["name"]
        assert PeriodicTask.objects.get().name == "Mine"
        assert TimetableEntry.objects.get().name == "New"
        assert periodic_tasks_sync(entries=[entry_make("New", formerly=("Old",))]).is_empty

    def test_takes_over_one_schedule_and_the_other_leaves(self) -> None:
        periodic_tasks_sync(entries=[entry_make("A"), entry_make("B")])
        kept = PeriodicTask.objects.get(name="B")
        plan = periodic_tasks_sync(entries=[entry_make("New", formerly=("B", "A"))])
        assert [(line.action.value, line.name) for line in plan.lines] == [("changed", "New"), ("deleted", "A")]
        assert PeriodicTask.objects.get() == kept

    def test_has_its_own_schedule_already_and_leaves_the_other(self) -> None:
        periodic_tasks_sync(entries=[entry_make("Old"), entry_make("New")])
        own = PeriodicTask.objects.get(name="New")
        periodic_tasks_sync(entries=[entry_make("New", formerly=("Old",))])
        assert PeriodicTask.objects.get() == own

    def test_does_not_take_over_what_code_never_owned(self) -> None:
        by_hand("Old")
        (line,) = periodic_tasks_sync(entries=[entry_make("New", formerly=("Old",))]).lines
        assert line.action is SyncAction.CREATED
        assert PeriodicTask.objects.get(name="Old").task == "x"
