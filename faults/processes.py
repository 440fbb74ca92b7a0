"""Processes of a run: each leads a group of its own, writes to a file, and is noted at the lifeline while it lives."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, cast

import psutil

from faults.errors import FaultsError
from styleguide_example.common.tests.processes import ROOT, Process
from styleguide_example.embedded.environment import free_port
from styleguide_example.embedded.lifeline import Lifeline

__all__ = ["ROOT", "Logged", "Room", "family", "has_ended", "is_at_rest", "send", "wait_until"]


class Room:
    """Where a run keeps its files, and what ends its processes if the run is killed itself."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Below the ports that the kernel gives to clients: one of them could hold the port of a server that is away, or
        # be connected to itself (a simultaneous open, RFC 9293 3.5).
        self._next_port = random.randrange(20_000, 30_000)  # noqa: S311  so that two runs seldom meet
        self.lifeline = Lifeline(cwd=ROOT)

    def port(self) -> int:
        """Return a port that nobody uses, another one each time."""
        port = free_port(self._next_port)
        self._next_port = port + 1
        return port

    def log(self, name: str) -> Path:
        """Return the file for the words of a process."""
        return self.directory / f"{name}.log"

    def start(self, name: str, command: str, environment: Mapping[str, str]) -> "Logged":
        """Start a shell command and return at once."""
        process = Logged(["/bin/sh", "-c", f"exec {command}"], dict(environment), self.log(name))
        self.lifeline.started(process.pid)
        return process

    def ended(self, process: "Logged") -> None:
        """Note that nothing of it is left."""
        self.lifeline.ended(process.pid)

    def close(self) -> None:
        """End what is still noted."""
        self.lifeline.close()


class Logged(Process):
    """A process of the tests' kind, whose words go to a file too."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log.open("a")
        super().__init__(command, environment)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._popen.poll()

    def has_said(self, text: str) -> bool:
        """Whether a line with ``text`` was printed."""
        return any(text in line for line in list(self.lines))

    def wait(self, seconds: float) -> bool:
        """Return whether it ended in so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
        return self.has_ended

    def _read(self) -> None:
        with contextlib.suppress(ValueError), self._log:
            for line in cast("IO[str]", self._popen.stdout):
                self._log.write(line)
                self._log.flush()
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._is_read = True
            self._changed.notify_all()


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that descend from it, in whatever group or session they are."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def has_ended(process: psutil.Process) -> bool:
    """Whether nothing of it is left, or nothing but a line that nobody asked for yet (a zombie)."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_at_rest(process: psutil.Process) -> bool:
    """Whether it does nothing: SIGSTOP has arrived, which takes a moment on a busy machine, or it has ended."""
    try:
        return has_ended(process) or process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:  # it ended between the two questions
        return True


def wait_until(is_so: Callable[[], bool], *, what: str, seconds: float = 30, every: float = 0.05) -> None:
    """Return as soon as it is so. ``what`` ends the sentence "Waited in vain for".

    Raises:
        FaultsError: when it is not so after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise FaultsError(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(every)
