"""Runs of schedules, from the due time to the message: written first, published second, published again when lost."""

import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import current_app
from django.db.models import Case, DateTimeField, Exists, F, Q, QuerySet, Value, When
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from styleguide_example.common.leases import UNCLAIMED, leases_expired, rows_to_wake, rows_woken
from styleguide_example.common.wakeups import broker_pause_is_on
from styleguide_example.jobs.messages import JOB_HEADER
from styleguide_example.tasks.entries import queue_check, queue_names
from styleguide_example.tasks.enums import OPEN_STATES, Overlap, RunState, RunTrigger
from styleguide_example.tasks.models import Schedule, ScheduleRun
from styleguide_example.tasks.snapshot import Decision, Snapshot

logger = structlog.get_logger(__name__)

#: The message header that tells the worker to look for the run's row, whose id is the message's.
RUN_HEADER = "schedule_run"
#: A worker that has not claimed a run by then may never have got the message.
WAKE_AGAIN_SECONDS = 60
#: A run whose worker was killed is begun again, up to so many times: it may be the run that kills.
ATTEMPTS_MAX = 3
#: A run of a task that this release does not have is left so long to a beat of one that does.
UNKNOWN_LEFT_SECONDS = 300
#: So many messages wait in the queue at most before the sweep adds no more.
SWEEP_LIMIT = 1000

#: By these Celery, or our own worker, would take the message for another task, or for one that came before.
#: https://docs.celeryq.dev/en/stable/internals/protocol.html#definition
_RESERVED_HEADERS = frozenset(
    {
        *("lang", "task", "id", "root_id", "parent_id", "group", "group_index", "meth", "shadow", "eta", "expires"),
        *("retries", "timelimit", "argsrepr", "kwargsrepr", "origin", "ignore_result", "replaced_task_nesting"),
        *("stamped_headers", "stamps"),
        JOB_HEADER,  # by this the worker would look for a job of that id, find none, and drop every message of the run
    }
)

Due = tuple[Snapshot, list[Decision]]


@dataclass(frozen=True)
class Published:
    """What a message is made of: the run's id and the schedule that it belongs to."""

    run_id: uuid.UUID
    row: PeriodicTask


def runs_write(due: Sequence[Due], *, now: datetime) -> list[Published]:
    """Write a row for each due time, and note that everything up to ``now`` is decided. Publishes nothing.

    Call it in a transaction that holds the lease, and publish what it returns after the commit. Three statements, and
    one more each where there are several, where one does not overlap, and where a one-off was missed.

    Raises:
        django.db.IntegrityError: when one of the due times has its row already, or a schedule was deleted. Nothing is
            written then; try again with what :func:`due_unwritten` returns.
    """
    rows = {snapshot.row.pk: snapshot.row for snapshot, _ in due}
    if len(rows) > 1:
        _lock(rows)
    going = _going([snapshot.row.pk for snapshot, _ in due if snapshot.overlap is Overlap.SKIP])
    runs = [run for snapshot, decisions in due for run in _runs(snapshot, decisions, going=going, now=now)]
    ScheduleRun.objects.bulk_create(runs)
    waiting = [run for run in runs if run.state == RunState.WAITING]
    _count(Counter(run.periodic_task_id for run in waiting), now)
    Schedule.objects.filter(pk__in=rows).update(decided_until=_decided_until([snapshot for snapshot, _ in due], now))
    _end_one_offs(rows.keys() - {run.periodic_task_id for run in waiting}, rows)
    return [Published(run.pk, rows[run.periodic_task_id]) for run in waiting]


def due_unwritten(due: Sequence[Due]) -> list[Due]:
    """Return ``due`` without the due times that have their rows, and without schedules that are gone. Two queries."""
    moments = [decision.due_at for _, decisions in due for decision in decisions]
    keys = [snapshot.row.pk for snapshot, _ in due]
    written = set(
        ScheduleRun.objects.filter(periodic_task__in=keys, due_at__in=moments).values_list("periodic_task", "due_at")
    )
    existing = set(PeriodicTask.objects.filter(pk__in=keys).values_list("pk", flat=True))
    return [
        (snapshot, [decision for decision in decisions if (snapshot.row.pk, decision.due_at) not in written])
        for snapshot, decisions in due
        if snapshot.row.pk in existing
    ]


