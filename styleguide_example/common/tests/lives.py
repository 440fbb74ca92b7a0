"""Workers that stand still before anything they write, go on, or die there, and a state machine that drives them.

Each runs the product's own functions in a thread with a database connection of its own, and only one of them, or the
test, runs at a time: so every order of steps can be repeated. It is SIGSTOP, SIGCONT and SIGKILL at any write.
"""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, NoReturn

import time_machine
from django.db import OperationalError, connection, models
from django.db.models import F
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from styleguide_example.core.exceptions import ConflictError

#: Derandomized, so that a red build is red again.
each = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    stateful_step_count=30,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

HOUR = timedelta(hours=1)
_WRITES = ("UPDATE", "INSERT", "DELETE")
PATIENCE_SECONDS = 60  # only a hang lasts so long


class KilledError(BaseException):
    """The process ends here: nothing that catches errors hears of it."""


class Then(Enum):
    """What happens at a statement that writes: nobody can tell when somebody stood still who only read."""

    STOP = "it stands still"  # outside of transactions, whose locks would hold up all others
    DIE_BEFORE = "it is killed before the statement"
    DIE_AFTER = "it is killed after the statement, and before the commit"
    LOSE_DATABASE_BEFORE = "its connection is cut before the statement"
    LOSE_DATABASE_AFTER = "its connection is cut when the statement was done and nobody has said so"


@dataclass(frozen=True)
class Order:
    """How far a worker goes: what happens when it has written ``writes`` times from here, or nothing until its end."""

    writes: int = 0
    then: Then | None = None


TO_THE_END = Order()
_AT_ONCE = Order(0, Then.DIE_BEFORE)
#: Mostly they stand still: only then anything can happen in between.
orders = st.one_of(
    st.just(TO_THE_END),
    st.builds(Order, st.integers(0, 3), st.just(Then.STOP)),
    st.builds(Order, st.integers(0, 3), st.just(Then.STOP)),
    st.builds(Order, st.integers(0, 3), st.sampled_from(Then)),
)
#: Mostly the same few, so that something happens to what something has happened to.
which = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5])
Event = tuple[str, Mapping[str, Any]]


def event(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    """What may happen: a method of the life, and what it is called with.

    A life has one rule for all of them. Of several, hypothesis leaves out some in each example (swarm testing:
    https://hypothesis.readthedocs.io/en/latest/stateful.html), and here each is nothing without the others.
    """
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


#: What happens to all of them.
EVENTS = (
    *[event("a_worker_goes_on", which=which, order=orders)] * 3,
    *[event("an_hour_passes")] * 2,
    event("the_databases_clock_jumps", hours=st.sampled_from([1, -1])),
    event("the_machines_clock_jumps", hours=st.sampled_from([-1, 1])),
)


class PausableWorker:
    """Does ``work`` in a thread of its own, as far as it is told; :attr:`name` is the owner of its leases.

    Args:
        before_stop: called in its thread before it stands still: what its own threads are doing comes to an end.
        farewell: called in its thread at its end, killed or not.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        *,
        before_stop: Callable[[], object] = lambda: None,
        farewell: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self.is_ended = False
        self.is_killed = False
        self._work, self._before_stop, self._farewell = work, before_stop, farewell
        self._order = TO_THE_END
        self._left = 0
        self._error: BaseException | None = None
        self._turn, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def go_on(self, order: Order = TO_THE_END) -> None:
        """Let it run until it stands still or has ended. What the product did not foresee rises here."""
        self._order, self._left = order, order.writes
        self._turn.release()
        assert self._stands.acquire(timeout=PATIENCE_SECONDS), f"{self.name} hangs."
        if self._error is not None:
            raise self._error

    def kill(self) -> None:
        """Let it die where it stands."""
        if not self.is_ended:
            self.go_on(_AT_ONCE)

    def _run(self) -> None:
        self._turn.acquire()
        try:
            with connection.execute_wrapper(self):
                self._work()
        except (KilledError, ConflictError):  # whose refusal is an answer
            pass
        except OperationalError as error:
            if self._order.then not in {Then.LOSE_DATABASE_BEFORE, Then.LOSE_DATABASE_AFTER}:
                self._error = error
        except BaseException as error:  # noqa: BLE001  rises in the test's thread
            self._error = error
        finally:
            self._farewell()
            connection.close()
            self.is_ended = True
            self._stands.release()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        is_write = sql.lstrip().startswith(_WRITES)
        while self._is_to_stop(is_write=is_write):
            self._before_stop()
            self._stands.release()
            self._turn.acquire()
        happens = self._order.then if is_write and self._left == 0 else None
        if self._order == _AT_ONCE:
            self._die()
        self._left -= is_write
        if self.is_killed or happens is Then.DIE_BEFORE:
            self._die()
        if happens is Then.LOSE_DATABASE_BEFORE:
            self._lose_database()
        result = execute(sql, params, many, context)
        if happens is Then.DIE_AFTER:
            self._die()
        if happens is Then.LOSE_DATABASE_AFTER:
            self._lose_database()
        return result

    def _is_to_stop(self, *, is_write: bool) -> bool:
        is_time = self._left < 0 or (self._left == 0 and is_write)
        return self._order.then is Then.STOP and is_time and not connection.in_atomic_block

    def _lose_database(self) -> NoReturn:
        assert connection.connection is not None
        connection.connection.rollback()  # as a server does with what was not committed
        raise OperationalError("server closed the connection unexpectedly")

    def _die(self) -> NoReturn:
        self.is_killed = True
        raise KilledError


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
