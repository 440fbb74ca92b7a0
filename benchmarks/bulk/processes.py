"""Processes that the benchmark starts: in groups of their own, so that all of each are ended, and what CPU they use."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import psutil

ROOT = Path(__file__).resolve().parents[2]


class Group:
    """A command and whatever it starts. Its output goes to ``log``."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self._popen = subprocess.Popen(  # noqa: S603  the benchmark's own commands
            list(command),
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def cpu(self) -> float:
        """Return the seconds of CPU that it and its children have used, those that ended included."""
        return cpu_of(self._popen.pid)

    def kill(self) -> None:
        """SIGKILL for all of it at once."""
        kill_session(self._popen)
        self._log.close()


class Driver:
    """A contender's own process: it writes the rows, and asks for them. One call at a time, as lines of JSON."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self._popen = subprocess.Popen(  # noqa: S603  ourselves
            [sys.executable, "-m", "benchmarks.bulk.driving", module],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self._asks, self._answers = cast("IO[str]", self._popen.stdin), cast("IO[str]", self._popen.stdout)
        self._name = module

    def begin(self, name: str, **arguments: Any) -> None:
        """Call a function of the driver module, and do not wait for it."""
        self._asks.write(json.dumps({"name": name, "arguments": arguments}) + "\n")
        self._asks.flush()

    def end(self, timeout: float = 600) -> dict[str, Any]:
        """Return ``result``, and when the call ``began`` and ``ended``, once it has."""
        if not select.select([self._answers], [], [], timeout)[0]:
            raise TimeoutError(f"{self._name} did not answer in {timeout} s. Its words are in {self._log.name}.")
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended. Its last words are in {self._log.name}.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self._name}: {answer['error']}")
        return answer

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a function and wait for it."""
        self.begin(name, **arguments)
        return self.end()

    def cpu(self) -> float:
        """Return the seconds of CPU that it and its children have used."""
        return cpu_of(self._popen.pid)

    def kill(self) -> None:
        """SIGKILL for all of it."""
        kill_session(self._popen)
        for pipe in (self._asks, self._answers):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._log.close()


def kill_session(popen: "subprocess.Popen[Any]") -> None:
    """SIGKILL for a process that leads a session, and for all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU of a process, its living children, and those that it has waited for."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return sum(map(_cpu, [process, *process.children(recursive=True)]))
    return 0.0


def cpu_of_service(*names: str) -> float:
    """Return the seconds of CPU of all processes on this machine with one of these names: somebody else's too."""
    seconds = 0.0
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in names:
            seconds += _cpu(process)
    return seconds


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def wait_until(condition: Any, timeout: float, every: float = 0.02) -> bool:
    """Return whether ``condition`` came true in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
