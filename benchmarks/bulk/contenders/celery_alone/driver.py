"""There are no rows to write: only a number is remembered."""

import time

from benchmarks.bulk.contenders.celery_alone.tasks import email_send

_waiting: list[int] = []


def write(count: int) -> None:
    """Remember how many are asked for."""
    _waiting.append(count)


def send() -> None:
    """Ask for each."""
    for number in range(_waiting.pop()):
        email_send.delay(number)


def one(number: int) -> float:
    """Ask for one, return when: there is no transaction to be committed."""
    asked = time.monotonic()
    email_send.delay(number)
    return asked
