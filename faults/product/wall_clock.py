"""The wall clock of one machine, that is of the processes that are told so: it is off by what a file says, in seconds.

All that Python code reads goes by it (``time``, ``datetime``, ``uuid``; not the monotonic clock, which no operating
system moves either). C libraries see the true time, but neither libpq nor OpenSSL decides anything by it here.
"""

import threading
import time
from pathlib import Path
from typing import Any

import time_machine
from celery.signals import worker_process_init

#: How often it looks at the file.
LOOK_SECONDS = 0.05


class WallClock(threading.Thread):
    """Moves this process's clock whenever ``file`` names another number."""

    def __init__(self, file: Path) -> None:
        super().__init__(name="wall-clock", daemon=True)
        self._file = file
        self._traveller = time_machine.travel(time.time(), tick=True).start()
        self._off_by = 0.0
        self._look()
        worker_process_init.connect(self._go_on, weak=False)

    def run(self) -> None:
        """Look for ever."""
        while True:
            time.sleep(LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        text = self._file.read_text() if self._file.exists() else ""
        seconds = float(text or 0)
        if seconds != self._off_by:
            self._off_by = seconds
            self._traveller.move_to(time_machine.escape_hatch.time.time() + seconds)

    def _go_on(self, **_: Any) -> None:
        """Threads do not outlive a fork; the clock that was moved does."""
        threading.Thread(target=self.run, name="wall-clock", daemon=True).start()
