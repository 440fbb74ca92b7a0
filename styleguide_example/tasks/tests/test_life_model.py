"""Whatever happens to schedules in whatever order: each due time is decided once, no edit is lost, each run ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from celery import current_task
from django.db import connection
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from kombu import Message

from styleguide_example.common import persistence
from styleguide_example.common.tests.lives import HOUR, Event, event, lives_of, often, orders, which
from styleguide_example.common.tests.pausing import TO_THE_END, KilledError, Order, PausableWorker, Then
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.enums import MissedRuns
from styleguide_example.tasks.models import BeatLeader
from styleguide_example.tasks.scheduler import LeasedScheduler
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.tasks.tests.life import Model
from styleguide_example.tasks.tests.life_people import BY_HAND, KINDS, PeoplesLife
from styleguide_example.tasks.tests.life_told import MINUTE, TIMINGS
from styleguide_example.tasks.tests.life_world import Clocks, Cut, Edge, Mood, world
from styleguide_example.tasks.tests.workers import message_work

pytestmark = [pytest.mark.long, pytest.mark.no_services, pytest.mark.django_db(transaction=True)]

each = lives_of(20)
SECOND = timedelta(seconds=1)
#: Beat asks at least so often.
STEP = 5 * SECOND
#: Within which somebody leads who can.
TAKEN_OVER = 4
edits = st.one_of(
    st.tuples(st.just("when"), st.sampled_from([*TIMINGS])),
    st.tuples(st.just("missed_runs"), st.sampled_from([*MissedRuns])),
)
cuts = st.sampled_from([*[Cut.NOT] * 6, *Cut])
changes = st.one_of(st.none(), edits, st.tuples(st.just("enabled"), st.booleans()))
#: Mostly they stand still when they have claimed it.
held = st.one_of(st.just(Order(1, Then.STOP)), orders)
endings = st.sampled_from(["succeed", "succeed", "fail", "crash"])
waits = st.sampled_from([2 * SECOND, 12 * SECOND, 70 * SECOND, 7 * MINUTE, 50 * MINUTE])
EVENTS = (
    *often(3, "a_worker_goes_on", which=which, order=orders),
    *often(4, "a_beat_ticks", which=which, order=orders, cut=cuts),
    *often(4, "beats_run", steps=st.integers(1, 6)),
    event("a_beat_ends", which=which),
    *often(4, "time_passes", time=waits),
    event("the_databases_clock_jumps", hours=st.sampled_from([1, -1])),
    event("the_machines_clock_jumps", hours=st.sampled_from([-1, 1])),
    *often(2, "the_broker_is", mood=st.sampled_from([Mood.WELL, *Mood])),
    *often(6, "a_run_begins", which=which, order=held, ending=endings),
    *often(2, "a_deploy", which=which, change=changes, order=orders),
    *often(2, "an_admin_edits", which=which, edit=edits, order=orders),
    *often(2, "an_admin_disables", which=which, until=st.sampled_from([None, MINUTE, 6 * MINUTE]), order=orders),
    *often(2, "an_admin_enables", which=which, order=orders),
    event("somebody_runs_it_now", which=which),
)
#: Enough for each attempt of each run, and clocks that were put back.
ROUNDS_MAX = 40


class Beat:
    """A process of beat, and what it is in the middle of."""

    def __init__(self) -> None:
        self.scheduler = LeasedScheduler(app=celery_app, max_interval=2)
        self.worker: PausableWorker | None = None


class ScheduleLife(PeoplesLife):
    """Schedules of code and of an admin, two beats, workers, deploys, a broker and clocks."""

    def __init__(self, clocks: Clocks, edge: Edge, task: WakeUpTask, models: list[Model]) -> None:
        clocks.begin()
        super().__init__(clocks, task)
        self._edge = edge
        for model in (PeriodicTask, PeriodicTasks, BeatLeader):
            model.objects.all().delete()
        edge.begin()
        models[:] = [self.model]
        self._hears = connection.execute_wrapper(clocks.tell)
        self._hears.__enter__()
        self._beats = [Beat(), Beat()]
        self._healthy = 0

    @initialize()
    def it_begins(self) -> None:
        self.the_first_are_written()

    @rule(event=st.one_of(EVENTS))
    def something_happens(self, event: Event) -> None:
        self.clocks.go_on(timedelta(milliseconds=1))
        self.happens(event)

    def begin(self, which: int, order: Order) -> None:
        self.a_beat_ticks(which, order, Cut.NOT)

    # -- Machines ------------------------------------------------------------------------------------------------------

    def a_beat_ticks(self, which: int, order: Order, cut: Cut) -> None:
        """Or goes on with what it is in the middle of."""
        beat = self._beats[which % 2]
        self._edge.cut = cut
        if beat.worker and beat.worker in self.workers:
            self.advance(beat.worker, order)
        else:
            self._tick(beat, order)
        self._edge.cut = Cut.NOT
        if cut is not Cut.NOT:  # whether it published or not
            self._beats[which % 2] = Beat()

    def _tick(self, beat: Beat, order: Order) -> None:
        beat.worker = self.worker_new(lambda _: beat.scheduler.tick())
        self.model.started(beat.worker)
        self.advance(beat.worker, order)

    def beats_run(self, steps: int) -> None:
        """As long as nothing happens to them."""
        for _ in range(steps):
            self._time_passes(STEP)
            for beat in self._idle():
                self._loop(beat)
            are_well = len(self._idle()) == len(self._beats) and self._edge.mood is Mood.WELL
            # Put back, it gives a dead leader its lease for so much longer.
            is_time_right = self.clocks.now == self.clocks.steady
            self._healthy = self._healthy + 1 if are_well and is_time_right else 0
            assert self._healthy < TAKEN_OVER or not self.model.owed(), f"Nobody fires {self.model.owed()}."

    def _idle(self) -> list[Beat]:
        return [beat for beat in self._beats if beat.worker not in self.workers]

    def _loop(self, beat: Beat) -> None:
        """Until it sleeps. Here, because a thread and a connection of its own are dear."""
        for _ in range(5):
            seconds = beat.scheduler.tick()
            self.check()
            if seconds:
                return
        raise AssertionError("Beat does not come to rest.")

    def a_beat_ends(self, which: int) -> None:
        """SIGTERM: the other may lead at once."""
        beat = self._beats[which % 2]
        if beat in self._idle():
            beat.scheduler.close()
            self._beats[which % 2] = Beat()

    def a_run_begins(self, which: int, order: Order, ending: str) -> None:
        """Whatever its message is about: it came twice, or late."""
        if message := self._edge.pick(which):
            worker = self.worker_new(partial(_message_work, message))
            self.model.started(worker, ending)
            self.advance(worker, order)

    def worker_new(self, work: Callable[[str], object], **options: Any) -> PausableWorker:
        def hearing(name: str) -> None:
            with connection.execute_wrapper(self.clocks.tell):
                work(name)

        return super().worker_new(hearing, **options)

    def advance(self, worker: PausableWorker, order: Order) -> None:
        super().advance(worker, order)
        self.model.advanced(worker)
        self._beats = [Beat() if beat.worker is not None and beat.worker.is_killed else beat for beat in self._beats]

    def the_broker_is(self, mood: Mood) -> None:
        self._edge.mood = mood

    # -- Clocks --------------------------------------------------------------------------------------------------------

    def time_passes(self, time: timedelta) -> None:
        """And nobody is awake."""
        self._time_passes(time)
        self._healthy = 0

    def _time_passes(self, time: timedelta) -> None:
        self.clocks.go_on(time)
        self.model.time_passed()

    def the_databases_clock_jumps(self, hours: int) -> None:
        self.clocks.database_jumps(hours * HOUR)
        self.model.database_jumped()
        self._healthy = 0

    def the_machines_clock_jumps(self, hours: int) -> None:
        """By which nothing is promised."""
        self.clocks.machine_jumps(hours * HOUR)

    # -- What must hold ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        self.model.check()

    def come_to_rest(self) -> None:
        """All is well. Each due time is decided, each run comes to its end."""
        self._edge.mood = Mood.WELL
        self.an_admin_disables([*KINDS].index(BY_HAND), None, TO_THE_END)  # or there would always be one that kills
        self.beats_run(TAKEN_OVER)
        for _ in range(ROUNDS_MAX):
            self.beats_run(1)
            for message in self._edge.new():
                self.worker_begins(partial(_message_work, message), TO_THE_END)
            self.check()
            if not self.model.are_open() and not self.model.owed():
                return
            self.time_passes(6 * MINUTE)
        raise AssertionError(f"Stuck: {self.model.owed()}, {[vars(run) for run in self.model.are_open()]}")

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self._hears.__exit__(None, None, None)


def _message_work(message: Message, worker: str) -> None:
    message_work(message, hostname=worker)


class TestScheduleLife:
    @pytest.fixture
    def life(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], ScheduleLife]]:
        """Its bodies tell the model what they do."""
        monkeypatch.setattr(persistence, "PAUSES_SECONDS", (0.0,))
        models: list[Model] = []

        def life() -> None:
            request: Any = current_task.request
            ending = models[0].body_begins(UUID(request.id), request.hostname)
            if ending == "crash":
                raise KilledError
            if ending == "fail":
                raise ValueError("It is one of those that fail.")

        with ExitStack() as stack:
            clocks, edge = stack.enter_context(world())
            task = stack.enter_context(task_registered(life, schedulable=True))
            yield partial(ScheduleLife, clocks, edge, task, models)

    def test_keeps_what_is_promised(self, life: Any) -> None:
        run_state_machine_as_test(life, settings=each)
