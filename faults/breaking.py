"""Makes the faults of a plan, ends them, and counts what was on the wire when one began that may double it."""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import psycopg

from faults.cables import Cable
from faults.components import Component
from faults.errors import FaultsError
from faults.plans import BROKER, COMPONENTS, CUT_OFF, WORKERS, Fault
from faults.postgresql_server import PostgreSQLServer
from faults.processes import family, send
from faults.scenario import Run
from faults.servers import Server

_ON_THE_WIRE = "SELECT count(*) FROM emails_email WHERE lease_token IS NOT NULL AND on_wire_at IS NOT NULL"
Undo = Callable[[], None]
Make = Callable[["Breaker", Fault], Undo | None]
#: By what is befallen, ``component`` for each process of the product, and the name of the kind.
Makers = Mapping[tuple[str, str], Make]


class LeftOutError(Exception):
    """The profile, or the moment, has nothing that the fault could befall; the message says why."""


@dataclass
class Happened:
    """A fault that was made. The times are those of the clock on the wall."""

    fault: Fault
    began_at: float
    ended_at: float = math.inf
    #: So many e-mails may come a second time because of it.
    on_the_wire: int = 0


class Breaker:
    """Begins and ends faults by ``makers``. ``happened`` is what became of the plan."""

    def __init__(self, run: Run, makers: Makers, cable: Cable | None) -> None:
        self.run, self.cable = run, cable
        #: The names of components that a fault has stopped.
        self.stopped: set[str] = set()
        self.happened: list[Happened] = []
        self._makers = makers
        self._open: dict[int, Undo] = {}
        self._on_the_wire = 0

    @property
    def on_the_wire(self) -> int:
        """So many e-mails at most may have come a second time."""
        return sum(each.on_the_wire for each in self.happened)

    def begin(self, fault: Fault) -> None:
        """Make it; one that lasts goes on until :meth:`end`."""
        befallen = "component" if fault.target in COMPONENTS else fault.target
        self._on_the_wire = 0
        began_at = time.time()
        try:
            undo = self._makers[befallen, fault.kind](self, fault)
        except LeftOutError as reason:
            self.run.say(f"{fault}: left out, {reason}")
            return
        happened = Happened(fault, began_at, on_the_wire=self._on_the_wire)
        self.happened.append(happened)
        self.run.say(f"{fault}{f'; {self._on_the_wire} on the wire' if self._on_the_wire else ''}")
        if undo is not None:
            self._open[fault.number] = undo
        else:
            happened.ended_at = time.time()

    def end(self, fault: Fault) -> None:
        """End it, if it was made and has not ended."""
        undo = self._open.pop(fault.number, None)
        if undo is None:
            return
        happened = next(each for each in self.happened if each.fault is fault)
        self._on_the_wire = 0
        undo()
        happened.on_the_wire += self._on_the_wire
        happened.ended_at = time.time()

    def end_all(self) -> None:
        """End what goes on."""
        for each in self.happened:
            self.end(each.fault)

    # -- For those who make them ---------------------------------------------------------------------------------------

    def may_double(self, count: int) -> None:
        """Note that the fault which is begun or ended at this moment had so many e-mails on the wire."""
        self._on_the_wire += count

    def component(self, fault: Fault) -> Component:
        """The one that is befallen."""
        component = self.named(fault.target)
        if not component.has_process():
            raise LeftOutError("it is just being started.")
        return component

    def named(self, name: str) -> Component:
        """The component of that name."""
        return next(each for each in self.run.stack.components if each.name == name)

    def server(self, fault: Fault) -> Server:
        """The one that is befallen."""
        server = self.run.servers.broker if fault.target == BROKER else self.postgresql()
        if not server.has_process():
            raise LeftOutError("it is just being started.")
        return server

    def postgresql(self) -> PostgreSQLServer:
        """The profile's."""
        if self.run.servers.postgresql is None:
            raise LeftOutError("this profile has none.")
        return self.run.servers.postgresql

    def connections(self, component: Component, processes: list[psutil.Process] | None = None) -> int:
        """How many connections to the mail server it has, or these of its processes have; all, behind a cable."""
        if component.name not in WORKERS:
            return 0
        if self.cable is not None and component.name == CUT_OFF:
            return self.cable.connections(self.run.sink.port)
        return self.run.stack.connections_of(family(component.pid) if processes is None else processes)

    def kill(self, component: Component) -> None:
        """SIGKILL for all of it. What it has on the wire is counted while it stands still."""
        send(family(component.pid), signal.SIGSTOP)
        self.may_double(self.connections(component))
        component.kill()

    @contextmanager
    def standing_still(self, *names: str) -> Iterator[None]:
        """Inside this block nothing is begun by those components; what a fault has stopped stays so afterwards."""
        going = [self.named(name) for name in names if name not in self.stopped]
        processes = [process for component in going for process in family(component.pid)]
        send(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            send(processes, signal.SIGCONT)

    @contextmanager
    def database_away(self) -> Iterator[None]:
        """What is on the wire when it goes away in this block may not be recorded before another worker takes it."""
        with self.standing_still(*WORKERS):
            connections = sum(self.connections(self.named(name)) for name in WORKERS)
            try:
                marked = int(self.run.database.value(_ON_THE_WIRE))
            except psycopg.Error:
                raise LeftOutError("it is just being started.") from None
            self.may_double(max(connections, marked))
            yield


def follow(breaker: Breaker, faults: list[Fault], *, seconds: float) -> None:
    """Begin and end each fault at its time, counted from now on, and return after ``seconds``."""
    began = time.monotonic()
    events: list[tuple[float, int, Callable[[Fault], None], Fault]] = []
    for fault in faults:
        events += [(fault.at, fault.number, breaker.begin, fault), (fault.ends_at, fault.number, breaker.end, fault)]
    for moment, _, do, fault in sorted(events, key=lambda event: event[:2]):
        time.sleep(max(began + moment - time.monotonic(), 0))
        try:
            do(fault)
        except (FaultsError, OSError, psutil.Error) as error:  # the others shall be made all the same
            breaker.run.expect(False, f"fault {fault.number} could not be made or ended: {error}")  # noqa: FBT003
    time.sleep(max(began + seconds - time.monotonic(), 0))
