"""Asks for jobs, and for what is paused. What a page needs costs the same however many rows there are."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import Now

from styleguide_example.common.leases import UNCLAIMED
from styleguide_example.jobs.dispatch import queue_names
from styleguide_example.jobs.enums import WAITING_STATES, JobState, Scope
from styleguide_example.jobs.kinds import job_kind_find, job_kinds
from styleguide_example.jobs.models import Job, JobContinuation, Pause

#: More names than these are not offered to choose from.
KINDS_MAX = 200

#: A loose index scan: from one name to the next larger one, a step each, where DISTINCT would read every row.
#: https://wiki.postgresql.org/wiki/Loose_indexscan
_KINDS_SQL = """
    WITH RECURSIVE known (kind) AS (
        SELECT min(kind) FROM jobs_job
        UNION ALL
        SELECT (SELECT min(kind) FROM jobs_job WHERE kind > known.kind) FROM known WHERE known.kind IS NOT NULL
    )
    SELECT kind FROM known WHERE kind IS NOT NULL LIMIT %s
"""


@dataclass(frozen=True)
class Chain:
    """Where a job stands in its chain.

    Args:
        position: of the job itself; the first step is 1.
        total: how many steps there are.
        following: the kind of the step after it, or "" after the last one.
        following_id: the job of that step, where it has begun.
        waiting: how many steps begin only when a retry of this job succeeds.
    """

    position: int
    total: int
    following: str = ""
    following_id: uuid.UUID | None = None
    waiting: int = 0


@dataclass(frozen=True)
class Control:
    """A queue or a kind, as staff see it: what waits, what runs, and whether it is paused."""

    scope: Scope
    name: str
    title: str
    waiting: int
    running: int
    pause: Pause | None

    @property
    def is_default_queue(self) -> bool:
        """Whether jobs go there that name no queue."""
        return self.scope is Scope.QUEUE and self.name == settings.CELERY_TASK_DEFAULT_QUEUE


def job_list(*, owner: Any) -> QuerySet[Job]:
    """Return the person's jobs, the newest first. The parts of a batch are found under it, not beside it."""
    return Job.objects.filter(owner=owner, parent__isnull=True).order_by("-created_at", "-pk")


def job_get(*, job_id: str | uuid.UUID) -> Job | None:
    """Return the job, or None. What is no id is the id of no job."""
    return Job.objects.filter(pk=key).first() if (key := _key(job_id)) else None


def job_get_for(*, owner: Any, job_id: str | uuid.UUID) -> Job | None:
    """Return the person's job, which may be a part of their batch. Somebody else's is None, as if it did not exist."""
    return Job.objects.filter(pk=key, owner=owner).first() if (key := _key(job_id)) else None


def job_latest(*, owner: Any, kind: str | None = None) -> Job | None:
    """Return the person's newest job, of one kind or of any."""
    jobs = job_list(owner=owner)
    return (jobs if kind is None else jobs.filter(kind=kind)).first()


def job_children_failed(*, job: Job) -> QuerySet[Job]:
    """Return the parts of a batch that failed, in the order in which they did."""
    return Job.objects.filter(parent=job, state=JobState.FAILURE).order_by("finished_at", "pk")


def job_chain(*, job: Job) -> Chain | None:
    """Return where the job stands in its chain, or None of one that is in none. Three queries, however long it is."""
    if job.chain_id is None:
        return None
    rest = JobContinuation.objects.filter(chain_id=job.chain_id).first()
    steps = Job.objects.filter(chain_id=job.chain_id)
    begun = steps.filter(chain_position=job.chain_position + 1).order_by("-created_at").only("kind").first()
    if rest is None:
        last = steps.aggregate(last=Max("chain_position"))["last"]
        chain = Chain(position=job.chain_position, total=max(last, job.chain_position))
    else:
        is_stopped = rest.after_id == job.pk and job.state in {JobState.FAILURE, JobState.REVOKED}
        chain = Chain(
            position=job.chain_position,
            total=rest.position - 1 + len(rest.steps),
            following=rest.steps[0]["kind"] if rest.position == job.chain_position + 1 else "",
            waiting=len(rest.steps) if is_stopped else 0,
        )
    return chain if begun is None else replace(chain, following=begun.kind, following_id=begun.pk)


