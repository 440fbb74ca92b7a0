"""Ends process groups: a process, its children, and theirs."""

import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress

#: How long a process has after SIGTERM, in seconds: a worker ends its task, the web server its requests.
PATIENCE_SECONDS = 8.0


def groups_end(
    leaders: Collection[int], *, seconds: float = PATIENCE_SECONDS, is_alive: Callable[[int], bool] | None = None
) -> None:
    """Ask the leaders to end (SIGTERM), wait up to ``seconds``, and kill what is left of their groups (SIGKILL).

    Only the leaders are asked: Celery's and gunicorn's own processes would end in the middle of their work, while their
    leader lets them finish it. Whoever is their parent passes ``is_alive``, which takes note of their end.
    """
    alive = is_alive or _exists
    for leader in leaders:
        _signal(os.kill, leader, signal.SIGTERM)
    _wait(leaders, seconds, alive)
    for leader in leaders:
        _signal(os.killpg, leader, signal.SIGKILL)
    _wait(leaders, 1, alive)


def _wait(leaders: Collection[int], seconds: float, is_alive: Callable[[int], bool]) -> None:
    deadline = time.monotonic() + seconds
    while any(is_alive(leader) for leader in leaders) and time.monotonic() < deadline:
        time.sleep(0.02)


def _exists(leader: int) -> bool:
    try:
        os.kill(leader, 0)
    except ProcessLookupError:
        return False
    return True


def _signal(send: Callable[[int, int], None], leader: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it ended meanwhile
        send(leader, number)
