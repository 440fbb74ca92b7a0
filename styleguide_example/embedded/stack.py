"""Processes that are started together and stopped together, with none left behind.

The command lines come from the Procfile, read and printed by honcho. Its Manager is not used: it never starts a process
again, ends all when one ends, waits for ever when none heeds SIGTERM, and asks Celery's pool processes to end together
with their parent, in the middle of a task.
"""

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import IO, Self, cast

from honcho.environ import parse_procfile

from styleguide_example.embedded.environment import PROJECT_DIR
from styleguide_example.embedded.groups import PATIENCE_SECONDS, groups_end
from styleguide_example.embedded.lifeline import Lifeline

# What only the embedded profile starts; the rest is in the Procfile.
BROKER = "python manage.py embedded_broker"
MAIL = "python manage.py mail_catcher"
ADMIN = "python manage.py demo_admin"

#: Gets each line of output with the name of its process, from several threads.
Write = Callable[[str, str], None]


class StackError(Exception):
    """A process ended or did not answer. The message is for a person; ``name`` is the process."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class Ended:
    """A process that nobody here asked to end."""

    name: str
    code: int
    seconds: float

    def __str__(self) -> str:
        how = f"ended with exit code {self.code}" if self.code >= 0 else f"was ended by {Signals(-self.code).name}"
        return f"{self.name} {how} after {self.seconds:.0f} s"


def product_commands() -> dict[str, str]:
    """Return the Procfile's lines by name: what runs in production too."""
    # The Procfile has no comments. Its options: `--no-control-socket`, because all gunicorns of a user would share one
    # in the home directory; `--without-gossip --without-mingle`, because nothing here needs workers to know each other,
    # and it costs them seconds at the start; `--quiet`, because a banner is no structured log; `--pidfile=`, because a
    # file that a killed beat left would keep the next one from starting.
    return {name: command for name, command in _procfile().items() if name != "release"}


def release_command() -> str:
    """Return the Procfile's ``release`` line, which a deploy runs first."""
    return f"sh -c {shlex.quote(_procfile()['release'])}"


class Stack:
    """Runs commands by name, each as the leader of a process group of its own.

    A context manager: whatever happens inside, nothing that was started is left when it is left; and if this process is
    killed, the :class:`Lifeline` ends the others.
    """

    def __init__(
        self,
        stages: Sequence[Mapping[str, str]],
        *,
        env: Mapping[str, str],
        write: Write,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Take the commands in ``stages``: a stage needs those before it, so it is stopped before them."""
        self._stages = [dict(stage) for stage in stages]
        # The Procfile's `python`, `celery` and `gunicorn` are those beside the Python that runs this.
        path = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
        self._env = {**env, "PATH": path, "PYTHONUNBUFFERED": "1"}
        self._write = write
        self._patience = patience
        self._processes: dict[str, _Process] = {}
        self._lifeline = Lifeline(cwd=PROJECT_DIR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for stage in reversed(self._stages):
            self.stop(*stage)
        self._lifeline.close()

    def start(self, *names: str) -> None:
        """Start these processes. Returns when they exist, not when they answer."""
        commands = {name: command for stage in self._stages for name, command in stage.items()}
        for name in names:
            self._processes[name] = _Process(name, commands[name], self._env, self._write, self._lifeline)
            self._processes[name].start()
        for name in names:
            self._processes[name].launched.wait()

    def stop(self, *names: str) -> None:
        """Stop these processes and their children: SIGTERM, after ``patience`` seconds SIGKILL."""
        stopped = [self._processes.pop(name) for name in names if name in self._processes]
        processes = {process.pid: process for process in stopped if process.pid}
        groups_end(processes, seconds=self._patience, is_alive=lambda pid: processes[pid].code() is None)
        for pid in processes:
            self._lifeline.ended(pid)

    def signal(self, name: str, number: int) -> bool:
        """Send a signal to a process. Returns whether it runs."""
        process = self._processes.get(name)
        if process is None or process.code() is not None:
            return False
        os.kill(process.pid, number)
        return True

    def ended(self) -> list[Ended]:
        """Return the processes that ended by themselves since the last call, and kill what they left behind."""
        found = [(name, process, process.code()) for name, process in self._processes.items()]
        result = [Ended(name, code, process.seconds()) for name, process, code in found if code is not None]
        for end in result:
            process = self._processes[end.name]
            self.stop(end.name)
            process.join(timeout=1)  # so that its last lines are written before anybody speaks of its end
        return result

    def finish(self, name: str) -> None:
        """Start a process that ends by itself, and wait for that.

        Raises:
            StackError: when it ends with anything but 0, or another process ends meanwhile.
        """
        self.start(name)
        while not (ended := self.ended()):
            time.sleep(0.02)
        for end in ended:
            if end.name != name or end.code:
                raise StackError(f"{end}.", name=end.name)

    def wait_until(self, is_so: Callable[[], bool], *, what: str, name: str, seconds: float = 30) -> None:
        """Wait until ``is_so()``. ``what`` ends the sentence "Waited in vain for", ``name`` is whose log may tell why.

        Raises:
            StackError: when it is not so after ``seconds``, or when any process ends meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not is_so():
            if ended := self.ended():
                raise StackError(f"{ended[0]}.", name=ended[0].name)
            if time.monotonic() > deadline:
                raise StackError(f"Waited {seconds:.0f} s in vain for {what}.", name=name)
            time.sleep(0.05)


def _procfile() -> dict[str, str]:
    return dict(parse_procfile((PROJECT_DIR / "Procfile").read_text()).processes)


class _Process(threading.Thread):
    """Starts a command and passes its lines on.

    In a thread, because a signal interrupts the main thread only: no process comes to life without being noted.
    """

    def __init__(self, name: str, command: str, env: Mapping[str, str], write: Write, lifeline: Lifeline) -> None:
        super().__init__(name=name, daemon=True)
        self._command = command
        self._env = env
        self._write = write
        self._lifeline = lifeline
        self._popen: subprocess.Popen[str] | None = None
        self._started_at = time.monotonic()
        self.launched = threading.Event()

    def run(self) -> None:
        try:
            self._popen = subprocess.Popen(  # noqa: S602  a Procfile line is a shell command
                # `exec`: the leader is the program, not a shell that would keep SIGTERM for itself.
                f"exec {self._command}",
                shell=True,
                cwd=PROJECT_DIR,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._lifeline.started(self._popen.pid)
        finally:
            self.launched.set()
        with cast("IO[str]", self._popen.stdout) as lines:
            for line in lines:
                self._write(self.name, line.rstrip("\n"))

    @property
    def pid(self) -> int:
        """The leader's id; 0 when it could not be started."""
        # The wait ends at once but for a thread that was interrupted before it ran.
        self.launched.wait(timeout=5)
        return self._popen.pid if self._popen else 0

    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll() if self._popen else 127

    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._started_at
