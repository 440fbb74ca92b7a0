"""Runs the faults: one contender after the other, each on a stack of its own, healed between two faults."""

import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from faults.peers.books import Books
from faults.peers.contenders import Contender
from faults.peers.faults import Fault
from faults.peers.stage import Stage
from faults.peers.trials import Measured, Trial
from faults.running import directory_made


@dataclass(frozen=True)
class PeerLine:
    """What became of one fault under one contender; ``problem`` says why nothing was measured."""

    fault: Fault
    contender: Contender
    measured: Measured | None
    seconds: float
    problem: str = ""

    @property
    def is_held(self) -> bool:
        """Whether it is what this project promises."""
        return self.measured is not None and self.measured.is_held


def peers_run(
    contenders: Sequence[Contender], faults: Sequence[Fault], say: Callable[[str], None], *, keep: bool = False
) -> list[PeerLine]:
    """Run all of them; what is started is ended, however this ends."""
    return [line for contender in contenders for line in _contender(contender, faults, say, keep=keep)]


def _contender(
    contender: Contender, faults: Sequence[Fault], say: Callable[[str], None], *, keep: bool
) -> list[PeerLine]:
    with ExitStack() as undo:
        directory = directory_made(undo, contender.who, say, keep=keep)
        stage = undo.enter_context(closing(Stage(contender, directory)))
        began = time.monotonic()
        stage.start()
        say(f"{contender.title}: everything runs after {time.monotonic() - began:.0f} s")
        return [_line(stage, fault, say) for fault in faults]


def _line(stage: Stage, fault: Fault, say: Callable[[str], None]) -> PeerLine:
    contender = stage.contender
    say(f"{contender.title}, {fault.key}: {fault.title}")
    began = time.monotonic()
    measured, problem = None, ""
    try:
        measured = _measured(stage, fault, say)
    except Exception as error:  # noqa: BLE001  one fault that breaks must not keep the others from being made
        problem = f"{type(error).__name__}: {error}"
        with stage.room.log("runner").open("a") as log:
            log.write(f"{fault.key}\n{''.join(traceback.format_exception(error))}\n")
    line = PeerLine(fault, contender, measured, time.monotonic() - began, problem)
    say(f"  {_summary(line)}")
    _heal(stage, fault, say)
    return line


def _measured(stage: Stage, fault: Fault, say: Callable[[str], None]) -> Measured:
    if fault.settings:
        stage.restart(**fault.settings)
    books = Books(stage.contender, stage.database, stage.sink, f"{fault.key.lower()}.example")
    trial = Trial(stage, books, lambda text: say(f"  {text}"))
    fault.body(trial)
    return trial.measured()


def _heal(stage: Stage, fault: Fault, say: Callable[[str], None]) -> None:
    try:
        if fault.settings:
            stage.restart()
        else:
            stage.heal()
    except Exception as error:  # noqa: BLE001  the next fault shall have its chance
        say(f"  not healed ({error}): starting again on a fresh database")
        stage.restart(fresh_database=True)


def _summary(line: PeerLine) -> str:
    if line.measured is None:
        return f"NOT MEASURED: {line.problem}"
    figures, measured = line.measured.figures, line.measured
    settled = "never" if measured.settled_seconds is None else f"after {measured.settled_seconds:.1f} s"
    slowest = (
        f", {measured.requests_failed} of {measured.requests} requests failed, slowest {measured.slowest_seconds:.2f} s"
    )
    return (
        f"{figures.promised} promised, {figures.lost} lost, {figures.twice} twice (on the wire "
        f"{measured.may_come_twice}), {figures.renamed} renamed, {figures.stuck} stuck, {figures.failed} failed"
        f"{slowest * bool(measured.requests)}; settled {settled} ({line.seconds:.0f} s) {measured.seen}"
    )
