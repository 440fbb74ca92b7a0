"""Moments at which a process ends or stops by its own hand: nobody outside could aim so well.

A scenario names the moment and the signal by a file, ``beat-before-publish.SIGKILL``. The first process that comes to
it takes the file away, and gets the signal.
"""

import os
import signal
from pathlib import Path
from typing import Any

from celery.signals import after_task_publish, before_task_publish
from django.conf import settings

SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
#: How the names of the suite's own schedules begin: only their messages count.
_TICKS = "Tick "


def moment_come(name: str) -> None:
    """Get the signal that somebody asked for at this moment, if anybody did."""
    for number in SIGNALS:
        try:
            (Path(settings.VAR_DIR) / f"{name}.{number.name}").unlink()
        except FileNotFoundError:
            continue
        os.kill(os.getpid(), number)


@before_task_publish.connect
def before_publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """The row is committed, and its message is not sent."""
    if _is_tick(headers):
        moment_come("beat-before-publish")


@after_task_publish.connect
def after_publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """The broker has the message, and the row does not say so yet."""
    if _is_tick(headers):
        moment_come("beat-after-publish")


def _is_tick(headers: dict[str, Any] | None) -> bool:
    return str((headers or {}).get("periodic_task_name", "")).startswith(_TICKS)
