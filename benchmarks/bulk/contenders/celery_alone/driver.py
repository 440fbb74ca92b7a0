"""There are no rows to write: only a number is remembered."""

import time

from django.conf import settings

from benchmarks.bulk.contenders.celery_alone import tasks

_task = tasks.email_send_marked if settings.IS_MARKED else tasks.email_send
_waiting: list[int] = []


def write(count: int) -> None:
    """Remember how many are asked for."""
    _waiting.append(count)


def send() -> None:
    """Ask for each."""
    for number in range(_waiting.pop()):
        _task.delay(number)


def one(number: int) -> float:
    """Ask for one, return when: there is no transaction to be committed."""
    asked = time.monotonic()
    _task.delay(number)
    return asked
