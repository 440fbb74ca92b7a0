"""One fault under one contender: what its maker works with, and what was measured."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import psycopg

from faults.answers import REQUEST_SECONDS
from faults.components import Component
from faults.errors import FaultsError
from faults.load import Background
from faults.peers.books import Books, Figures
from faults.peers.stage import Stage
from faults.processes import family, wait_until
from faults.web import Answer, Web

ASK = "/faults/ask/"
OK = 200
#: Nothing waits longer than this for an end.
PATIENCE_SECONDS = 150
STANDSTILL_SECONDS = 0.4
#: A second copy may be on the wire when the rows have ended.
SLACK_SECONDS = 1.0


@dataclass(frozen=True)
class Measured:
    """What was left of a fault. ``may_come_twice`` is what was on the wire: nobody can promise less."""

    figures: Figures
    may_come_twice: int = 0
    requests: int = 0
    requests_failed: int = 0
    slowest_seconds: float = 0.0
    settled_seconds: float | None = None
    seen: str = ""

    @property
    def is_held(self) -> bool:
        """Whether it is what this project promises."""
        figures = self.figures
        return (
            figures.promised > 0
            and not (figures.lost or figures.stuck or figures.renamed or self.requests_failed)
            and figures.twice <= self.may_come_twice
            and self.slowest_seconds <= REQUEST_SECONDS
        )


@dataclass
class Trial:
    """What the maker of a fault works with."""

    stage: Stage
    books: Books
    say: Callable[[str], None]
    answers: list[Answer] = field(default_factory=list)
    may_come_twice: int = 0
    seen: str = ""
    _number: int = 0
    _fault_ended_at: float = 0.0

    @property
    def busiest(self) -> Component:
        """The worker that has most connections to the mail server."""
        return max(self.stage.workers, key=self.connections)

    def connections(self, worker: Component) -> int:
        """How many connections to the mail server it has; none when it is dead."""
        return self.stage.connections_of(family(worker.pid))

    def burst(self, count: int) -> Background[None]:
        """Ask for so many at once, by the contender's own door for that; ``wait()`` returns when all are committed."""
        addresses = [self._address() for _ in range(count)]
        call = self.stage.feeder.begin(f"{self.stage.contender.asking}.emails_ask", addresses=addresses)
        return Background(lambda: call.wait(self.books.confirmed))

    def requests(self, count: int, *, at_once: int = 1) -> list[Answer]:
        """Let so many people ask for one each."""
        addresses = [self._address() for _ in range(count)]
        web = Web(self.stage.web_port)

        def ask(address: str) -> Answer:
            answer = web.ask("POST", ASK, urlencode({"to": address}).encode(), _FORM)
            if answer.status == OK:
                self.books.confirmed([address])
            return answer

        with ThreadPoolExecutor(at_once) as threads:
            answers = list(threads.map(ask, addresses))
        self.answers += answers
        return answers

    def wait_for(self, arrived: int) -> None:
        """Return when so many have come."""
        self.wait_until(lambda: self.books.arrived() >= arrived, what=f"{arrived} e-mails")

    def wait_until(self, is_so: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
        """Return when it is so; ``what`` ends "Waited in vain for"."""
        wait_until(is_so, what=what, seconds=seconds)

    def wait_for_standstill(self) -> None:
        """Return when no e-mail comes any more: every conversation is where the mail server keeps it."""
        moved = _Still(self.books.arrived)
        self.wait_until(lambda: moved.seconds() >= STANDSTILL_SECONDS, what="the mail server to take nothing more")

    def seconds_until_all_came(self, *, at_most: float) -> float:
        """Return how long it took until all that was promised had come, or ``at_most``."""
        began = time.monotonic()
        while self.books.missing() and time.monotonic() - began < at_most:
            time.sleep(0.2)
        return time.monotonic() - began

    @contextmanager
    def fault(self) -> Iterator[None]:
        """From the end of this block on the time to settle counts."""
        yield
        self._fault_ended_at = time.monotonic()

    def measured(self) -> Measured:
        """Wait until everything has ended, or nothing moves any more, and count."""
        settled = self._settle()
        return Measured(
            figures=self.books.figures(),
            may_come_twice=self.may_come_twice,
            requests=len(self.answers),
            requests_failed=sum(answer.status != OK for answer in self.answers),
            slowest_seconds=max((answer.seconds for answer in self.answers), default=0.0),
            settled_seconds=settled,
            seen=self.seen,
        )

    def _settle(self) -> float | None:
        """Return how long after the fault all rows had ended. None: they never did."""
        still = _Still(self._state)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while still.seconds() < self.stage.contender.settles_seconds and time.monotonic() < deadline:
            if self._has_ended():
                took = time.monotonic() - self._fault_ended_at
                time.sleep(SLACK_SECONDS)
                return took
            time.sleep(0.25)
        return None

    def _has_ended(self) -> bool:
        try:
            return not self.books.open_now() and not self.stage.queue_length()
        except (psycopg.Error, OSError, FaultsError):
            return False

    def _state(self) -> object:
        try:
            return self.books.state()
        except psycopg.Error:
            return None

    def _address(self) -> str:
        self._number += 1
        return f"p{self._number:05}@{self.books.domain}"


class _Still:
    """How long something has been as it is."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look = look
        self._seen: object = None
        self._since = time.monotonic()

    def seconds(self) -> float:
        if (now := self._look()) != self._seen:
            self._seen, self._since = now, time.monotonic()
        return time.monotonic() - self._since


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
