"""The product as it is run: web, worker and beat, each a process of its own; and who listens to the broker."""

import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from styleguide_example.common.tests.processes import ROOT, Process
from styleguide_example.tasks.celery import app as celery_app

_LISTENING = re.compile(r"Listening at: (http://127\.0\.0\.1:\d+)")


def web_start(environment: dict[str, str]) -> tuple[Process, str]:
    """The web server by its line of the Procfile, and its address."""
    (line,) = re.findall(r"^web: (.*)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    asked = {"PATH": path, "BIND": "127.0.0.1", "PORT": "0", "WEB_CONCURRENCY": "1"}
    process = Process(["sh", "-c", f"exec {line}"], {**environment, **asked})
    process.wait_for_line("Listening at")
    found = _LISTENING.search(process.output)
    assert found, process.output
    return process, found[1]


def beat_start(environment: dict[str, str]) -> Process:
    """A beat, which leads."""
    command = [sys.executable, "-m", "celery", "-A", "styleguide_example.tasks.celery", "beat", "--pidfile="]
    process = Process(command, environment)
    process.wait_for_line("beat: Starting...")
    return process


@contextmanager
def events_heard() -> Iterator[list[str]]:
    """All that workers say over the broker while this is open, as JSON: what ``celery events`` and monitors read."""
    heard: list[str] = []
    stopped, listening = threading.Event(), threading.Event()

    def listen() -> None:
        with celery_app.connection_for_read() as connection:
            receiver: Any = celery_app.events.Receiver(
                connection, handlers={"*": lambda event: heard.append(_text(event))}
            )
            listening.set()
            while not stopped.is_set():
                try:
                    receiver.capture(limit=None, timeout=0.5, wakeup=False)
                except TimeoutError:
                    continue

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert listening.wait(10)
    yield heard
    stopped.set()
    thread.join(10)


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, default=str)
