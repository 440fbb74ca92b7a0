"""From when a schedule counts that got another timing, or was enabled: written down when it is saved."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.processes import Queue
from styleguide_example.tasks import services
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import Schedule
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, runs_of, schedule_make
from styleguide_example.tasks.tests.factories import entry_make
from styleguide_example.tasks.timing import Cron, When

pytestmark = [pytest.mark.no_services, pytest.mark.django_db]

MINUTE = timedelta(minutes=1)
YEARLY, MINUTELY = Cron("0 0 1 1 *"), Cron("* * * * *")


def _deploy(when: When, *, enabled: bool = True) -> PeriodicTask:
    services.periodic_tasks_sync(entries=[entry_make(when=when, enabled=enabled)])
    return PeriodicTask.objects.get()


def _save(when: When) -> PeriodicTask:
    row = PeriodicTask.objects.filter(name="By hand").first() or schedule_make("By hand", YEARLY)
    return services.schedule_save(periodic_task=row, columns=(), when=when, policies={})


def _enable() -> None:
    row = PeriodicTask.objects.filter(name="By hand").first() or schedule_make("By hand", MINUTELY)
    services.schedule_disable(periodic_task=row)
    services.schedule_enable(periodic_task=row)


def _decided_until_noon(row: PeriodicTask) -> None:
    """A beat has seen it, and ended."""
    Beat().lead().scheduler.close()
    Schedule.objects.filter(pk=row.pk).update(decided_until=NOON)


class TestBeginning:
    @pytest.mark.parametrize("hours", [-1, 0, 1])
    @pytest.mark.parametrize("change", [lambda: _deploy(MINUTELY), lambda: _save(MINUTELY), _enable])
    def test_is_told_by_the_databases_clock(self, change: Callable[[], object], hours: int) -> None:
        """Whatever that of the machine says on which somebody saves."""
        _deploy(YEARLY)
        now = timezone.now()
        with time_machine.travel(now + timedelta(hours=hours)):
            change()
        (until,) = Schedule.objects.filter(decided_for="anew").values_list("decided_until", flat=True)
        assert until is not None
        assert abs(until - now) < MINUTE

    def test_is_that_of_the_timing_though_something_else_was_saved_after_it(self, queue: Queue) -> None:
        row = schedule_make("By hand", YEARLY)
        _decided_until_noon(row)
        _save(MINUTELY)
        Schedule.objects.update(decided_until=NOON + 30 * SECOND)
        PeriodicTask.objects.update(description="Edited.", date_changed=NOON + 5 * MINUTE)
        Beat(NOON + 5 * MINUTE + 10 * SECOND).lead().tick()
        assert runs_of(row) == [("12:05:00", RunState.WAITING, 4)]

    def test_makes_up_for_nothing_when_a_deploy_disabled_it_and_the_next_one_enabled_it(self, queue: Queue) -> None:
        row = _deploy(MINUTELY)
        _decided_until_noon(row)
        _deploy(MINUTELY, enabled=False)
        _deploy(MINUTELY)
        Schedule.objects.update(decided_until=NOON + 5 * MINUTE)
        Beat(NOON + 6 * MINUTE).lead().tick()
        assert runs_of(row) == [("12:06:00", RunState.WAITING, 0)]

    def test_makes_up_for_nothing_when_it_had_another_timing_in_between(self, queue: Queue) -> None:
        row = schedule_make("By hand", MINUTELY)
        _decided_until_noon(row)
        _save(YEARLY)
        _save(MINUTELY)
        Schedule.objects.update(decided_until=NOON + 5 * MINUTE)
        Beat(NOON + 6 * MINUTE).lead().tick()
        assert runs_of(row) == [("12:06:00", RunState.WAITING, 0)]

    def test_is_noticed_though_it_is_enabled_again_before_beat_looks(self, queue: Queue) -> None:
        row = schedule_make("By hand", MINUTELY)
        beat = Beat().lead()
        _enable()
        Schedule.objects.update(decided_until=NOON + 61 * SECOND)
        beat.tick(NOON + 62 * SECOND)
        beat.run_until(NOON + 2 * MINUTE)
        assert runs_of(row) == [("12:02:00", RunState.WAITING, 0)]
