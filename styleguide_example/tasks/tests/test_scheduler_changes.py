"""What admins, deploys and people at a shell change, and when beat honours it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from styleguide_example.common.tests.processes import Queue
from styleguide_example.tasks import services
from styleguide_example.tasks.enums import MissedRuns, RunState
from styleguide_example.tasks.models import Schedule
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, due_written, runs_of, schedule_make
from styleguide_example.tasks.timing import Cron, Every, Once

pytestmark = pytest.mark.django_db

TEN = Every(10 * SECOND)
HOUR = timedelta(hours=1)


def _seven_seconds() -> IntervalSchedule:
    return IntervalSchedule.objects.get_or_create(every=7, period=IntervalSchedule.SECONDS)[0]


class TestNotice:
    def test_of_a_new_row_is_taken_at_the_next_tick(self, queue: Queue) -> None:
        beat = Beat().lead()
        row = schedule_make("By hand", TEN)
        assert beat.tick() == 10
        beat.run_until(NOON + 10 * SECOND)
        assert due_written(row) == [NOON + 10 * SECOND]

    def test_of_a_saved_row_is_taken_at_the_next_tick(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        row.interval = _seven_seconds()
        row.save()
        assert beat.tick() == 2, "Seven seconds are counted from 1970 too."

    def test_of_a_change_in_a_row_that_schedules_share_is_taken_at_the_next_tick(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        interval = row.interval
        assert interval is not None
        interval.every = 20
        interval.save()
        assert beat.tick() == 20

    def test_of_a_deleted_row_is_taken_at_the_next_tick(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        row.delete()
        assert beat.tick() > 60

    def test_of_policies_in_bulk_is_taken_at_the_next_tick(self, queue: Queue) -> None:
        row = schedule_make("By hand", Cron("0 * * * *"), policies={"missed_runs": MissedRuns.RUN_ONCE})
        beat = Beat().lead()
        Schedule.objects.update(missed_runs=MissedRuns.SKIP)
        PeriodicTasks.update_changed()
        beat.tick()
        beat.tick(NOON + HOUR + 60 * SECOND)
        assert runs_of(row) == [("13:00:00", RunState.MISSED, 0)]

    def test_is_taken_when_a_run_is_due_at_the_same_moment(self, queue: Queue) -> None:
        """What was changed before a due time holds for it."""
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        row.enabled = False
        row.save()
        beat.tick(NOON + 10 * SECOND)
        beat.tick()
        assert runs_of(row) == []

    def test_that_nobody_gave_is_not_needed_for_ever(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        PeriodicTask.objects.filter(pk=row.pk).update(enabled=False)
        assert beat.tick() == 10
        beat.minute_passes()
        assert beat.tick() > 10

    def test_disturbs_no_other_schedule(self, queue: Queue) -> None:
        other = schedule_make("Other", TEN)
        beat = Beat().lead()
        for number in range(1, 4):
            schedule_make(f"By hand {number}", Cron("0 0 1 1 *"))
            beat.run_until(NOON + number * 10 * SECOND)
        assert due_written(other) == [NOON + number * 10 * SECOND for number in range(1, 4)]


class TestChangedTiming:
    def test_makes_up_for_nothing(self, queue: Queue) -> None:
        row = schedule_make("By hand", Cron("0 0 1 1 *"))
        Beat().lead().scheduler.close()
        row.crontab = CrontabSchedule.objects.create(minute="*")
        row.save()
        PeriodicTask.objects.update(date_changed=NOON + HOUR)

        Beat(NOON + HOUR).lead().run_until(NOON + HOUR + 60 * SECOND)

        assert runs_of(row) == [("13:01:00", RunState.WAITING, 0)]

    def test_makes_up_for_nothing_when_it_was_changed_behind_beats_back(self, queue: Queue) -> None:
        row = schedule_make("By hand", Cron("0 0 1 1 *"))
        beat = Beat().lead()
        PeriodicTask.objects.filter(pk=row.pk).update(crontab=CrontabSchedule.objects.create(minute="*"))
        beat.minute_passes()
        beat.tick(NOON + HOUR)
        beat.run_until(NOON + HOUR + 60 * SECOND)
        assert runs_of(row) == [("13:01:00", RunState.WAITING, 0)]

    def test_in_another_time_zone_makes_up_for_nothing(self, queue: Queue) -> None:
        row = schedule_make("By hand", Cron("0 12 * * *", "Europe/Paris"))
        beat = Beat().lead()
        crontab = row.crontab
        assert crontab is not None
        crontab.timezone = "America/New_York"
        crontab.save()
        beat.run_until(NOON + 24 * HOUR)
        assert runs_of(row) == [("16:00:00", RunState.WAITING, 0)]

    def test_holds_from_the_moment_at_which_it_was_saved(self, queue: Queue) -> None:
        """Beat noticed it three seconds later, when its first due time had passed."""
        row = schedule_make("By hand", Cron("0 0 1 1 *"))
        beat = Beat().lead()
        row.interval, row.crontab = _seven_seconds(), None
        row.save()
        PeriodicTask.objects.update(date_changed=NOON + SECOND)
        beat.tick(NOON + 5 * SECOND)
        beat.tick()
        assert due_written(row) == [NOON + 2 * SECOND]

    def test_to_what_it_was_before_doubles_nothing(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        beat.run_until(NOON + 20 * SECOND)
        ten = row.interval
        for interval in (_seven_seconds(), ten):
            row.interval = interval
            row.save()
            beat.tick()
        beat.run_until(NOON + 40 * SECOND)
        assert due_written(row) == [NOON + number * 10 * SECOND for number in range(1, 5)]

    def test_is_nothing_but_a_changed_timing(self, queue: Queue) -> None:
        """Who edits a description at 13:05 must not lose the run of 13:00 that beat has yet to make up for."""
        row = schedule_make("By hand", Cron("0 * * * *"))
        Beat().lead().scheduler.close()
        row.description = "Edited."
        row.save()
        PeriodicTask.objects.update(date_changed=NOON + HOUR + 300 * SECOND)
        Beat(NOON + HOUR + 360 * SECOND).lead().tick()
        assert runs_of(row) == [("13:00:00", RunState.WAITING, 0)]


class TestNewSchedule:
    def test_begins_when_it_was_saved_though_no_beat_ran_then(self, queue: Queue) -> None:
        row = schedule_make("Once", Once(NOON + 2 * SECOND))
        Beat(NOON + 4 * SECOND).lead().tick()
        assert runs_of(row) == [("12:00:02", RunState.WAITING, 0)]

    def test_of_the_stock_scheduler_goes_on_after_its_last_run(self, queue: Queue) -> None:
        """The first start of this beat in an old installation must not run everything at once."""
        nightly = schedule_make("Nightly", Cron("30 3 * * *"), saved_at=NOON - timedelta(days=90))
        PeriodicTask.objects.update(last_run_at=NOON.replace(hour=3, minute=30))
        Beat().lead().run_until(NOON + 24 * HOUR)
        assert due_written(nightly) == [NOON.replace(hour=3, minute=30) + 24 * HOUR]

    def test_of_a_clock_that_is_ahead_begins_now(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN, saved_at=NOON + HOUR)
        beat = Beat().lead()
        assert row.policies.decided_until == NOON
        beat.run_until(NOON + 20 * SECOND)
        assert due_written(row) == [NOON + 10 * SECOND, NOON + 20 * SECOND]


class TestDisabled:
    def test_is_not_fired(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN, enabled=False)
        Beat().lead().run_until(NOON + HOUR)
        assert runs_of(row) == []

    def test_makes_up_for_nothing_when_it_is_enabled(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        services.schedule_disable(periodic_task=row)
        beat.run_until(NOON + HOUR)
        services.schedule_enable(periodic_task=row)
        PeriodicTask.objects.update(date_changed=NOON + HOUR)
        beat.run_until(NOON + HOUR + 10 * SECOND)
        assert runs_of(row) == [("13:00:10", RunState.WAITING, 0)]

    def test_counts_from_the_moment_at_which_it_was_enabled(self) -> None:
        """However late beat notices."""
        row = schedule_make("By hand", TEN, enabled=False)
        services.schedule_enable(periodic_task=row)
        row.refresh_from_db()
        assert abs(row.date_changed - timezone.now()) < timedelta(seconds=30)

    def test_makes_up_for_nothing_though_no_beat_saw_it_disabled(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        Beat().lead().scheduler.close()
        services.schedule_disable(periodic_task=row)
        services.schedule_enable(periodic_task=row)
        PeriodicTask.objects.update(date_changed=NOON + HOUR)
        Beat(NOON + HOUR).lead().run_until(NOON + HOUR + 10 * SECOND)
        assert runs_of(row) == [("13:00:10", RunState.WAITING, 0)]

    def test_makes_up_for_nothing_when_it_is_enabled_behind_beats_back(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        PeriodicTask.objects.update(enabled=False)
        beat.minute_passes()
        beat.tick(NOON + SECOND)
        PeriodicTask.objects.update(enabled=True)
        beat.minute_passes()
        beat.tick(NOON + HOUR)
        beat.run_until(NOON + HOUR + 10 * SECOND)
        assert runs_of(row) == [("13:00:10", RunState.WAITING, 0)]

    def test_until_a_time_is_enabled_then(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        services.schedule_disable(periodic_task=row, reason="Broken", until=NOON + 30 * SECOND)
        beat.run_until(NOON + 45 * SECOND)

        row.refresh_from_db()
        row.policies.refresh_from_db()
        assert (row.enabled, row.policies.disabled_reason, row.policies.disabled_until) == (True, "", None)
        assert [time for time, _, _ in runs_of(row)] == ["12:00:30", "12:00:40"]

    def test_until_a_time_without_a_beat_is_enabled_when_one_is_back(self, queue: Queue) -> None:
        row = schedule_make("By hand", Cron("0 * * * *"))
        services.schedule_disable(periodic_task=row, until=NOON + 30 * SECOND)
        Beat(NOON + 4 * HOUR + 60 * SECOND).lead().run_until(NOON + 4 * HOUR + 120 * SECOND)
        assert runs_of(row) == [("16:00:00", RunState.WAITING, 3)]

    def test_ends_nothing_that_waits(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        beat = Beat().lead()
        beat.tick(NOON + 10 * SECOND)
        services.schedule_disable(periodic_task=row)
        beat.tick(NOON + 20 * SECOND)
        assert runs_of(row) == [("12:00:10", RunState.WAITING, 0)]

    def test_keeps_when_and_how_often_it_has_run(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN)
        Beat().lead().tick(NOON + 10 * SECOND)
        services.schedule_disable(periodic_task=row)
        row.refresh_from_db()
        assert (row.last_run_at, row.total_run_count) == (NOON + 10 * SECOND, 1)


class TestExpired:
    def test_schedule_is_never_fired_again(self, queue: Queue) -> None:
        row = schedule_make("By hand", TEN, expires=NOON + 15 * SECOND)
        beat = Beat().lead()
        beat.run_until(NOON + HOUR)
        assert due_written(row) == [NOON + 10 * SECOND]
        assert beat.tick() > 3600, "Beat does not wake up for it."
