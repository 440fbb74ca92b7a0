"""A person, a deploy and beat act on the same schedules at the same moment."""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.tasks import services
from styleguide_example.tasks.enums import Overlap
from styleguide_example.tasks.models import Schedule, ScheduleRun
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, schedule_make
from styleguide_example.tasks.tests.factories import entry_make
from styleguide_example.tasks.timing import Every

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

TEN = Every(timedelta(seconds=10))
PAUSE_SECONDS = 0.5


@contextmanager
def _half_done(act: Callable[[], Any]) -> Any:
    """``act`` is done in another transaction, which is committed a moment later."""
    done = threading.Event()

    def work() -> None:
        with transaction.atomic():
            act()
            done.set()
            threading.Event().wait(PAUSE_SECONDS)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    done.wait(10)
    yield
    thread.join()


class TestAPersonAndBeat:
    def test_start_one_run_of_what_does_not_overlap(self, queue: Queue) -> None:
        row = schedule_make("Alone", TEN, policies={"overlap": Overlap.SKIP})
        beat = Beat().lead()
        with _half_done(lambda: services.schedule_run_now(periodic_task=row)):
            beat.tick(NOON + 10 * SECOND)
        assert sorted(ScheduleRun.objects.values_list("trigger", "state")) == [
            ("person", "waiting"),
            ("schedule", "skipped"),
        ]

    def test_agree_that_a_schedule_disabled_for_longer_is_disabled(self, queue: Queue) -> None:
        until = {"disabled_until": NOON + 10 * SECOND, "disabled_reason": "Soon"}
        row = schedule_make("Off", TEN, enabled=False, policies=until)
        beat = Beat().lead()
        later = NOON + timedelta(days=9)
        with _half_done(lambda: services.schedule_disable(periodic_task=row, reason="Longer", until=later)):
            beat.tick(NOON + 10 * SECOND)
        policies = Schedule.objects.get(periodic_task=row)
        assert not PeriodicTask.objects.get().enabled
        assert (policies.disabled_reason, policies.disabled_until) == ("Longer", later)


class TestEverybody:
    def test_waits_for_the_others_and_nobody_is_locked_out(self, queue: Queue) -> None:
        names = [f"Entry {number}" for number in range(10)]
        services.periodic_tasks_sync(entries=[entry_make(name) for name in names])
        rows = list(PeriodicTask.objects.all())
        beat = Beat().lead()

        def act(number: int) -> None:
            for turn in range(6):
                if number == 0:
                    beat.tick(NOON + 10 * (turn + 1) * SECOND)
                    assert not beat.scheduler._trouble
                elif number == 1:
                    entries = [entry_make(name, jitter_seconds=turn) for name in reversed(names)]
                    services.periodic_tasks_sync(entries=entries)
                elif number == 2:
                    services.schedule_run_now(periodic_task=rows[turn])
                else:
                    switch = services.schedule_disable if turn % 2 else services.schedule_enable
                    switch(periodic_task=rows[-turn])

        race(act, runners=4)

        assert PeriodicTask.objects.count() == len(names)
