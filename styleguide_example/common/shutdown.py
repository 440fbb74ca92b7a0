"""Whether the worker has been told to end: known in its main process and in every process of its pool.

Celery tells the main process alone. A body that could stop early reads it here.
"""

import mmap
from typing import Any

from celery import signals

#: One byte that a forked child shares with its parent (https://docs.python.org/3/library/mmap.html).
_flag = mmap.mmap(-1, 1)


def is_shutting_down() -> bool:
    """Return whether the worker of this process was told to end. What runs should come to an end soon."""
    return _flag[0] != 0


@signals.worker_init.connect
def _begin(**_: Any) -> None:
    _flag[0] = 0


@signals.worker_shutting_down.connect
def _end(**_: Any) -> None:
    _flag[0] = 1
