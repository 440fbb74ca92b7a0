"""Resident memory of every process of a stack, noted in a file every few seconds."""

import csv
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from faults.errors import FaultsError
from faults.processes import family
from faults.stack import Stack

COLUMNS = ("seconds", "name", "role", "pid", "rss_kib")
EVERY_SECONDS = 5.0
Sample = tuple[str, str, int, int]


def rss_now(stack: Stack) -> list[Sample]:
    """Return name, role (``main`` or ``child``), pid and KiB of each process of the product and its servers."""
    roots = [(component.name, component.pid) for component in stack.components if component.has_process()]
    roots += [(server.name, server.pid) for server in stack.servers.all if server.has_process()]
    roots.append(("feeder", stack.feeder.pid))
    samples: list[Sample] = []
    for name, root in roots:
        for process in family(root):
            with suppress(psutil.Error):  # it has ended meanwhile
                role = "main" if process.pid == root else "child"
                samples.append((name, role, process.pid, process.memory_info().rss // 1024))
    return samples


@contextmanager
def rss_noted(stack: Stack, path: Path, *, every: float = EVERY_SECONDS) -> Iterator[None]:
    """Append a line for each process to a CSV file, every so many seconds, inside this block."""
    ended = threading.Event()

    def note() -> None:
        began = time.monotonic()
        with path.open("a", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(COLUMNS)
            while not ended.wait(every):
                seconds = round(time.monotonic() - began, 1)
                with suppress(FaultsError, psutil.Error):  # what is just being started again
                    lines.writerows((seconds, *sample) for sample in rss_now(stack))
                file.flush()

    thread = threading.Thread(target=note, name="rss", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
