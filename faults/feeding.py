"""The runner's end of a feeder: a process of the product that does what a scenario asks for."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

from faults.errors import FaultsError
from faults.processes import ROOT, Room, family, send

CALL_SECONDS = 120
DOINGS = "faults.product.doings"


class Feeder:
    """One call at a time; for two at once, take two. ``pid`` is the process's, to be killed like any other."""

    def __init__(
        self, room: Room, environment: Mapping[str, str], *, name: str = "feeder", python: Path | str = sys.executable
    ) -> None:
        self._room = room
        self._log = room.log(name).open("a")
        self._popen = subprocess.Popen(  # noqa: S603  our own
            [str(python), "-m", "faults.product.feeder"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        room.lifeline.started(self.pid)
        self._asks = cast("IO[str]", self._popen.stdin)
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._is_ready = False
        self._open_calls = 0

    @property
    def is_idle(self) -> bool:
        """Whether it lives and has answered all that it was asked."""
        return self._open_calls == 0 and self._popen.poll() is None

    def begin(self, function: str, **arguments: Any) -> "Call":
        """Ask for a call and do not wait. A function without a module is one of ``faults.product.doings``."""
        name = function if "." in function else f"{DOINGS}.{function}"
        try:
            self._asks.write(json.dumps({"call": name, "arguments": arguments}) + "\n")
            self._asks.flush()
        except BrokenPipeError as error:
            raise FaultsError(f"The feeder has ended; {self._log.name} says why.") from error
        self._open_calls += 1
        return Call(name, self._answer)

    def call(self, function: str, **arguments: Any) -> Any:
        """Ask for a call, wait for it, and return what it returns.

        Raises:
            FaultsError: with what it raised.
        """
        return self.begin(function, **arguments).wait()

    def close(self) -> None:
        """SIGKILL, at once."""
        send(family(self.pid), signal.SIGKILL)
        self._popen.wait()
        self._room.lifeline.ended(self.pid)
        for pipe in (self._asks, cast("IO[str]", self._popen.stdout), self._log):
            with contextlib.suppress(OSError):  # what it had not read yet
                pipe.close()

    def _answer(self, seconds: float) -> dict[str, Any]:
        if not self._is_ready:
            self._is_ready = True
            self._open_calls += 1
            self._answer(seconds)  # that it has started
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise FaultsError(f"The feeder did not answer in {seconds:.0f} s; {self._log.name} may say why.") from None
        if answer is None:
            self._answers.put(None)  # for whoever asks next, in another thread
            raise FaultsError(f"The feeder has ended; {self._log.name} says why.")
        self._open_calls -= "result" in answer or "error" in answer
        return answer

    def _read(self) -> None:
        for line in cast("IO[str]", self._popen.stdout):
            self._answers.put(json.loads(line))
        self._answers.put(None)


class Call:
    """A call that goes on in the feeder."""

    def __init__(self, name: str, answer: Callable[[float], dict[str, Any]]) -> None:
        self._name = name
        self._answer = answer

    def wait(self, said: Callable[[Any], None] | None = None, *, seconds: float = CALL_SECONDS) -> Any:
        """Return its result; ``said`` gets each value of a generator as it comes."""
        while "said" in (answer := self._answer(seconds)):
            if said is not None:
                said(answer["said"])
        if "error" in answer:
            raise FaultsError(f"{self._name}: {answer['error']}")
        return answer["result"]
