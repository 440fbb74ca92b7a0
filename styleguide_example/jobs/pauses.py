"""What is paused: nothing of it is begun, on any worker, until somebody resumes it. What runs goes on.

*Rows decide.* A pause is a row, so it outlives every restart. A job is held back in two places: its claim asks for the
rows of :func:`not_paused`, and so does the sweep, which therefore sends no messages for what is paused. Any other task
is held back by :func:`pause_gate`: its message is dropped, and what it was about waits in its own row until the sweep
of that row wakes it again after the pause.

So an e-mail that falls due while its queue is paused is sent after it, and the run of a schedule begins after it,
unless its ``expires_seconds`` have passed by then: it ends EXPIRED, as it would had no worker been there. A message
that belongs to no row would be lost; this project has none (docs/decisions/0002).
"""

import time
from datetime import timedelta
from typing import Any

import structlog
from celery import current_app
from celery.exceptions import Ignore
from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Exists, Q, QuerySet
from django.db.models.functions import Now
from django.utils.text import Truncator

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.dispatch import queue_names
from styleguide_example.jobs.enums import ControlAction, Scope
from styleguide_example.jobs.exceptions import JobKindUnknownError, QueueUnknownError
from styleguide_example.jobs.kinds import job_kind_find, job_kinds
from styleguide_example.jobs.models import ControlEntry, Job, Pause
from styleguide_example.jobs.selectors import jobs_waiting

logger = structlog.get_logger(__name__)

#: So long a process believes that nothing is paused: a pause is honoured this late at most, and a gate costs no query a
#: task. That something is paused is asked anew for each task: the end of a pause is honoured at once.
CACHE_SECONDS = 2
REASON_LENGTH_MAX = 255

Names = frozenset[tuple[str, str]]


class _Cache:
    """What was paused when this process last looked."""

    names: Names = frozenset()
    until = 0.0


# -- asking ------------------------------------------------------------------------------------------------------------


def paused_names() -> Names:
    """Return what is paused, as scope and name; no older than :data:`CACHE_SECONDS`.

    While the database is away it is what was last known: whoever asks will meet that database in a moment, and knows
    how to go on.
    """
    now = time.monotonic()
    if now >= _Cache.until:
        try:
            _Cache.names = frozenset(Pause.objects.values_list("scope", "name"))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("pauses_not_read", error=str(error), next="what was last known is taken")
        _Cache.until = now + CACHE_SECONDS
    return _Cache.names


def paused_names_forget() -> None:
    """Let this process look anew at the next question."""
    _Cache.until = 0.0


def is_paused(*, queue: str | None = None, kind: str | None = None) -> bool:
    """Return whether the queue ("" is the default one) or the kind is paused; None is not asked for."""
    names = paused_names()
    return bool(names) and (
        (queue is not None and (Scope.QUEUE, queue or settings.CELERY_TASK_DEFAULT_QUEUE) in names)
        or (kind is not None and (Scope.KIND, kind) in names)
    )


