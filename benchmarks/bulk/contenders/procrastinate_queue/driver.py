"""There are no rows besides the jobs: only a number is remembered until they are asked for."""

from benchmarks.bulk.contenders.procrastinate_queue.tasks import email_send

_waiting: list[int] = []


def write(count: int) -> None:
    """Remember how many are asked for."""
    _waiting.append(count)


def send() -> None:
    """Ask for each."""
    for number in range(_waiting.pop()):
        email_send.defer(number=number)
