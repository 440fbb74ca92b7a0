"""Ends what the runner started when the runner itself cannot: it was killed, or its terminal fell away.

A process of its own (``python -m styleguide_example.embedded.lifeline``) that reads a pipe. A line ``+123`` says that
the group of process 123 was started, ``-123`` that it has ended. The pipe closes when the runner ends, however it ends.
"""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from styleguide_example.embedded.groups import groups_end


class Lifeline:
    """The runner's end of the pipe."""

    def __init__(self, *, cwd: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "styleguide_example.embedded.lifeline"],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is not for it
        )

    def started(self, leader: int) -> None:
        """Note that the group of ``leader`` lives."""
        self._write(b"+%d\n" % leader)

    def ended(self, leader: int) -> None:
        """Note that it does not any more."""
        self._write(b"-%d\n" % leader)

    def close(self) -> None:
        """End, and everything with it that is still noted."""
        self._process.communicate()

    def _write(self, line: bytes) -> None:
        # A broken pipe: somebody killed it; the runner still ends its processes itself.
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.write(line)  # unbuffered, and so short that two threads cannot mix their lines


def leaders_left(lines: TextIO) -> set[int]:
    """Read until the pipe closes. Returns the leaders whose end was not noted."""
    left: set[int] = set()
    for line in lines:
        leader = int(line[1:])
        if line.startswith("+"):
            left.add(leader)
        else:
            left.discard(leader)
    return left


def main() -> None:
    """Wait for the runner's end, then end what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups_end(leaders_left(sys.stdin))


if __name__ == "__main__":
    main()
