"""A run that is stopped from outside: by Ctrl-C, and by what leaves it no time for anything."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from faults.__main__ import STOPPED
from faults.processes import family, has_ended, wait_until
from styleguide_example.common.tests.processes import Process

pytestmark = [pytest.mark.long, pytest.mark.once, pytest.mark.processes]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the run makes its own; short, because the path of a Unix socket is."""
    with tempfile.TemporaryDirectory(prefix="f-") as name:
        yield Path(name)


@pytest.fixture
def run(directory: Path) -> Iterator[Process]:
    """A run whose stack stands."""
    command = [sys.executable, "-W", "ignore", "-m", "faults", "--only", "S2", "--profile", "embedded"]
    process = Process(command, {**os.environ, "TMPDIR": str(directory)})
    process.wait_for_line("everything runs", timeout=90)
    yield process
    process.kill_group()


def _wait_for_the_end_of(processes: list[psutil.Process]) -> None:
    wait_until(lambda: all(map(has_ended, processes)), what="the end of all that was started", seconds=20)


def test_leaves_no_process_and_no_file_after_ctrl_c(run: Process, directory: Path) -> None:
    started = family(run.pid)
    os.kill(run.pid, signal.SIGINT)
    run.wait_for_line("Stopped; all that was started has ended.")
    _wait_for_the_end_of(started)
    assert len(started) > 10
    assert run._popen.wait() == STOPPED
    assert list(directory.iterdir()) == []


def test_leaves_no_process_after_it_was_killed(run: Process) -> None:
    started = family(run.pid)
    os.kill(run.pid, signal.SIGKILL)
    _wait_for_the_end_of(started)
    assert len(started) > 10
