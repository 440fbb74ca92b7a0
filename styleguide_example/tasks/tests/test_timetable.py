"""Guards over the timetable: what a typing mistake in it must not become in production."""

from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron

each_entry = pytest.mark.parametrize("entry", TIMETABLE, ids=lambda entry: entry.name)


@each_entry
class TestEachEntry:
    def test_names_a_task_that_workers_know(self, entry: Entry) -> None:
        assert celery_app.tasks[entry.task.name].name == entry.task.name
        assert isinstance(entry.task, WakeUpTask)

    def test_is_told_in_words(self, entry: Entry) -> None:
        assert entry.in_words
        assert entry.in_words == entry.in_words.strip().rstrip(".")
        assert entry.name == entry.name.strip()
        assert " " in entry.name, "A human sentence."
        assert len(entry.name) <= 200

    def test_has_a_time_that_beat_can_read(self, entry: Entry) -> None:
        if isinstance(entry.when, Cron):
            CrontabSchedule(**entry.when.fields, timezone=entry.when.time_zone).full_clean()
        else:
            assert entry.when.seconds >= 1

    def test_can_be_called_with_its_arguments(self, entry: Entry) -> None:
        task: Any = entry.task
        task.__header__(**entry.kwargs)  # what Celery checks a call with

    def test_is_dropped_by_nobody_before_it_can_run(self, entry: Entry) -> None:
        assert entry.expires_seconds is None or entry.expires_seconds >= 1


class TestTimetable:
    def test_has_what_the_product_cannot_do_without(self) -> None:
        assert {entry.task.name for entry in TIMETABLE} >= {
            "styleguide_example.emails.tasks.email_sweep",
            "styleguide_example.emails.tasks.email_cleanup",
            "styleguide_example.users.tasks.session_cleanup",
        }

    def test_sweeps_more_often_than_cron_could_and_first(self) -> None:
        (sweep,) = [entry for entry in TIMETABLE if entry.task.name.endswith("email_sweep")]
        assert not isinstance(sweep.when, Cron)
        assert sweep.when.seconds <= 15
        assert sweep.task.default_priority == Priority.RESERVED

    def test_has_each_name_once(self) -> None:
        names = [entry.name for entry in TIMETABLE]
        assert len(names) == len(set(names))
