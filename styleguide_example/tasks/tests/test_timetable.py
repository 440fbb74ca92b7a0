"""Guards over the timetable: what a typing mistake in it must not become in production."""

from datetime import UTC, datetime

import pytest
from django_celery_beat.models import CrontabSchedule

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import Overlap
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron, Every

NOW = datetime(2026, 7, 1, tzinfo=UTC)

SWEEPS = [entry for entry in TIMETABLE if entry.task.name.endswith("_sweep")]

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
        assert entry.when.due_after(NOW) is not None

    def test_has_a_crontab_line_that_fits_into_its_columns(self, entry: Entry) -> None:
        if isinstance(entry.when, Cron):
            CrontabSchedule(**entry.when.fields, timezone=entry.when.time_zone).full_clean()

    def test_goes_to_a_queue_that_has_workers(self, entry: Entry) -> None:
        assert entry.queue in {None, celery_app.conf.task_default_queue}


class TestTimetable:
    def test_has_what_the_product_cannot_do_without(self) -> None:
        assert {entry.task.name for entry in TIMETABLE} >= {
            "styleguide_example.emails.tasks.email_sweep",
            "styleguide_example.emails.tasks.email_cleanup",
            "styleguide_example.users.tasks.session_cleanup",
        }

    def test_sweeps_more_often_than_cron_could_and_first(self) -> None:
        (sweep,) = [entry for entry in TIMETABLE if entry.task.name.endswith("email_sweep")]
        assert isinstance(sweep.when, Every)
        assert sweep.when.seconds <= 15
        assert sweep.task.default_priority == Priority.RESERVED

    @pytest.mark.parametrize("entry", SWEEPS, ids=lambda entry: entry.name)
    def test_lets_no_sweep_that_died_with_its_worker_keep_back_the_others(self, entry: Entry) -> None:
        assert isinstance(entry.when, Every)
        assert entry.overlap == Overlap.ALLOW
        assert entry.expires_seconds == entry.when.seconds
        assert (entry.task.time_limit or 0) <= 3 * entry.when.seconds  # so no more than three are at work, however slow

    def test_has_each_name_once(self) -> None:
        names = [entry.name for entry in TIMETABLE]
        assert len(names) == len(set(names))