def jobs_waiting(*, scope: str, name: str) -> QuerySet[Job]:
    """Return the jobs of a queue or a kind that nobody has begun. A batch is the sum of its parts: only they count."""
    return _waiting().filter(in_scope(scope=scope, name=name))


def jobs_waiting_count(*, scope: str, name: str) -> int:
    """Return how many jobs of a queue or a kind nobody has begun."""
    return jobs_waiting(scope=scope, name=name).count()


def jobs_due() -> QuerySet[Job]:
    """Return the jobs that may be begun now and that nobody has begun, in paused queues too."""
    return _waiting().filter(next_attempt_at__lte=Now())


def in_scope(*, scope: str, name: str) -> Q:
    """Return the condition for the jobs of a queue or a kind. A job that names no queue goes to the default one."""
    if scope == Scope.KIND:
        return Q(kind=name)
    default = settings.CELERY_TASK_DEFAULT_QUEUE
    return Q(queue__in=["", default] if name in {"", default} else [name])


def pause_list() -> QuerySet[Pause]:
    """Return what is paused, with who did it; queues first."""
    return Pause.objects.select_related("paused_by").order_by("-scope", "name")


def job_controls() -> list[Control]:
    """Return every queue and kind that is declared, paused, or holds work now; queues first. Three queries.

    It reads what waits and what runs, never what has ended.
    """
    waiting = _counts(_waiting())
    running = _counts(Job.objects.filter(lease_token__isnull=False))
    pauses = {(Scope(pause.scope), pause.name): pause for pause in pause_list()}
    names: dict[tuple[Scope, str], None] = dict.fromkeys((Scope.QUEUE, name) for name in queue_names())
    names |= dict.fromkeys((Scope.KIND, kind.name) for kind in job_kinds())
    names |= dict.fromkeys(sorted({*waiting, *running, *pauses} - set(names)))
    return [
        Control(
            scope=scope,
            name=name,
            title=kind_title(name) if scope is Scope.KIND else name,
            waiting=waiting.get((scope, name), 0),
            running=running.get((scope, name), 0),
            pause=pauses.get((scope, name)),
        )
        for scope, name in sorted(names, key=lambda key: key[0] is Scope.KIND)
    ]


def job_kinds_seen() -> list[str]:
    """Return the kinds that are declared, and those that jobs have although nobody declares them. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS_SQL, [KINDS_MAX])
        seen = {str(row[0]) for row in cursor.fetchall()}
    return sorted({kind.name for kind in job_kinds()} | seen)


def kind_title(name: str) -> str:
    """Return what people call the kind; of one that is not declared, its name."""
    kind = job_kind_find(name)
    return str(kind.title) if kind else name


def _waiting() -> QuerySet[Job]:
    # With the condition of the index `job_due`, so that what has ended is not read; SQLite cannot prove it from states.
    return Job.objects.filter(UNCLAIMED, finished_at__isnull=True, state__in=WAITING_STATES, is_batch=False)


def _counts(jobs: QuerySet[Job]) -> dict[tuple[Scope, str], int]:
    """How many jobs each queue and each kind has. One query."""
    counts: dict[tuple[Scope, str], int] = {}
    for queue, kind, count in jobs.order_by().values_list("queue", "kind").annotate(Count("pk")):
        for key in ((Scope.QUEUE, queue or settings.CELERY_TASK_DEFAULT_QUEUE), (Scope.KIND, kind)):
            counts[key] = counts.get(key, 0) + count
    return counts


def _key(job_id: str | uuid.UUID) -> uuid.UUID | None:
    try:
        return job_id if isinstance(job_id, uuid.UUID) else uuid.UUID(job_id)
    except ValueError:
        return None
