"""Runs scenarios: a stack for each profile, healed between two of them."""

import os
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from faults.edges import Count, Ledger
from faults.errors import MissingError
from faults.load import Load
from faults.scenario import Outcome, Run, Scenario
from faults.stack import Stack

Say = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """What became of one scenario on one profile."""

    scenario: Scenario
    profile: str
    outcome: Outcome
    seconds: float


class Runner:
    """Runs ``scenarios`` on ``profiles``. With ``keep`` the logs stay where it says they are."""

    def __init__(self, scenarios: Sequence[Scenario], profiles: Sequence[str], say: Say, *, keep: bool = False) -> None:
        self._scenarios, self._profiles = scenarios, profiles
        self._say = say
        self._keep = keep

    def run(self) -> list[Line]:
        """Run all of them, in the order of the profiles; what is started is ended, however this ends."""
        return [line for profile in self._profiles for line in self._profile(profile)]

    def _profile(self, profile: str) -> list[Line]:
        mine = [each for each in self._scenarios if profile in each.profiles and self._may_try(each)]
        if not mine:
            return []
        with ExitStack() as undo:
            directory = directory_made(undo, profile, self._say, keep=self._keep)
            began = time.monotonic()
            stack = undo.enter_context(closing(Stack(profile, directory)))
            stack.start()
            self._say(f"{profile}: everything runs after {time.monotonic() - began:.0f} s")
            return [self._line(stack, profile, each) for each in mine]

    def _may_try(self, scenario: Scenario) -> bool:
        may = not scenario.needs_root or os.geteuid() == 0
        if not may:
            self._say(f"{scenario.key} is left out: only root may make its fault.")
        return may

    def _line(self, stack: Stack, profile: str, scenario: Scenario) -> Line:
        self._say(f"{profile} {scenario.key}: {scenario.title}")
        began = time.monotonic()
        try:
            outcome = self._outcome(stack, profile, scenario)
        except MissingError:
            raise
        except Exception as error:  # noqa: BLE001  one scenario that breaks must not keep the others from running
            self._note(stack, scenario, error)
            outcome = Outcome(Count(problems=[f"{type(error).__name__}: {error}"]))
        line = Line(scenario, profile, outcome, time.monotonic() - began)
        self._say(f"  {_summary(line)}")
        self._heal(stack, scenario)
        return line

    def _outcome(self, stack: Stack, profile: str, scenario: Scenario) -> Outcome:
        if scenario.fresh_database or scenario.settings:
            stack.restart(fresh_database=scenario.fresh_database, **scenario.settings)
        stack.sink.forget()
        ledger = Ledger(scenario.key, stack.database, stack.sink, stack.diary)
        run = Run(profile, stack, ledger, Load(stack, ledger), lambda text: self._say(f"  {text}"))
        return scenario.body(run)

    def _heal(self, stack: Stack, scenario: Scenario) -> None:
        """After settings of its own the usual ones; and where healing fails, from the ground up."""
        try:
            if scenario.settings:
                stack.restart()
            else:
                stack.heal()
        except Exception as error:  # noqa: BLE001  the next scenario shall have its chance
            self._say(f"  not healed ({error}): starting again on a fresh database")
            stack.restart(fresh_database=True)

    def _note(self, stack: Stack, scenario: Scenario, error: Exception) -> None:
        with stack.room.log("runner").open("a") as log:
            log.write(f"{scenario.key}\n{''.join(traceback.format_exception(error))}\n")


def directory_made(undo: ExitStack, name: str, say: Say, *, keep: bool) -> Path:
    """Make a directory for a stack; ``undo`` deletes it, unless it shall be kept: then this says where it is."""
    if keep:
        directory = Path(tempfile.mkdtemp(prefix=f"faults-{name}-"))
        say(f"{name}: logs are in {directory}")
    else:
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True)))
    directory.chmod(0o755)  # a database server that runs as somebody else must reach its files
    return directory


def _summary(line: Line) -> str:
    outcome = line.outcome
    count = outcome.count
    recovered = "" if outcome.recovered_seconds is None else f", recovered after {outcome.recovered_seconds:.1f} s"
    figures = f"{count.asked:,} asked, {count.lost} lost, {count.duplicates} duplicates, {count.stuck} stuck{recovered}"
    verdict = "held" if outcome.is_held else f"NOT HELD: {'; '.join(outcome.failures())}"
    return f"{verdict} ({figures}; {line.seconds:.0f} s)"
