"""Servers of a run's own: started, killed, paused, wiped, and gone at its end. Each listens on loopback alone."""

import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial

from faults.errors import FaultsError
from faults.processes import Logged, Room, family, has_ended, send, wait_until

START_SECONDS = 60


class Server(ABC):
    """A database or a broker, with all its processes."""

    #: For people, and the name of its log.
    name: str
    #: What the product has to call it.
    url: str

    def __init__(self, room: Room) -> None:
        self._room = room
        self._process: Logged | None = None
        self._is_paused = False
        self.directory = room.directory / self.name

    @property
    def pid(self) -> int:
        """Of its first process.

        Raises:
            FaultsError: when it does not run.
        """
        if self._process is None:
            raise FaultsError(f"{self.name} does not run.")
        return self._process.pid

    @abstractmethod
    def command(self) -> str:
        """Return what starts it in the foreground."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Return what it is started with."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it does what it is there for. Waits a second at most, and never raises for one that is away."""

    def make(self) -> None:
        """Make what it needs on the disk."""
        self.directory.mkdir(exist_ok=True)

    def launch(self) -> None:
        """Start it and do not wait."""
        if not self.directory.exists():
            self.make()
        self._process = self._room.start(self.name, self.command(), self.environment())

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            FaultsError: when it does not, or ended.
        """
        wait_until(self._answers_or_ended, what=f"{self.name} to answer", seconds=START_SECONDS)
        if self._process is not None and self._process.has_ended:
            raise FaultsError(f"{self.name} ended: {self._process.output[-500:]}")

    def start(self) -> None:
        """Start it, if it is not there, and return when it answers."""
        if not self.has_process():
            self.launch()
        self.wait()

    def has_process(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and not self._process.has_ended

    def is_up(self) -> bool:
        """Whether it runs, is not paused, and answers."""
        return self.has_process() and not self._is_paused and self.answers()

    def stop(self, signal_number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
        """Ask it to end, as an operator does, and kill what is left."""
        if self._process is None:
            return
        self.resume()
        send(family(self._process.pid)[:1], signal_number)
        self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for all of it at once."""
        if self._process is None:
            return
        processes = family(self._process.pid)
        send(processes, signal.SIGKILL)
        self._process.kill_group()
        self._room.ended(self._process)
        for process in processes:  # its port and its lock files are free when all of them are gone
            wait_until(partial(has_ended, process), what=f"the end of {self.name}", seconds=10)
        self._process, self._is_paused = None, False

    def pause(self) -> None:
        """SIGSTOP for all of it: connections stay open, and nobody answers."""
        if self._process is not None:
            self._is_paused = True
            send(family(self._process.pid), signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT for all of it."""
        if self._process is not None and self._is_paused:
            send(family(self._process.pid), signal.SIGCONT)
            self._is_paused = False

    def restart(self) -> None:
        """Kill it and start it again with what it had kept."""
        self.kill()
        self.start()

    def wipe(self) -> None:
        """Kill it, delete what it kept, and start it empty."""
        self.kill()
        shutil.rmtree(self.directory)
        self.start()

    def down_for(self, seconds: float) -> None:
        """Kill it, and start it again after so long: the fault is that it is away for a time."""
        self.kill()
        time.sleep(seconds)
        self.start()

    def _answers_or_ended(self) -> bool:
        return not self.has_process() or self.answers()
