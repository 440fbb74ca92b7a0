"""The processes of the product, as an operator knows them: web, workers, beats. Each can be killed in every way."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psutil

from faults.errors import FaultsError
from faults.processes import Logged, Room, family, is_at_rest, send, wait_until

#: What systemd would wait before it starts something again (``RestartSec``).
RESTART_SECONDS = 0.5
READY_SECONDS = 60


class Component:
    """One process of the product with its children; the supervisor starts it again when it ends.

    ``is_ready`` asks whether a process that was started does its work.
    """

    def __init__(
        self, name: str, command: str, room: Room, is_ready: Callable[[Logged], bool], may_pause: Callable[[], bool]
    ) -> None:
        self.name = name
        self.command = command
        self.environment: Mapping[str, str] = {}
        #: Whether the supervisor starts it again.
        self.is_kept_up = True
        #: How often it ended without being asked to by a scenario.
        self.restarts = 0
        self._room = room
        self._is_ready = is_ready
        self._may_pause = may_pause
        self._lock = threading.RLock()
        self._process: Logged | None = None
        self._left: list[Logged] = []  # whose children may still live

    @property
    def process(self) -> Logged:
        """The process as it is now.

        Raises:
            FaultsError: when it was never started.
        """
        if self._process is None:
            raise FaultsError(f"{self.name} was never started.")
        return self._process

    @property
    def pid(self) -> int:
        """Of the main process."""
        return self.process.pid

    def children(self) -> list[psutil.Process]:
        """Return the processes of its pool, oldest first."""
        return sorted(family(self.pid)[1:], key=lambda process: process.pid)

    def launch(self) -> None:
        """Start it and do not wait. What a former one left is ended first, as systemd does (``KillMode``)."""
        with self._lock:
            if self._process is not None and self._process not in self._left:
                self._end(self._process)
            self._process = self._room.start(self.name, self.command, self.environment)

    def was_started(self) -> bool:
        """Whether it ever was."""
        return self._process is not None

    def has_process(self) -> bool:
        """Whether its main process was started and has not ended."""
        return self._process is not None and not self._process.has_ended

    def is_ready(self) -> bool:
        """Whether it does its work."""
        return self.has_process() and self._is_ready(self.process)

    def start(self) -> None:
        """Start it where it does not run, and return when it is ready."""
        with self._lock:
            if not self.has_process():
                self.launch()
        wait_until(self.is_ready, what=f"{self.name} to be ready", seconds=READY_SECONDS)

    def kill(self) -> None:
        """SIGKILL for all of it at once, as when the machine loses power."""
        with self._lock:
            process = self.process
            send(family(process.pid), signal.SIGKILL)
            self._end(process)

    def kill_main_only(self) -> None:
        """SIGKILL for the main process: its children live on as orphans."""
        with self._lock:
            process = self.process
            self._left.append(process)
            send(family(process.pid)[:1], signal.SIGKILL)
            process.wait(5)

    def kill_child(self, number: int = 0) -> int:
        """SIGKILL for one process of the pool, as the kernel does when memory is short. Returns its id."""
        child = self.children()[number]
        send([child], signal.SIGKILL)
        return int(child.pid)

    def pause(self) -> None:
        """SIGSTOP for all of it. On SQLite at a moment at which nobody writes, or it would stop all others with it."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            self._stop()
            if self._may_pause():
                return
            self.resume()
            time.sleep(0.01)
        raise FaultsError(f"{self.name} was in a transaction at each of many moments.")

    def _stop(self) -> None:
        """Return when the signal has arrived everywhere: until then each of them may still begin something."""
        processes = family(self.pid)
        send(processes, signal.SIGSTOP)
        wait_until(lambda: all(map(is_at_rest, processes)), what=f"{self.name} to stop", every=0.005)

    def resume(self) -> None:
        """SIGCONT for all of it."""
        send(family(self.pid), signal.SIGCONT)

    def terminate(self, grace: float) -> bool:
        """SIGTERM, and SIGKILL for all of it after ``grace`` seconds. Returns whether it ended in time."""
        with self._lock:
            process = self.process
            self.resume()
            send(family(process.pid)[:1], signal.SIGTERM)
            ended = process.wait(grace)
            self.kill()
        return ended

    def restart(self) -> None:
        """Kill it, start it again, and return when it is ready."""
        with self._lock:
            if self.has_process():
                self.kill()
            self.launch()
        self.start()

    @contextmanager
    def left_down(self) -> Iterator[None]:
        """Nobody starts it again inside this block."""
        self.is_kept_up = False
        try:
            yield
        finally:
            self.is_kept_up = True

    def look(self) -> None:
        """Start it again when it has ended. The supervisor calls it often."""
        with self._lock:
            if not self.is_kept_up or self.has_process():
                return
            self.restarts += 1
            time.sleep(RESTART_SECONDS)
            self.launch()

    def orphans_end(self) -> None:
        """End what is left of those whose main process was killed."""
        while self._left:
            self._end(self._left.pop())

    def _end(self, process: Logged) -> None:
        process.kill_group()
        self._room.ended(process)


class Supervisor(threading.Thread):
    """What systemd is in a deployment: starts what ended again."""

    def __init__(self, components: list[Component]) -> None:
        super().__init__(name="supervisor", daemon=True)
        self._components = components
        self._ended = threading.Event()

    def run(self) -> None:
        """Look after all of them until :meth:`close`."""
        while not self._ended.wait(0.1):
            for component in self._components:
                component.look()

    def close(self) -> None:
        """Start nothing any more."""
        self._ended.set()
        self.join()