def not_paused(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Leave out the jobs whose queue or kind is paused. Part of the statement: never late, and no query more."""
    queues = Pause.objects.filter(scope=Scope.QUEUE)
    default_is_paused = Exists(queues.filter(name=settings.CELERY_TASK_DEFAULT_QUEUE))
    return jobs.exclude(
        Q(kind__in=Pause.objects.filter(scope=Scope.KIND).values("name"))
        | Q(queue__in=queues.values("name"))
        | (Q(queue="") & Q(default_is_paused))
    )


def pause_gate(sender: WakeUpTask, **_: Any) -> None:
    """Let no task begin that came from a paused queue; a receiver of ``task_starting``, before those that claim rows.

    The engine room's own tasks go on: a sweep wakes and ends what has nothing to do with the pause.

    Raises:
        celery.exceptions.Ignore: when the queue is paused.
    """
    if sender.default_priority == Priority.RESERVED or not paused_names():
        return
    queue = _queue_of(sender)
    if not queue or not is_paused(queue=queue):
        return
    paused_names_forget()  # a message that is dropped just after the end of a pause is sent again only by a later sweep
    if is_paused(queue=queue):
        logger.info("task_held_back", task=sender.name, task_id=sender.request.id, queue=queue)
        raise Ignore(f"Queue {queue} is paused; its row waits.")


# -- doing -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def job_pause(*, scope: str, name: str, by: Any = None, reason: str = "") -> int:
    """Begin nothing more of the queue or kind, on any worker, within seconds. Returns how many jobs wait behind it.

    Holds until :func:`job_resume`, over every restart. Pausing twice is pausing once: who did it first stays, and why.
    A paused job can be cancelled, expires when its time is over, and goes on holding its ``once_key``.

    Raises:
        QueueUnknownError, JobKindUnknownError: when there is nothing of that name.
    """
    name = scope_check(scope=scope, name=name)
    facts = {"reason": _short(reason), "paused_by": by, "paused_at": Now()}
    _, is_new = Pause.objects.get_or_create(scope=scope, name=name, defaults=facts)
    if is_new:
        control_entry_write(action=ControlAction.PAUSE, target=target_of(scope, name), reason=reason, by=by)
    _changed()
    return jobs_waiting(scope=scope, name=name).count()


@transaction.atomic
def job_resume_rows(*, scope: str, name: str, by: Any = None, reason: str = "") -> int:
    """Let the queue or kind go on. Returns how many jobs waited behind it; 0 when it was not paused.

    Queues nothing: ``services.job_resume`` wakes the sweep after the commit, which wakes workers for all of them.

    Raises:
        QueueUnknownError, JobKindUnknownError: when there is nothing of that name, and nothing paused either.
    """
    name = name or _default_name(scope)
    ended, _ = Pause.objects.filter(scope=scope, name=name).delete()
    if not ended:
        scope_check(scope=scope, name=name)
        return 0
    waiting = jobs_waiting(scope=scope, name=name)
    # Their messages were dropped. Those woken a moment ago the sweep would pass over; it wakes no paused one, so they
    # are few however many wait.
    lately = Now() - timedelta(seconds=settings.JOB_WAKE_AGAIN_SECONDS)
    waiting.filter(woken_at__gt=lately).update(woken_at=None)
    count = waiting.count()
    control_entry_write(action=ControlAction.RESUME, target=target_of(scope, name), count=count, reason=reason, by=by)
    _changed()
    return count


def scope_check(*, scope: str, name: str) -> str:
    """Return the name under which the queue or kind is paused; "" is the default queue.

    A name is known when it is declared, when a task is called so (a job of :func:`~.services.task_dispatch` has its
    task's name for a kind), or when jobs wait under it: what was removed from the code must still be emptied.

    Raises:
        QueueUnknownError, JobKindUnknownError: when there is nothing of that name.
    """
    name = name or _default_name(scope)
    is_queue = Scope(scope) is Scope.QUEUE
    is_declared = name in queue_names() if is_queue else bool(job_kind_find(name)) or name in _task_names()
    if is_declared or jobs_waiting(scope=scope, name=name).exists():
        return name
    if is_queue:
        raise QueueUnknownError(f"No queue is called {name!r}. There are {', '.join(queue_names())}.")
    kinds = ", ".join(kind.name for kind in job_kinds()) or "none"
    raise JobKindUnknownError(f"There is no kind of job called {name!r}. Declared: {kinds}.")


def control_entry_write(*, action: str, target: str, count: int = 0, reason: str = "", by: Any = None) -> ControlEntry:
    """Enter into the audit what staff did."""
    logger.warning("jobs_controlled", action=str(action), target=target, count=count, by=getattr(by, "pk", None))
    entry = ControlEntry(
        action=action, target=target[:300], count=count, reason=_short(reason), done_by=by, done_at=Now()
    )
    entry.save()
    return entry


def target_of(scope: str, name: str) -> str:
    """Return what the audit calls it, as in "kind export"."""
    return f"{scope} {name}"


def _default_name(scope: str) -> str:
    return str(settings.CELERY_TASK_DEFAULT_QUEUE) if scope == Scope.QUEUE else ""


def _task_names() -> set[str]:
    return {str(name) for name in current_app.tasks}


def _short(reason: str) -> str:
    return Truncator(reason.strip()).chars(REASON_LENGTH_MAX)


def _changed() -> None:
    """Let this process look anew: now for the rest of the transaction, and when it is over for everybody else."""
    paused_names_forget()
    transaction.on_commit(paused_names_forget)


def _queue_of(task: WakeUpTask) -> str:
    """The queue that the message came from; "" of a task that was called in place."""
    delivery = task.request.delivery_info or {}
    key = str(delivery.get("routing_key") or "")
    queues = task.app.amqp.queues
    # A queue's routing key is its name, unless CELERY_TASK_QUEUES says otherwise.
    return next((name for name, queue in queues.items() if key and queue.routing_key == key), key)
