"""The workers: whether they take what is sent to them."""

from collections.abc import Sequence

from django.conf import settings

from styleguide_example.jobs.dispatch import queue_names
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.pauses import is_paused
from styleguide_example.operations.canary import Flight, canaries_fly
from styleguide_example.operations.doctor.database import SKEW_SECONDS, skew_finding
from styleguide_example.operations.doctor.findings import Finding, counted, error, lasted, ok, skipped, warning
from styleguide_example.tasks.selectors import SILENT_AFTER, WorkerSeen, workers_seen

SLOW_SECONDS = 5
_SHOWN = 5


def workers(seconds: float) -> list[Finding]:
    """Send a canary into each queue, and wait for it."""
    paused = [queue for queue in queue_names() if is_paused(queue=queue)]
    flights = canaries_fly(queues=[queue for queue in queue_names() if queue not in paused], seconds=seconds)
    found = [skipped(f"Nobody was sent into the queue {queue}: it is paused.") for queue in paused]
    for flight in flights:
        found += _flight(flight, seconds)
    return found


def _flight(flight: Flight, waited: float) -> list[Finding]:
    if flight.seconds is None:
        return [_not_back(flight, waited)]
    if flight.state != JobState.SUCCESS:
        return [
            error(
                f"A worker took the canary of the queue {flight.queue}, and it failed: {flight.error}",
                meaning="Workers take work and cannot do it.",
                advice="Read the log of the worker; an old release does not know the task.",
            )
        ]
    took = f"{flight.worker} took the canary of the queue {flight.queue}, which was back after {lasted(flight.seconds)}"
    slow = warning(
        f"{took}.",
        meaning="It goes before everything that waits, so every process of the workers was at work.",
        advice="Start more workers, or raise CELERY_WORKER_CONCURRENCY.",
    )
    found = [ok(f"{took}.") if flight.seconds < SLOW_SECONDS else slow]
    if abs(flight.clock_ahead_seconds) > SKEW_SECONDS:
        found.append(skew_finding(f"The worker {flight.worker}'s", flight.clock_ahead_seconds))
    return found


def _not_back(flight: Flight, waited: float) -> Finding:
    if flight.state != JobState.PENDING:
        return error(
            f"A worker took the canary of the queue {flight.queue}, and it was not back within {lasted(waited)}.",
            meaning="It was killed in the middle, or cannot reach the database.",
            advice="Read the log of the worker.",
        )
    living = [worker for worker in workers_seen() if not worker.is_silent]
    return error(
        f"No worker took the canary of the queue {flight.queue} within {lasted(waited)}. {_standing(living)}",
        meaning="Nothing that was asked for is done: no e-mail goes out, no job begins.",
        advice=_advice(flight.queue, living),
    )


def _standing(living: Sequence[WorkerSeen]) -> str:
    if not living:
        return "None has said of late that it lives."
    busy, processes = sum(len(worker.active) for worker in living), sum(worker.processes for worker in living)
    names = ", ".join(worker.name for worker in living[:_SHOWN])
    return f"{busy} of {counted(processes, 'process', 'processes')} at work in {names}."


def _advice(queue: str, living: Sequence[WorkerSeen]) -> str:
    if not living:
        return "Start a worker (the worker line of the Procfile)."
    if queue != settings.CELERY_TASK_DEFAULT_QUEUE:
        return f"Does one of them take from it? Start one that does (celery … worker --queues {queue})."
    return (
        "If all are at work, start more of them. Else look whether they still run (one that was killed is missed "
        f"after {lasted(SILENT_AFTER.total_seconds())}), and with this CELERY_BROKER_URL."
    )
