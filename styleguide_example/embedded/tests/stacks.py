"""Stacks of small programs, for tests that start and stop real processes."""

import os
import shlex
import sys
import threading
from collections.abc import Mapping

import psutil

from styleguide_example.embedded.stack import Stack


class Lines:
    """Keeps what processes print."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._changed = threading.Condition()

    def __call__(self, name: str, line: str) -> None:
        """Keep one line."""
        with self._changed:
            self._lines.append((name, line))
            self._changed.notify_all()

    def of(self, name: str) -> list[str]:
        """The lines of one process."""
        return [line for each, line in self._lines if each == name]

    def wait_for(self, name: str, text: str, *, times: int = 1) -> None:
        """Return when the process has printed ``text`` so often."""
        with self._changed:
            found = self._changed.wait_for(lambda: sum(text in line for line in self.of(name)) >= times, timeout=20)
        assert found, f"no {text!r} in {self.of(name)}"


def python(program: str) -> str:
    """A command line that runs ``program``."""
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}"


#: Says its process id and sleeps; with a child that does nothing but sleep.
SLEEPER = python("import os, time; print('up', os.getpid(), flush=True); time.sleep(300)")
PARENT = "sh -c 'sleep 300 & echo up $$; wait'"
#: Stays when it is asked to go.
STUBBORN = python(
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', os.getpid(), flush=True); "
    "time.sleep(300)"
)
FAILING = "sh -c 'echo no such luck; exit 3'"


def stack_of(*stages: Mapping[str, str], lines: Lines, patience: float = 5) -> Stack:
    """A stack with the environment of the tests."""
    return Stack(stages, env=os.environ, write=lines, patience=patience)


def group_of(leader: int) -> list[str]:
    """The command lines of the living processes in the group of ``leader``."""
    found = [_line_of_member(process, leader) for process in psutil.process_iter()]
    return [line for line in found if line is not None]


def _line_of_member(process: psutil.Process, leader: int) -> str | None:
    try:
        if os.getpgid(process.pid) != leader or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return " ".join(process.cmdline())
    except (psutil.Error, ProcessLookupError):  # ended meanwhile
        return None


def leader_of(lines: Lines, name: str) -> int:
    """The process id that the last ``up`` line of ``name`` tells."""
    lines.wait_for(name, "up")
    return int([line for line in lines.of(name) if line.startswith("up")][-1].split()[1])
