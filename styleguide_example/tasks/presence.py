"""A worker says that it lives and what it does: in a row of its own, written again every few seconds.

A thread of the worker's main process writes it, so that a database that hangs keeps no task waiting. Nothing depends on
the row: who works on what is said by leases alone (``docs/decisions/0011``).
"""

import os
import threading
from collections.abc import Callable
from typing import Any

import structlog
from celery.worker import state
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from styleguide_example.tasks.models import Worker
from styleguide_example.tasks.selectors import KEPT_FOR

logger = structlog.get_logger(__name__)

EVERY_SECONDS = 10
#: A worker that ends does not wait longer for the database.
FAREWELL_SECONDS = 2
ACTIVE_MAX = 50
#: A fork does not wait longer for what is being written.
FORK_SECONDS = 1


class Presence:
    """The row of one worker, from its start to its end."""

    def __init__(self, *, name: str, processes: int) -> None:
        self._name = name[:255]
        self._processes = processes
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Write the row now, and again every ten seconds. Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Delete the row: the worker ended as it should. Waits two seconds at most."""
        self._stopped.set()
        self._thread.join(FAREWELL_SECONDS)

    def _run(self) -> None:
        _guarded(self._arrive)
        while not self._stopped.wait(EVERY_SECONDS):
            _guarded(self._say)
        _guarded(self._leave)

    def _arrive(self) -> None:
        Worker.objects.filter(seen_at__lt=Now() - KEPT_FOR).delete()
        Worker.objects.filter(name=self._name).delete()  # of one with this name that was killed
        self._say()

    def _say(self) -> None:
        active = tasks_active()
        seen = Worker.objects.filter(name=self._name).update(seen_at=Now(), active=active)
        if not seen:
            Worker.objects.create(
                name=self._name, started_at=Now(), seen_at=Now(), processes=self._processes, active=active
            )

    def _leave(self) -> None:
        Worker.objects.filter(name=self._name).delete()


def tasks_active() -> list[dict[str, str]]:
    """Return name and id of the tasks that this worker does at this moment, the first few of them."""
    try:
        requests = list(state.active_requests)
    except RuntimeError:  # the main thread changed the set at this very moment
        return tasks_active()
    return [{"task": str(request.name), "id": str(request.id)} for request in requests[:ACTIVE_MAX]]


class _Own:
    """Of this process."""

    presence: Presence | None = None
    #: Held while the connection is open.
    writing = threading.Lock()
    has_waited = False


def _fork_begins() -> None:
    _Own.has_waited = _Own.writing.acquire(timeout=FORK_SECONDS)


def _fork_is_over() -> None:
    if _Own.has_waited:
        _Own.writing.release()


# A process of the pool must not inherit an open connection: with one of SQLite it would inherit the locks of its file,
# which nobody gives back. https://www.sqlite.org/howtocorrupt.html (2.6)
os.register_at_fork(before=_fork_begins, after_in_parent=_fork_is_over, after_in_child=_fork_is_over)


def presence_begin(sender: Any, **_: Any) -> None:
    """Say from now on that this worker lives; a receiver of ``worker_ready``."""
    _Own.presence = Presence(name=sender.hostname, processes=sender.pool.num_processes)
    _Own.presence.start()


def presence_end(**_: Any) -> None:
    """Say it no more; a receiver of ``worker_shutdown``."""
    if _Own.presence is not None:
        _Own.presence.stop()
        _Own.presence = None


def _guarded(write: Callable[[], None]) -> None:
    """Write on a connection of its own, which is closed before a process of the pool is forked."""
    with _Own.writing:
        try:
            write()
        except (DatabaseError, InterfaceError) as error:
            logger.info("worker_presence_not_written", error=str(error), again_in_seconds=EVERY_SECONDS)
        finally:
            connection.close()
