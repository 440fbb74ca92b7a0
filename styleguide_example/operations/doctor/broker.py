"""The broker: whether it answers, and how much waits in it."""

import time
from typing import Any

from celery import current_app

from styleguide_example.core.redaction import redact
from styleguide_example.jobs.dispatch import queue_names
from styleguide_example.operations.doctor.findings import Finding, counted, error, lasted, ok, warning
from styleguide_example.operations.health import broker_answers

#: Messages are wake-up calls: so many mean that nobody listens, not that nothing is lost.
QUEUE_LONG = 1000


def broker(seconds: float) -> list[Finding]:
    """Open a connection."""
    before = time.monotonic()
    try:
        broker_answers()
    except Exception as problem:  # noqa: BLE001  each broker has errors of its own
        return [
            error(
                f"The broker does not answer ({_place()}): {redact(str(problem))}",
                meaning="Requests succeed and their work waits in rows. No worker is woken before it is back.",
                advice="Start it, or mend CELERY_BROKER_URL. Nothing has to be sent again: the sweep finds the rows.",
            )
        ]
    return [ok(f"The broker answers in {lasted(time.monotonic() - before)} ({_place()}).")]


def queues(seconds: float) -> list[Finding]:
    """Count the messages of each queue that workers are told to take from."""
    return [_queue(name, _messages(name)) for name in queue_names()]


def _queue(name: str, waiting: int) -> Finding:
    if waiting < QUEUE_LONG:
        return ok(f"{counted(waiting, 'message')} in the queue {name}.")
    return warning(
        f"{counted(waiting, 'message')} in the queue {name}.",
        meaning="Work is asked for faster than it is done, or nobody takes from this queue.",
        advice="Start more workers. They are wake-up calls: purging the queue loses nothing, the sweep sends new ones.",
    )


def _messages(name: str) -> int:
    with current_app.connection_for_write() as connection:
        declared: Any = current_app.amqp.queues[name](connection.default_channel)
        return int(declared.queue_declare().message_count)


def _place() -> str:
    """Where it is, without the password."""
    return str(current_app.connection_for_write().as_uri())
