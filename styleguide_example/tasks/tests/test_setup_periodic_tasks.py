from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from styleguide_example.tasks.timetable import TIMETABLE

pytestmark = pytest.mark.django_db


def _run(*options: str, verbosity: int = 1) -> list[str]:
    """Run the command and return the lines that it printed."""
    output = StringIO()
    call_command("setup_periodic_tasks", *options, stdout=output, verbosity=verbosity, no_color=True)
    return output.getvalue().splitlines()


def _by_hand(name: str) -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=3, period=IntervalSchedule.HOURS)
    return PeriodicTask.objects.create(name=name, task="x", interval=interval)


class TestSetupPeriodicTasks:
    def test_writes_the_timetable_and_prints_a_line_for_each(self) -> None:
        lines = _run()

        assert lines[:-1] == [f"  created   {entry.name}" for entry in TIMETABLE]
        assert lines[-1] == f"Schedules: {len(TIMETABLE)} created, 0 changed, 0 deleted, 0 unchanged."
        assert {row.name for row in PeriodicTask.objects.all()} == {entry.name for entry in TIMETABLE}

    def test_prints_the_count_alone_when_nothing_changed(self) -> None:
        _run()
        assert _run() == [f"Schedules: 0 created, 0 changed, 0 deleted, {len(TIMETABLE)} unchanged."]

    def test_prints_the_unchanged_too_when_asked_for_more(self) -> None:
        _run()
        assert _run(verbosity=2)[:-1] == [f"  unchanged {entry.name}" for entry in TIMETABLE]

    def test_names_the_columns_that_it_put_back(self) -> None:
        _run()
        PeriodicTask.objects.filter(name=TIMETABLE[1].name).update(enabled=False, priority=3)
        assert _run()[0] == f"  changed   {TIMETABLE[1].name} (priority, enabled)"

    def test_stops_at_a_name_that_somebody_took_and_says_what_to_do(self) -> None:
        _by_hand(TIMETABLE[0].name)
        with pytest.raises(CommandError, match=rf"^Nothing was changed\. .*{TIMETABLE[0].name}.*--adopt"):
            _run()
        assert PeriodicTask.objects.count() == 1

    def test_takes_it_over_when_told(self) -> None:
        row = _by_hand(TIMETABLE[0].name)
        _run("--adopt")
        row.refresh_from_db()
        assert row.task == TIMETABLE[0].task.name

    def test_leaves_rows_of_others_alone(self) -> None:
        row = _by_hand("By hand")
        _run()
        _run()
        assert PeriodicTask.objects.filter(pk=row.pk, task="x").exists()
