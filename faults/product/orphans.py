"""Pool processes that outlive the main process of their worker.

On Linux the kernel ends them with it, because Celery asks for that (``celery.platforms.set_pdeathsig``). Where a system
cannot do so they go on with what they have in hand, and nobody knows of them.
"""

from typing import Any

from billiard.util import set_pdeathsig  # type: ignore[attr-defined]  # the stub does not know it
from celery.signals import worker_process_init


def orphans_live() -> None:
    """From now on, for the processes that this one forks."""
    worker_process_init.connect(_outlive, weak=False)


def _outlive(**_: Any) -> None:
    set_pdeathsig(0)
