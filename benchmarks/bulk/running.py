"""Runs a plan: everybody in turn, in rounds whose order alternates, so that all meet the same machine."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bulk import extras, peers, plans
from benchmarks.bulk.cells import Cell, cell_measure, statements_count
from benchmarks.bulk.limits import limit_measure, limits
from benchmarks.bulk.peers import Contender
from benchmarks.bulk.plans import Plan
from benchmarks.bulk.sinks import FAST, Latency
from benchmarks.bulk.stages import Home, Services, Stage, on_stage
from benchmarks.bulk.wiretap import Wiretap

COUNT_SECONDS = 2
KILL_SECONDS = 4


@dataclass
class Results:
    """What was measured, in the order of the rounds; one cell for each round."""

    cells: dict[tuple[str, str], list[Cell]] = field(default_factory=lambda: defaultdict(list))
    #: Milliseconds of each e-mail, by who and latency, one list for each round.
    low_load: dict[tuple[str, str], list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    #: Rows a second, by who.
    enqueue: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    #: Per e-mail, by who.
    asked_of_database: dict[str, dict[str, float]] = field(default_factory=dict)
    killed: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    connections: dict[str, int] = field(default_factory=dict)


class Run:
    """One run of a plan. ``say`` gets a line for everything that was measured."""

    def __init__(self, plan: Plan, services: Services, say: Callable[[str], None]) -> None:
        self.plan, self.services, self.say = plan, services, say
        self.results = Results()
        self.homes: dict[str, Home] = {}

    def run(self) -> Results:
        """Measure everything; every database is dropped at the end, however it comes."""
        with ExitStack() as stack:
            for contender, _ in self.plan.cells:
                self.say(f"database of {contender.title}" + (" (a minute or two)" if contender.full_of else ""))
                self.homes[contender.who] = stack.enter_context(Home(contender, self.services))
                self._known(contender.who, contender.title, contender.connections)
            for number in range(self.plan.rounds):
                self.say(f"round {number + 1} of {self.plan.rounds}")
                self._round(number)
            for who in self._here(self.plan.counted):
                self._count(self.homes[who])
            for who in self._here(self.plan.killed):
                self._kill(self.homes[who])
            for who in self._here([peers.OURS.who] if self.plan.faults else []):
                self.results.faults.append(extras.faults_measure(self.homes[who], self._seconds(who, FAST, 1)))
                self.say(f"  faults: {self.results.faults[-1]}")
        return self.results

    def _round(self, number: int) -> None:
        turns: list[Callable[[], None]] = [self._turn(*each) for each in self.plan.cells]
        turns.append(self._limits)
        for turn in turns if number % 2 == 0 else reversed(turns):
            turn()

    def _turn(self, contender: Contender, latencies: Iterable[Latency]) -> Callable[[], None]:
        home = self.homes[contender.who]

        def turn() -> None:
            if contender.who in plans.COMPARED and self.plan.enqueued:
                self._enqueue(home)
            with on_stage(home) as stage:
                for latency in latencies:
                    self._cell(stage, latency)
                for latency in self.plan.low_load if contender.who in plans.ONE_BY_ONE else ():
                    self._low_load(stage, latency)

        return turn

    def _cell(self, stage: Stage, latency: Latency) -> None:
        count = self.plan.count(stage.contender.rate[latency.name])
        self._add(cell_measure(stage, latency, count))

    def _add(self, cell: Cell) -> None:
        self.results.cells[cell.who, cell.latency].append(cell)
        trouble = f", LOST {cell.lost}" * bool(cell.lost) + f", DOUBLED {cell.duplicates}" * bool(cell.duplicates)
        self.say(
            f"  {cell.who:<20} {cell.latency:>15} ms {cell.emails_per_s:>10,.1f} e-mails/s "
            f"({cell.emails:,} in {cell.seconds:.1f} s){trouble}"
        )

    def _limits(self) -> None:
        for limit in limits(self.services.directory, self.services.sink) if self.plan.limits else ():
            self._known(limit.who, limit.title, limit.connections)
            for latency in self.plan.limits:
                count = self.plan.count(limit.expected(latency))
                self._add(limit_measure(limit, self.services.sink, latency, count))

    def _enqueue(self, home: Home) -> None:
        who = home.contender.who
        count = self.plan.enqueued if home.contender.has_sweep else self.plan.enqueued // 20
        self.results.enqueue[who].append(extras.enqueue_measure(home, count))
        self.say(f"  {who:<20} asks for {self.results.enqueue[who][-1]:,.0f} rows/s")

    def _low_load(self, stage: Stage, latency: Latency) -> None:
        milliseconds = extras.low_load_measure(stage, latency, self.plan.ones)
        self.results.low_load[stage.contender.who, latency.name].append(milliseconds)
        middle = sorted(milliseconds)[len(milliseconds) // 2]
        self.say(f"  {stage.contender.who:<20} {latency.name:>15} ms {middle:>10.1f} ms for one at low load (p50)")

    def _count(self, home: Home) -> None:
        who = home.contender.who
        count = self._seconds(who, FAST, COUNT_SECONDS)
        with Wiretap(*self.services.postgresql.place) as tap, on_stage(home, port=tap.port) as stage:
            written, rest = statements_count(stage, tap, FAST, count)
        counted = {
            "sql_per_email": round(rest.statements / count, 4),
            "commits_per_email": round(rest.commits / count, 4),
            "db_connections_per_email": round(rest.connections / count, 4),
            "sql_to_write_the_row": round(written.statements / count, 4),
        }
        self.results.asked_of_database[who] = counted
        self.say(f"  {who:<20} {counted}")

    def _kill(self, home: Home) -> None:
        count = int(home.contender.rate["50"] * KILL_SECONDS)
        self.results.killed.append(extras.kill_measure(home, count))
        self.say(f"  SIGKILL: {self.results.killed[-1]}")

    def _seconds(self, who: str, latency: Latency, seconds: float) -> int:
        return int(self.homes[who].contender.rate[latency.name] * seconds)

    def _known(self, who: str, title: str, connections: int) -> None:
        self.results.titles[who] = title
        self.results.connections[who] = connections

    def _here(self, names: Iterable[str]) -> list[str]:
        return [who for who in names if who in self.homes]
