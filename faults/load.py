"""Load through the product's doors. What was confirmed is in the ledger at that moment, never before."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from faults.edges import Ledger
from faults.errors import FaultsError
from faults.stack import Stack
from faults.web import Answer, Web

Result = TypeVar("Result")


class Load:
    """What a scenario asks the product for. Each address, job and schedule bears the scenario's name."""

    def __init__(self, stack: Stack, ledger: Ledger) -> None:
        self.web = Web(stack.web_port)
        self._stack, self._ledger = stack, ledger
        self._numbers = itertools.count(1)
        self._secret = ""

    def addresses(self, count: int) -> list[str]:
        """Return new addresses of this scenario."""
        return [f"p{next(self._numbers):05}@{self._ledger.domain}" for _ in range(count)]

    # -- E-mails, by a process of the product --------------------------------------------------------------------------

    def emails(self, count: int, **how: Any) -> list[str]:
        """Ask for so many e-mails, and return when all are committed (``doings.emails_ask`` says how)."""
        return self.emails_begin(count, **how).wait()

    def emails_begin(self, count: int, **how: Any) -> "Background[list[str]]":
        """Ask for so many e-mails while the scenario goes on. ``wait()`` returns the addresses."""
        return self.emails_to(self.addresses(count), **how)

    def emails_to(
        self, addresses: Sequence[str], *, door: str = "all", each: int = 100, patience: float = 60
    ) -> "Background[list[str]]":
        """The same for addresses that the scenario chose from :meth:`addresses`."""
        call = self._stack.feeder.begin(
            "emails_ask", addresses=addresses, batch=self._ledger.label, door=door, each=each, patience=patience
        )

        def ask() -> list[str]:
            confirmed: set[str] = set()

            def said(some: list[str]) -> None:
                self._ledger.emails_noted(some)
                confirmed.update(some)

            try:
                call.wait(said, seconds=patience + 60)
            finally:
                self._ledger.emails_unsure(set(addresses) - confirmed)
            return list(addresses)

        return Background(ask)

    @contextmanager
    def emails_flowing(self, *, each: int = 5, every: float = 0.1) -> Iterator[None]:
        """Ask for so many e-mails, one message each, every so many seconds, as long as this block lasts.

        The feeder, which does one thing at a time, is theirs: nobody else may call it inside this block.
        """
        with _repeating(lambda: self.emails(each, door="queue"), every):
            yield

    # -- Sign-ups, by HTTP ---------------------------------------------------------------------------------------------

    def sign_up(self, address: str = "") -> Answer:
        """Sign one person up, with an address that the scenario chose from :meth:`addresses`, or a new one."""
        address = address or self.addresses(1)[0]
        answer = self.web.sign_up(address)
        note = self._ledger.emails_noted if answer.status == 302 else self._ledger.emails_unsure
        note([address])
        return answer

    def sign_ups(self, count: int, *, at_once: int = 4) -> list[Answer]:
        """Sign people up, so many at a time."""
        with ThreadPoolExecutor(at_once) as threads:
            return list(threads.map(lambda _: self.sign_up(), range(count)))

    @contextmanager
    def signing_up(self, *, every: float = 0.1) -> Iterator[list[Answer]]:
        """Sign a person up every so many seconds, one after the other, as long as this block lasts."""
        answers: list[Answer] = []
        with _repeating(lambda: answers.append(self.sign_up()), every):
            yield answers

    # -- Jobs, by the API ----------------------------------------------------------------------------------------------

    @property
    def secret(self) -> str:
        """The secret of this scenario's client."""
        if not self._secret:
            self._secret = self._stack.feeder.call("token_make", email=f"client@{self._ledger.label}.clients.example")
        return self._secret

    def job(self, kind: str = "fault-plain", *, ends_in: Sequence[str] = ("SUCCESS",), **parameters: Any) -> Answer:
        """Start a job of a kind in ``faults/product/job_kinds.py``; one that was accepted is in the ledger."""
        body = {"scenario": self._ledger.label, **parameters}
        answer = self.web.api("POST", f"/api/jobs/{kind}/", self.secret, body)
        if answer.status == 202:
            self._ledger.jobs_noted([answer.json["id"]], ends_in=ends_in)
        return answer

    def jobs(self, count: int, kind: str = "fault-plain", **how: Any) -> list[str]:
        """Start so many, and return their ids.

        Raises:
            FaultsError: when one was not accepted.
        """
        answers = [self.job(kind, **how) for _ in range(count)]
        if refused := [answer for answer in answers if answer.status != 202]:
            raise FaultsError(f"A job was answered with {refused[0].status}: {refused[0].body[:200]!r}")
        return [str(answer.json["id"]) for answer in answers]

    # -- Schedules -----------------------------------------------------------------------------------------------------

    @contextmanager
    def schedule(self, *, seconds: int = 1, **columns: Any) -> Iterator[str]:
        """A schedule that is due every so many seconds inside this block; its name."""
        name = f"Tick of {self._ledger.label}"
        label = self._ledger.label
        self._stack.feeder.call("schedule_start", name=name, scenario=label, seconds=seconds, **columns)
        self._ledger.schedule_noted(name, seconds=seconds)
        try:
            yield name
        finally:
            self._stack.feeder.call("schedule_end", name=name)


class Background(Generic[Result]):
    """A call in a thread. What it raised is raised by :meth:`wait`."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._result: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def wait(self) -> Result:
        """Return what the call returned."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result = [self._call()]
        except BaseException as error:  # noqa: BLE001  for whoever waits
            self._error = error


@contextmanager
def _repeating(do: Callable[[], object], every: float) -> Iterator[None]:
    """Do it every so many seconds, one after the other, as long as this block lasts; it ends when the last one has."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(every):
            do()

    background = Background(repeat)
    try:
        yield
    finally:
        ended.set()
        background.wait()
