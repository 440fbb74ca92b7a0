"""Keeps a stack up while a developer works: what dies is started again, what was edited is loaded again."""

import threading
import time
from collections.abc import Collection
from pathlib import Path
from signal import SIGHUP

from watchfiles import PythonFilter, watch

from styleguide_example.embedded.environment import PROJECT_DIR
from styleguide_example.embedded.stack import Ended, Stack, StackError, Write

#: A process that lived so long had started; one that did not would only fail in the same way again.
STEADY_SECONDS = 10.0
RESTART_PAUSE_SECONDS = 1.0
#: Gunicorn keeps its port and answers all the time; Celery has to be started again.
RELOADED_BY_HANGUP = ("web",)
WATCHED = ("config", "styleguide_example")


class CodeFilter(PythonFilter):
    """Lets pass what running processes have loaded: code and templates, not tests."""

    ignore_dirs = (*PythonFilter.ignore_dirs, "tests")

    def __init__(self) -> None:
        super().__init__(extra_extensions=(".html", ".txt"))


class CodeWatch(threading.Thread):
    """Notices that Python files or templates changed: in these directories, or without any in the project.

    The library rather than its command line: ``watchfiles 'celery …'`` does not notice that its command died by itself,
    and the stack would look alive without a worker.
    """

    def __init__(self, *directories: Path) -> None:
        super().__init__(name="code watch", daemon=True)
        self._directories = directories or [PROJECT_DIR / name for name in WATCHED]
        self._ended = threading.Event()
        self._changed = threading.Event()

    def run(self) -> None:
        """Watch until :meth:`close`."""
        for _changes in watch(*self._directories, watch_filter=CodeFilter(), stop_event=self._ended):
            self._changed.set()

    def has_changed(self) -> bool:
        """Return whether anything changed since the last call."""
        changed = self._changed.is_set()
        self._changed.clear()
        return changed

    def close(self) -> None:
        """Watch no more."""
        self._ended.set()


class Supervisor:
    """Looks after the processes of ``stack``; those named ``reloaded`` load the code again when it changes."""

    def __init__(
        self, stack: Stack, *, reloaded: Collection[str], write: Write, steady_seconds: float = STEADY_SECONDS
    ) -> None:
        self._stack = stack
        self._reloaded = list(reloaded)
        self._write = write
        self._steady_seconds = steady_seconds
        self._due: dict[str, float] = {}

    def look(self, *, code_changed: bool) -> None:
        """Do what is to be done now. Call it often.

        Raises:
            StackError: when a process that does not depend on the code cannot be kept up.
        """
        for end in self._stack.ended():
            self._take_note(end)
        if code_changed:
            self._say(f"Code changed: {', '.join(self._reloaded)} load it again.")
            self._reload()
        now = time.monotonic()
        for name in [name for name, at in self._due.items() if at <= now]:
            del self._due[name]
            self._stack.start(name)

    def _reload(self) -> None:
        # https://docs.gunicorn.org/en/stable/signals.html#reload-the-configuration
        hung_up = {name for name in self._reloaded if name in RELOADED_BY_HANGUP and self._stack.signal(name, SIGHUP)}
        again = [name for name in self._reloaded if name not in hung_up]
        self._stack.stop(*again)
        self._due.update(dict.fromkeys(again, 0.0))

    def _take_note(self, end: Ended) -> None:
        if end.seconds >= self._steady_seconds:
            self._say(f"{end}. Starting it again.")
            self._due[end.name] = time.monotonic() + RESTART_PAUSE_SECONDS
        elif end.name in self._reloaded:
            self._say(f"{end}. It is started again when you save a file.")
        else:
            raise StackError(f"{end}, so it is not started again. Its last lines above say why.", name=end.name)

    def _say(self, line: str) -> None:
        self._write("stack", line)
