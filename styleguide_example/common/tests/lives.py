"""A state machine over rows that live through anything: pausable workers, clocks that jump, and what must hold."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import time_machine
from django.db import models
from django.db.models import F
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from styleguide_example.common.tests.pausing import TO_THE_END, Order, PausableWorker, Then
from styleguide_example.core.exceptions import ConflictError

HOUR = timedelta(hours=1)

_ANYTHING = [Order(writes, then) for writes in range(4) for then in Then]
_STOPS = [Order(writes, Then.STOP) for writes in range(4)]
#: Mostly they stand still: only then anything can happen in between.
orders = st.sampled_from([*[TO_THE_END] * 20, *_STOPS * 10, *_ANYTHING])
#: Mostly the same few, so that something happens to what something has happened to.
which = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5])
Event = tuple[str, Mapping[str, Any]]


def lives_of(count: int) -> settings:
    """So many lives. Derandomized, so that a red build is red again."""
    return settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=count,
        stateful_step_count=30,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def event(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    """What may happen: a method of the life, and what it is called with.

    A life has one rule for all of them. Of several, hypothesis leaves out some in each example (swarm testing:
    https://hypothesis.readthedocs.io/en/latest/stateful.html), and here each is nothing without the others.
    """
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


def often(times: int, name: str, **arguments: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Event]]:
    """So many times as often as others. Each is a strategy of its own: ``one_of`` takes the same one only once."""
    return [event(name, **arguments) for _ in range(times)]


_MID_WORK = st.sampled_from([Order(writes, Then.STOP) for writes in (1, 1, 2, 3)])
#: What happens to all of them.
EVENTS = (
    *often(3, "one_comes_late", which=which, early=_MID_WORK, other=_MID_WORK, is_swept=st.booleans()),
    *often(3, "a_worker_goes_on", which=which, order=orders),
    *often(2, "an_hour_passes"),
    event("the_databases_clock_jumps", hours=st.sampled_from([1, -1])),
    event("the_machines_clock_jumps", hours=st.sampled_from([-1, 1])),
)


class Life(RuleBasedStateMachine):
    """Rows that live through anything: workers stopped and killed anywhere, and clocks that jump.

    A subclass has the rules of its own rows, and a model of them that is told without the product's code.
    """

    #: The columns that tell a time which is compared with the database's clock.
    times: ClassVar[Mapping[type[models.Model], Sequence[str]]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[Any] = []  # that stand still
        self._numbered = 0
        self._here = time_machine.travel(0)
        self._hours_ahead = 0

    def happens(self, event: Event) -> None:
        """Let it happen; a refusal is an answer."""
        name, arguments = event
        with suppress(ConflictError):
            getattr(self, name)(**arguments)

    # -- Workers -------------------------------------------------------------------------------------------------------

    def worker_new(self, work: Callable[[str], object], **options: Any) -> PausableWorker:
        """A worker that has not begun; ``work`` gets its name."""
        self._numbered += 1
        name = f"worker-{self._numbered}"
        return PausableWorker(name, lambda: work(name), **options)

    def advance(self, worker: Any, order: Order) -> None:
        """Let it go on, and remember it if it stands still."""
        if worker not in self.workers:
            self.workers.append(worker)
        try:
            worker.go_on(order)
        finally:
            if worker.is_ended:
                self.workers.remove(worker)

    def a_worker_goes_on(self, which: int, order: Order) -> None:
        """However late."""
        if worker := pick(self.workers, which):
            self.advance(worker, order)
        else:
            self.begin(which, order)

    def one_comes_late(self, which: int, early: Order, other: Order, *, is_swept: bool) -> None:
        """It stands still until its lease is over, somebody else begins with the same row, and then it goes on."""
        before = [*self.workers]
        self.begin(which, early)
        if is_swept:
            self.an_hour_passes()
        else:
            self.the_databases_clock_jumps(1)
        self.check()
        latecomers = [worker for worker in self.workers if worker not in before]
        self.begin(which, other)
        self.check()
        for worker in latecomers:
            self.advance(worker, Order(1, Then.STOP))  # and has something to say again later

    def begin(self, which: int, order: Order) -> None:
        """Let a worker begin with one of the rows, whatever its message says."""
        raise NotImplementedError

    # -- Clocks --------------------------------------------------------------------------------------------------------

    def an_hour_passes(self) -> None:
        """And somebody sweeps."""
        self.the_databases_clock_jumps(1)
        self.a_sweep_begins(TO_THE_END)

    def a_sweep_begins(self, order: Order) -> None:
        """In a worker of its own."""
        raise NotImplementedError

    def the_databases_clock_jumps(self, hours: int) -> None:
        """Or the time passes. It cannot be moved, so what it wrote down moves the other way."""
        rows_shift(self.times, -hours * HOUR)
        self.hours_passed(hours)

    def hours_passed(self, hours: int) -> None:
        """The database's clock shows so much more."""

    def the_machines_clock_jumps(self, hours: int) -> None:
        """By which nothing is promised."""
        self._here_ends()
        self._hours_ahead = max(-1, min(1, self._hours_ahead + hours))
        if self._hours_ahead:
            self._here = time_machine.travel(datetime.now(UTC) + self._hours_ahead * HOUR)
            self._here.start()
            self._is_elsewhere = True

    _is_elsewhere = False

    def database_now(self) -> datetime:
        """What the database's clock shows, whatever this machine's does."""
        return datetime.now(UTC) - self._hours_ahead * HOUR

    def _here_ends(self) -> None:
        if self._is_elsewhere:
            self._here.stop()
            self._is_elsewhere = False

    # -- What must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        """After every step."""
        self.check()

    def check(self) -> None:
        """Compare what is with what the model says."""
        raise NotImplementedError

    def come_to_rest(self) -> None:
        """Sweep and work until nothing is open: nothing is lost, and nothing stuck."""
        raise NotImplementedError

    def teardown(self) -> None:
        has_failed = sys.exc_info()[0] is not None  # then what it left behind is the first error's
        try:
            if not has_failed:
                for worker in [*self.workers]:
                    self.advance(worker, TO_THE_END)
                    self.check()
                self.come_to_rest()
                self.check()
        finally:
            for worker in self.workers:
                worker.kill()
            self._here_ends()


def rows_shift(times: Mapping[type[models.Model], Sequence[str]], distance: timedelta) -> None:
    """Move the times of all rows."""
    for model, columns in times.items():
        model._default_manager.update(**{column: F(column) + distance for column in columns})


def pick(among: Sequence[Any], which: int) -> Any:
    """One of them, or None when there are none."""
    return among[which % len(among)] if among else None