def runs_publish(published: Iterable[Published]) -> bool:
    """Send the messages of committed rows. Returns False when the broker is away; the sweep sends what is left."""
    tried: list[uuid.UUID] = []
    took_all = True
    for run in published:
        try:
            took = _publish(run)
        except Exception as error:  # noqa: BLE001  whatever one row cannot be made into must not keep the others back
            _refuse(run, error)
            continue
        # One that the broker refuses, while it takes others, is tried again in a minute like one that was sent.
        if took or not broker_pause_is_on():
            tried.append(run.run_id)
        else:
            took_all = False
    if tried:
        rows_woken(ScheduleRun.objects.all(), ids=tried)
    return took_all


def are_runs_left_behind() -> Q:
    """The condition that the sweep has something to do: a run without a message, with a dead worker, or too late."""
    rows = ScheduleRun.objects.filter(state__in=OPEN_STATES)
    return Q(Exists(_expired(rows))) | Q(Exists(leases_expired(rows))) | Q(Exists(_to_wake(rows)))


def runs_sweep() -> bool:
    """End or begin again what was left behind. Returns whether the broker took the messages.

    A run that expired before a worker had it ends EXPIRED. One whose worker was killed is begun again, and
    ends LOST after ``ATTEMPTS_MAX``. One without a message gets one, as far as the queue is not full of them.
    """
    rows = ScheduleRun.objects.filter(state__in=OPEN_STATES)
    _expired(rows).update(state=RunState.EXPIRED, finished_at=Now(), next_attempt_at=None)
    _end_or_repeat(leases_expired(rows))
    by_queue: dict[str, list[Published]] = {}
    for run in _to_wake(rows).select_related("periodic_task").order_by("next_attempt_at")[:SWEEP_LIMIT]:
        by_queue.setdefault(run.periodic_task.queue or "", []).append(Published(run.pk, run.periodic_task))
    reached = [_wake_again(queue, waking) for queue, waking in by_queue.items()]
    return all(reached)


def run_now(*, periodic_task: PeriodicTask, expires_seconds: int | None, requested_by: Any = None) -> ScheduleRun:
    """Write a run that a person asked for, due now. Publishes nothing."""
    return ScheduleRun.objects.create(
        periodic_task=periodic_task,
        due_at=Now(),
        next_attempt_at=Now(),
        expires_at=None if expires_seconds is None else Now() + timedelta(seconds=expires_seconds),
        trigger=RunTrigger.PERSON,
        requested_by=requested_by,
    )


def is_going(*, periodic_task: PeriodicTask) -> bool:
    """Return whether a run of this schedule waits or runs."""
    return bool(_going([periodic_task.pk]))


def schedules_enable_again(snapshots: Iterable[Snapshot]) -> None:
    """Enable schedules that were disabled until a time that has come. What is due from that time on is fired."""
    for snapshot in snapshots:
        PeriodicTasks.update_changed()
        key, until = snapshot.row.pk, snapshot.disabled_until
        rows = PeriodicTask.objects.filter(pk=key, enabled=False, policies__disabled_until=until)
        if not rows.update(enabled=True, date_changed=Now()):  # a form that is open now is out of date
            continue  # somebody disabled it for longer
        Schedule.objects.filter(pk=key).update(
            disabled_reason="",
            disabled_until=None,
            decided_for=snapshot.timing,
            decided_until=F("disabled_until") - timedelta(microseconds=1),
        )


def _runs(snapshot: Snapshot, decisions: Sequence[Decision], *, going: set[int], now: datetime) -> list[ScheduleRun]:
    runs = []
    for decision in decisions:
        state = decision.state
        if state == RunState.WAITING and snapshot.overlap is Overlap.SKIP:
            state = RunState.SKIPPED if snapshot.row.pk in going else state
            going.add(snapshot.row.pk)
        runs.append(_run(snapshot, decision, state, now))
    return runs


def _run(snapshot: Snapshot, decision: Decision, state: RunState, now: datetime) -> ScheduleRun:
    is_open = state == RunState.WAITING
    seconds = snapshot.row.expire_seconds
    return ScheduleRun(
        periodic_task_id=snapshot.row.pk,
        due_at=decision.due_at,
        state=state,
        covers=decision.covers,
        next_attempt_at=Now() if is_open else None,
        expires_at=None if seconds is None else now + timedelta(seconds=seconds),
        finished_at=None if is_open else now,
    )


def _going(keys: Sequence[int]) -> set[int]:
    if not keys:
        return set()
    rows = ScheduleRun.objects.filter(periodic_task__in=keys, state__in=OPEN_STATES)
    return set(rows.values_list("periodic_task_id", flat=True))


def _decided_until(snapshots: Sequence[Snapshot], now: datetime) -> Any:
    """The value for each row, in one statement: the schedules with jitter are behind."""
    behind = {snapshot.row.pk: snapshot.decided_until(now) for snapshot in snapshots if snapshot.jitter}
    if not behind:
        return now
    whens = [When(pk=key, then=Value(until)) for key, until in behind.items()]
    return Case(*whens, default=Value(now), output_field=DateTimeField())


