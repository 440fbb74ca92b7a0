"""Where the lines of a stack's processes go: to the terminal, or to a file each."""

import os
import signal
import sys
import threading
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TextIO

from honcho.colour import get_colours
from honcho.printer import Message, Printer


def say(line: str = "", *, to: TextIO | None = None) -> None:
    """Print a line at once: other processes print to the same place. To the standard output, unless ``to`` is given."""
    stream = sys.stdout if to is None else to
    stream.write(f"{line}\n")
    stream.flush()


class Console:
    """Prints each line with the time and the name of its process, in a colour of its own on a terminal."""

    def __init__(self, names: Collection[str]) -> None:
        self._printer = Printer(sys.stdout, width=max(map(len, names)))
        self._colours = dict(zip(names, get_colours(), strict=False))
        self._lock = threading.Lock()

    def __call__(self, name: str, line: str) -> None:
        """Print one line."""
        message = Message(
            type="line", data=line, time=datetime.now().astimezone(), name=name, colour=self._colours.get(name)
        )
        try:
            with self._lock:
                self._printer.write(message)
        except BrokenPipeError:  # nobody reads any more: `make run | head`
            os.kill(os.getpid(), signal.SIGHUP)


class LogFiles:
    """Appends each line to ``<name>.log`` in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, name: str, line: str) -> None:
        """Append one line."""
        with self._path(name).open("a") as file:
            file.write(f"{line}\n")

    def lines(self, name: str) -> list[str]:
        """Return what the process has said so far."""
        path = self._path(name)
        return path.read_text().splitlines() if path.exists() else []

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.log"
