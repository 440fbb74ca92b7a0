"""What a scenario is: a fault with a name, made under load, of which a number says what must be left of it."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import cast

from faults import scenarios
from faults.database import Database
from faults.edges import Count, Ledger
from faults.errors import FaultsError
from faults.load import Load
from faults.processes import wait_until
from faults.profiles import ALL, Servers
from faults.sink import Sink
from faults.stack import Stack

RECOVERY_SECONDS = 90


@dataclass(frozen=True)
class Outcome:
    """What was measured. ``lost`` and ``stuck`` are 0 in every line; of ``duplicates`` there may be a few."""

    count: Count
    duplicates_at_most: int = 0
    recovered_seconds: float | None = None
    recovered_at_most: float | None = None
    #: What a person saw of it, in words.
    seen: str = ""
    problems: tuple[str, ...] = ()

    @property
    def is_held(self) -> bool:
        """Whether every figure is within what was expected."""
        return not self.failures()

    def failures(self) -> list[str]:
        """Return what is not as expected, in words."""
        found = list(self.problems) + self.count.problems
        if self.count.lost:
            found.append(f"{self.count.lost} lost")
        if self.count.stuck:
            found.append(f"{self.count.stuck} stuck")
        if self.count.duplicates > self.duplicates_at_most:
            found.append(f"{self.count.duplicates} duplicates, at most {self.duplicates_at_most} expected")
        if not self.count.asked:
            found.append("nothing was asked for")
        if self.recovered_at_most is not None:
            found += self._recovery_failures(self.recovered_at_most)
        return found

    def _recovery_failures(self, at_most: float) -> list[str]:
        if self.recovered_seconds is None:
            return ["no recovery was measured"]
        if self.recovered_seconds > at_most:
            return [f"recovered after {self.recovered_seconds:.1f} s, {at_most:.0f} s expected"]
        return []


@dataclass
class Run:
    """What a scenario works with: one scenario on one profile."""

    profile: str
    stack: Stack
    ledger: Ledger
    load: Load
    say: Callable[[str], None]
    problems: list[str] = field(default_factory=list)
    _fault_ended_at: float | None = None
    _recovered_seconds: float | None = None

    @property
    def sink(self) -> Sink:
        """The mail server."""
        return self.stack.sink

    @property
    def servers(self) -> Servers:
        """The profile's."""
        return self.stack.servers

    @property
    def database(self) -> Database:
        """For plain SQL."""
        return self.stack.database

    def expect(self, is_so: object, otherwise: str) -> None:
        """Note a problem, and go on: what was counted is worth knowing all the same."""
        if not is_so:
            self.problems.append(otherwise)

    def wait_until(self, is_so: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
        """Return as soon as it is so; ``what`` ends "Waited in vain for"."""
        wait_until(is_so, what=what, seconds=seconds)

    def fault_ended(self) -> None:
        """Note the moment from which on the recovery counts."""
        self._fault_ended_at = time.monotonic()

    def recovered(self, *, seconds: float = RECOVERY_SECONDS) -> float | None:
        """Wait until nothing is open any more, and return how long after the fault's end that was. None: never."""
        began = self._fault_ended_at or time.monotonic()
        try:
            wait_until(self.ledger.is_quiet, what="everything to end", seconds=seconds)
        except FaultsError:
            self.problems.append(f"after {seconds:.0f} s {self.ledger.open_now()}")
            return None
        if self._recovered_seconds is None:
            self._recovered_seconds = time.monotonic() - began
        return self._recovered_seconds

    def seconds_since_fault(self) -> float:
        """How long ago the fault ended."""
        return time.monotonic() - (self._fault_ended_at or time.monotonic())

    def recovery_noted(self) -> float:
        """Take this moment for that of the recovery: what the fault kept back goes on. Returns the seconds."""
        self._recovered_seconds = time.monotonic() - (self._fault_ended_at or time.monotonic())
        return self._recovered_seconds

    def outcome(
        self, *, duplicates_at_most: int = 0, recovered_at_most: float | None = None, seen: str = ""
    ) -> Outcome:
        """Count, and return what was measured beside what is expected."""
        return Outcome(
            count=self.ledger.count(),
            duplicates_at_most=duplicates_at_most,
            recovered_seconds=self._recovered_seconds,
            recovered_at_most=recovered_at_most,
            seen=seen,
            problems=tuple(self.problems),
        )


Body = Callable[[Run], Outcome]


@dataclass(frozen=True)
class Scenario:
    """A line of the scorecard. ``fault`` and ``load`` are for people."""

    key: str
    title: str
    load: str
    body: Body
    profiles: tuple[str, ...] = ALL
    #: Whether it is one of the few of ``--quick``.
    is_decisive: bool = False
    fresh_database: bool = False
    #: Settings besides the usual ones; it costs a restart of the product.
    settings: dict[str, object] = field(default_factory=dict)
    #: Whether it does what only root may; for others it is left out, and said.
    needs_root: bool = False
    #: What makes it again, where its key does not.
    arguments: str = ""


#: E-mails, schedules, jobs, deploys, access, overload.
_GROUPS = "ESJDXO"
_KEY = re.compile(f"([{_GROUPS}])([0-9]+)([a-z]?)")
_SCENARIOS: dict[str, Scenario] = {}


def scenario(
    key: str,
    *,
    title: str,
    load: str,
    profiles: Iterable[str] = ALL,
    is_decisive: bool = False,
    fresh_database: bool = False,
    needs_root: bool = False,
    **settings: object,
) -> Callable[[Body], Body]:
    """Make a function a scenario. ``settings`` in capitals are environment variables of the product.

    Raises:
        ValueError: when another scenario has its key, or it is none.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(
            f"{key!r} is no key of a scenario: write a letter of {_GROUPS}, a number, and a letter if need be."
        )

    def register(body: Body) -> Body:
        made = Scenario(key, title, load, body, tuple(profiles), is_decisive, fresh_database, settings, needs_root)
        if _SCENARIOS.setdefault(key, made) is not made:
            raise ValueError(f"Two scenarios are called {key}.")
        return body

    return register


def scenarios_found() -> list[Scenario]:
    """Return all scenarios of ``faults/scenarios/``: e-mails, schedules, jobs, deploys, each by number."""
    for module in sorted(module.name for module in iter_modules([str(Path(scenarios.__path__[0]))])):
        import_module(f"{scenarios.__name__}.{module}")
    return sorted(_SCENARIOS.values(), key=_place)


def _place(scenario: Scenario) -> tuple[int, int, str]:
    """E2 comes before E10a, and that before S1."""
    group, number, part = cast("re.Match[str]", _KEY.fullmatch(scenario.key)).groups()
    return _GROUPS.index(group), int(number), part
