"""What the board shows, read at once: what runs, what waits, what ended within the hour, and who worked on what.

*Bounded.* Ten queries, and so many rows of each, however many jobs there are. All is by the database's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When, Window
from django.db.models.functions import Coalesce, Now, RowNumber
from django.db.models.lookups import IsNull
from django.utils import timezone

from styleguide_example.common.leases import UNCLAIMED, moment_now
from styleguide_example.jobs.amounts import duration_words
from styleguide_example.jobs.enums import RUNNING_STATES, WAITING_STATES, JobState, Scope
from styleguide_example.jobs.gantt import HOUR, Gantt, gantt_make
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import Control, job_controls
from styleguide_example.jobs.words import (
    CANCELLED,
    DONE,
    FAILED,
    RUNNING,
    WAITING,
    Part,
    Shown,
    job_shown,
    strip_parts,
)

RUNNING_SHOWN = 50
#: Of each queue.
WAITING_SHOWN = 5
#: Of all queues together.
WAITING_MAX = 100
ENDED_SHOWN = 25
#: As many bars are drawn at most, of those that run and of those that ended.
BARS_RUNNING = 100
BARS_ENDED = 200
#: So many of the hour are counted: a busy hour must not make the board slow.
COUNTED_MAX = 10_000
#: Of what ended within the hour, what a worker had in it: no batch, and no job that had only waited for longer.
_WORKED_ON = Q(is_batch=False, started_at__isnull=False) & (
    Q(heartbeat_at__isnull=True) | Q(heartbeat_at__gte=Now() - HOUR)
)
#: What is long is read where one job is opened.
_LONG = ("parameters", "result", "traceback")


@dataclass(frozen=True)
class Row:
    """A job in one of the board's tables. ``lasts``: how long it runs, waits, or took, in words."""

    job: Job
    shown: Shown
    lasts: str
    parts: Sequence[Part] = ()
    workers: Sequence[str] = ()
    is_paused: bool = False
    is_retried: bool = False

    @property
    def may_be_cancelled(self) -> bool:
        """Whether it is worth a button."""
        return self.job.is_active and not self.job.is_cancel_requested

    @property
    def may_be_retried(self) -> bool:
        """Whether it did not go well, and nobody did it again."""
        return not self.job.is_active and self.job.state != JobState.SUCCESS and not self.is_retried


@dataclass(frozen=True)
class Queue:
    """What waits in a queue: how much, and the first few that wait by themselves and are no part of a batch."""

    control: Control
    rows: list[Row]

    @property
    def query(self) -> str:
        """The query string of the list of all that waits in it."""
        names = f",{self.control.name}" if self.control.is_default_queue else self.control.name
        return urlencode({"is": "waiting", "parts": "with", "queue__in": names})


@dataclass(frozen=True)
class Hour:
    """How many ended within the hour: each part of a batch for itself, ``alone`` what is no part of one."""

    total: int
    done: int
    failed: int
    cancelled: int
    alone: int
    worked_on: int

    @property
    def is_all(self) -> bool:
        """Whether there were not more than are counted."""
        return self.total < COUNTED_MAX


@dataclass(frozen=True)
class Board:
    """All that the page shows."""

    now: datetime
    running_total: int
    running: list[Row]
    queues: list[Queue]
    hour: Hour
    ended: list[Row]
    gantt: Gantt

    @property
    def waiting_total(self) -> int:
        """Over all queues."""
        return sum(queue.control.waiting for queue in self.queues)

    @property
    def is_live(self) -> bool:
        """Whether something is under way, so that it is worth looking often."""
        return bool(self.running or self.running_total or self.waiting_total)

    @property
    def ended_more(self) -> int:
        """How many ended within the hour and have no row; the parts of batches never have one."""
        return max(self.hour.alone - len(self.ended), 0)

    @property
    def not_drawn(self) -> int:
        """How many that a worker had within the hour have no bar."""
        drawn = len(self.gantt.bars)
        return max(self.hour.worked_on + self.running_total - drawn, 0)


def board_read() -> Board:
    """Read the board. Ten queries; writes nothing."""
    now = moment_now(Job.objects.order_by()) or timezone.now()
    controls = job_controls()
    queues = [control for control in controls if control.scope is Scope.QUEUE]
    held = list(_held())
    return Board(
        now=now,
        running_total=sum(control.running for control in queues),
        running=_running(held, now),
        queues=_queues(controls, now),
        hour=_hour(),
        ended=_ended_rows(),
        gantt=_gantt(held, now),
    )


def _gantt(held: Sequence[Job], now: datetime) -> Gantt:
    """What runs and what ended last."""
    ended = list(_ended().filter(_WORKED_ON)[: BARS_ENDED + 1])
    drawn = ended[:BARS_ENDED]
    return gantt_make(
        [*held, *drawn], now=now, complete_from=drawn[-1].finished_at if len(ended) > BARS_ENDED else None
    )


def _held() -> QuerySet[Job]:
    """What workers hold: parts of batches and others by turns, so that many of the one leave room for the other."""
    first = [F("started_at").asc(), F("pk").asc()]
    turn = Window(RowNumber(), partition_by=[IsNull(F("parent"), rhs=True)], order_by=first)
    held = Job.objects.filter(lease_token__isnull=False).annotate(turn=turn)
    return held.select_related("owner").defer(*_LONG).order_by("turn", *first)[:BARS_RUNNING]