def _lock(keys: Collection[int]) -> None:
    """Lock schedules in the order in which a sync does, so that the two cannot lock each other out."""
    list(PeriodicTask.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk").values_list("pk"))


def _count(fired: Mapping[int, int], now: datetime) -> None:
    """Note that these ran, and how many due times of each; one that runs only once has run."""
    often = [When(pk=key, then=Value(times)) for key, times in fired.items() if times > 1]
    times: Any = Case(*often, default=Value(1)) if often else 1
    PeriodicTask.objects.filter(pk__in=fired).update(
        last_run_at=now,
        total_run_count=F("total_run_count") + times,
        enabled=Case(When(one_off=True, then=Value(False)), default=F("enabled")),  # noqa: FBT003
    )


def _end_one_offs(missed: Iterable[int], rows: Mapping[int, PeriodicTask]) -> None:
    """Disable those of which the one due time was not fired; it does not come again."""
    ended = [key for key in missed if rows[key].one_off]
    if ended:
        PeriodicTask.objects.filter(pk__in=ended).update(enabled=False)


def _publish(run: Published) -> bool:
    task: Any = current_app.tasks.get(run.row.task)
    if task is None:  # in the middle of a deploy a beat of the other release knows it
        _refuse(run, LookupError(f"No task is called {run.row.task}."), left_seconds=UNKNOWN_LEFT_SECONDS)
        return False
    if not getattr(task, "schedulable", False):
        raise ValueError(f"No task called {run.row.task} may be scheduled.")
    queue_check(run.row.queue)
    if run.row.priority is not None:
        task.priority_check(run.row.priority)
    headers = json.loads(run.row.headers or "{}")
    if reserved := _RESERVED_HEADERS.intersection(headers):
        raise ValueError(f"Headers of Celery's own cannot be set: {', '.join(sorted(reserved))}.")
    routing = {name: getattr(run.row, name) or None for name in ("queue", "exchange", "routing_key")}
    return bool(
        task.wake(
            json.loads(run.row.args or "[]"),
            json.loads(run.row.kwargs or "{}"),
            task_id=str(run.run_id),
            priority=run.row.priority,
            headers={**headers, "periodic_task_name": run.row.name, RUN_HEADER: True},
            **{name: value for name, value in routing.items() if value},
        )
    )


def _refuse(run: Published, error: Exception, *, left_seconds: float = 0) -> None:
    """End a run that cannot become a message, when it is due for so long: the next one is not held back by it."""
    logger.error("schedule_cannot_be_called", schedule=run.row.name, task=run.row.task, error=str(error))
    ScheduleRun.objects.filter(pk=run.run_id, next_attempt_at__lte=Now() - timedelta(seconds=left_seconds)).update(
        state=RunState.FAILURE, finished_at=Now(), next_attempt_at=None, error=f"{type(error).__name__}: {error}"
    )


def _expired(rows: QuerySet[ScheduleRun]) -> QuerySet[ScheduleRun]:
    return rows.filter(UNCLAIMED, started_at__isnull=True, expires_at__lte=Now())


def _to_wake(rows: QuerySet[ScheduleRun]) -> QuerySet[ScheduleRun]:
    return rows_to_wake(rows, again_after_seconds=WAKE_AGAIN_SECONDS)


def _end_or_repeat(lost: QuerySet[ScheduleRun]) -> None:
    no_lease: dict[str, Any] = {"lease_token": None, "lease_owner": "", "lease_expires_at": None}
    ended = Q(attempts__gte=ATTEMPTS_MAX) | Q(expires_at__lte=Now())
    lost.filter(ended).update(
        state=RunState.LOST,
        finished_at=Now(),
        next_attempt_at=None,
        error="Its worker was killed or cut off.",
        **no_lease,
    )
    lost.update(state=RunState.RETRY, next_attempt_at=Now(), woken_at=None, **no_lease)


def _wake_again(queue: str, waking: Sequence[Published]) -> bool:
    """Publish as far as the queue is not full of messages already. Returns False when the broker is away."""
    tasks: list[Any] = [task for run in waking if (task := current_app.tasks.get(run.row.task)) is not None]
    waiting = tasks[0].messages_waiting(queue=queue or None) if tasks and queue in {"", *queue_names()} else 0
    if waiting is None:
        return False
    return runs_publish(waking[: max(SWEEP_LIMIT - waiting, 0)])
