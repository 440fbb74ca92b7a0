"""What beat costs the database. Counted, so that it is the same on every machine."""

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.enums import Overlap
from styleguide_example.tasks.models import Schedule, ScheduleRun
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, schedule_make
from styleguide_example.tasks.timing import Every

pytestmark = pytest.mark.django_db

TEN = Every(10 * SECOND)


def _many(number: int) -> None:
    interval = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"Sweep {index}", task=email_sweep.name, interval=interval) for index in range(number)
    )
    PeriodicTask.objects.update(date_changed=NOON)


def _statements(queries: CaptureQueriesContext) -> list[str]:
    """What was asked, without the words that open and close a transaction."""
    words = [query["sql"].split()[0] for query in queries.captured_queries]
    return [word for word in words if word not in {"SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"}]


class TestQueries:
    def test_of_an_idle_tick_are_one(self, queue: Queue) -> None:
        _many(20)
        beat = Beat().lead()
        beat.tick()
        with CaptureQueriesContext(connection) as queries:
            for second in range(1, 9):
                beat.tick(NOON + second * SECOND)
        assert _statements(queries) == ["UPDATE"] * 8

    def test_of_a_beat_that_stands_by_are_few(self, queue: Queue) -> None:
        Beat().lead()
        other = Beat()
        other.tick()
        with CaptureQueriesContext(connection) as queries:
            other.tick()
        assert len(_statements(queries)) <= 2

    def test_of_one_run_are_at_most_five(self, queue: Queue) -> None:
        schedule_make("Sweep", TEN)
        beat = Beat().lead()
        with CaptureQueriesContext(connection) as queries:
            beat.tick(NOON + 10 * SECOND)
        assert len(_statements(queries)) <= 5
        assert ScheduleRun.objects.count() == 1

    def test_of_one_run_that_may_not_overlap_are_one_more(self, queue: Queue) -> None:
        schedule_make("Sweep", TEN, policies={"overlap": Overlap.SKIP})
        beat = Beat().lead()
        with CaptureQueriesContext(connection) as queries:
            beat.tick(NOON + 10 * SECOND)
        assert len(_statements(queries)) <= 6

    def test_of_many_runs_at_once_are_far_fewer_than_runs(self, queue: Queue) -> None:
        _many(200)
        beat = Beat().lead()
        with CaptureQueriesContext(connection) as queries:
            beat.run_until(NOON + 10 * SECOND)
        assert ScheduleRun.objects.count() == 200
        assert len(_statements(queries)) <= 12

    def test_of_many_that_may_not_overlap_are_one_more(self, queue: Queue) -> None:
        _many(50)
        Schedule.objects.bulk_create(
            Schedule(periodic_task=row, overlap=Overlap.SKIP) for row in PeriodicTask.objects.all()
        )
        beat = Beat().lead()
        with CaptureQueriesContext(connection) as queries:
            beat.tick(NOON + 10 * SECOND)
        assert ScheduleRun.objects.count() == 50
        assert len(_statements(queries)) <= 8

    def test_of_a_start_do_not_grow_with_the_schedules(self, queue: Queue) -> None:
        Beat().lead().scheduler.close()  # the first beat of all makes the leader's row
        _many(3)
        with CaptureQueriesContext(connection) as few:
            Beat().lead().scheduler.close()
        PeriodicTask.objects.all().delete()
        _many(300)
        with CaptureQueriesContext(connection) as many:
            Beat().lead().scheduler.close()
        assert len(_statements(many)) == len(_statements(few))

    def test_of_one_changed_schedule_do_not_grow_with_the_others(self, queue: Queue) -> None:
        _many(300)
        beat = Beat().lead()
        PeriodicTask.objects.filter(name="Sweep 7").update(priority=3)
        PeriodicTasks.update_changed()
        with CaptureQueriesContext(connection) as queries:
            beat.tick()
        assert len(_statements(queries)) <= 7
        assert Counter(_statements(queries))["INSERT"] == 0