def _running(held: Sequence[Job], now: datetime) -> list[Row]:
    """Jobs and batches together, those first that began first."""
    alone = [job for job in held if job.parent_id is None]
    rows = sorted([*alone, *_batches()], key=lambda job: (job.started_at or job.created_at, job.pk))
    return [
        Row(
            job,
            job_shown(job),
            duration_words(now - (job.started_at or job.created_at)),
            parts=_strip(job) if job.is_batch else (),
            workers=_workers(job, held),
        )
        for job in rows[:RUNNING_SHOWN]
    ]


def _workers(job: Job, held: Sequence[Job]) -> list[str]:
    """Who works on it; on a batch, who works on those of its parts that are drawn."""
    mine = [part for part in held if part.parent_id == job.pk] if job.is_batch else [job]
    return sorted({each.worker for each in mine if each.worker})


def _batches() -> QuerySet[Job]:
    """The batches that have begun, with how many of their parts are at work."""
    at_work = Job.objects.filter(parent=OuterRef("pk"), state__in=RUNNING_STATES).order_by().values("parent")
    begun = Job.objects.filter(is_batch=True, finished_at__isnull=True, state__in=RUNNING_STATES)
    counted = begun.annotate(at_work=Coalesce(Subquery(at_work.annotate(n=Count("pk")).values("n")), 0))
    return counted.select_related("owner").defer(*_LONG).order_by("started_at", "pk")[:RUNNING_SHOWN]


def _strip(batch: Job) -> list[Part]:
    """The parts of a batch by how they stand; however many there are, five colours."""
    ended = [(DONE, batch.children_done), (FAILED, batch.children_failed), (CANCELLED, batch.children_cancelled)]
    rest = max(batch.children_total - sum(count for _, count in ended), 0)
    at_work = min(getattr(batch, "at_work", 0), rest)
    return strip_parts([ended[0], (RUNNING, at_work), *ended[1:], (WAITING, rest - at_work)])


def _queues(controls: Sequence[Control], now: datetime) -> list[Queue]:
    paused = {control.name for control in controls if control.pause and control.scope is Scope.KIND}
    rows: dict[str, list[Row]] = {}
    for job in _waiting_first():
        row = Row(job, job_shown(job), _wait(job, now), is_paused=job.kind in paused)
        rows.setdefault(job.queue or settings.CELERY_TASK_DEFAULT_QUEUE, []).append(row)
    queues = [control for control in controls if control.scope is Scope.QUEUE]
    return [Queue(control, rows.get(control.name, [])) for control in queues]


def _wait(job: Job, now: datetime) -> str:
    """Since when it might have begun, or when it may."""
    due_at = job.next_attempt_at or job.created_at
    return f"due in {duration_words(due_at - now)}" if due_at > now else f"for {duration_words(now - due_at)}"


def _waiting_first() -> QuerySet[Job]:
    """Of each queue the jobs that have been due for longest, without the parts of batches."""
    queue = Case(When(queue="", then=Value(settings.CELERY_TASK_DEFAULT_QUEUE)), default=F("queue"))
    due = Coalesce("next_attempt_at", "created_at")
    place = Window(RowNumber(), partition_by=queue, order_by=[due.asc(), F("pk").asc()])
    waiting = Job.objects.filter(UNCLAIMED, finished_at__isnull=True, state__in=WAITING_STATES, parent__isnull=True)
    # The keys alone are sorted, and not the whole rows; and a planner that knows how few are left fetches them by key.
    first = waiting.annotate(place=place).filter(place__lte=WAITING_SHOWN).order_by("place").values("pk")[:WAITING_MAX]
    return Job.objects.filter(pk__in=first).select_related("owner").defer(*_LONG).order_by(due.asc(), "pk")


def _ended(**conditions: object) -> QuerySet[Job]:
    """What ended within the hour, what ended last first."""
    return Job.objects.filter(finished_at__gte=Now() - HOUR, **conditions).defer(*_LONG).order_by("-finished_at", "-pk")


def _ended_rows() -> list[Row]:
    # With the condition of the index `job_retried`: else the planner may read the whole table for it.
    has_retry = Exists(Job.objects.filter(retry_of=OuterRef("pk"), retry_of__isnull=False))
    alone = _ended(parent__isnull=True).annotate(has_retry=has_retry).select_related("owner")[:ENDED_SHOWN]
    return [Row(job, job_shown(job), _took(job), is_retried=job.has_retry) for job in alone]


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return duration_words(job.finished_at - job.started_at)


def _hour() -> Hour:
    a_job = Q(is_batch=False)
    counts = _ended()[:COUNTED_MAX].aggregate(
        total=Count("pk"),
        done=Count("pk", filter=a_job & Q(state=JobState.SUCCESS)),
        failed=Count("pk", filter=a_job & Q(state=JobState.FAILURE)),
        cancelled=Count("pk", filter=a_job & Q(state=JobState.REVOKED)),
        alone=Count("pk", filter=Q(parent__isnull=True)),
        worked_on=Count("pk", filter=_WORKED_ON),
    )
    return Hour(**counts)
