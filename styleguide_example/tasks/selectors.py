"""Questions about schedules."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from celery import current_app
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun, Worker
from styleguide_example.tasks.timing import Cron, When
from styleguide_example.tasks.timing_rows import when_read, with_timings
from styleguide_example.tasks.words import when_in_words

RUNS_SHOWN = 20
#: A due time that no beat has decided for longer than this: no beat runs, or it cannot fire this schedule.
OVERDUE_SECONDS = 60
#: A worker that has not said for so long that it lives (every ten seconds it does) was killed or cut off.
SILENT_AFTER = timedelta(seconds=45)
#: Of such a one the row is shown for so long.
KEPT_FOR = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
#: Read with the rows: one query each would be a thousand.
_RELATED = ("policies", "timetable_entry")


@dataclass(frozen=True)
class Schedule:
    """A schedule as a person wants to see it."""

    row: PeriodicTask
    now: datetime = field(repr=False)
    runs: Sequence[ScheduleRun] = ()

    @property
    def name(self) -> str:
        """The human sentence."""
        return str(self.row.name)

    @property
    def enabled(self) -> bool:
        """Whether beat fires it."""
        return bool(self.row.enabled)

    @cached_property
    def when(self) -> When | None:
        """Its timing; None for one that this project's beat does not fire (:attr:`problem` says why)."""
        return self._read[0]

    @property
    def problem(self) -> str:
        """Why it cannot be fired as it stands, or nothing."""
        task = current_app.tasks.get(self.row.task)
        if task is None:
            return f"No task is called {self.row.task}."
        return self._read[1] or (
            "" if getattr(task, "schedulable", False) else f"{self.row.task} may not be scheduled."
        )

    @cached_property
    def _read(self) -> tuple[When | None, str]:
        try:
            return when_read(self.row), ""
        except ValueError as error:
            return None, str(error)

    @property
    def in_words(self) -> str:
        """Its timing in English."""
        return str(self.row.solar or "a timing that cannot be read") if self.when is None else when_in_words(self.when)

    @property
    def cron_line(self) -> str:
        """The raw line of a crontab, and nothing otherwise."""
        return self.when.line if isinstance(self.when, Cron) else ""

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of a crontab; None where there is no clock but the viewer's."""
        return ZoneInfo(self.when.time_zone) if isinstance(self.when, Cron) else None

    @cached_property
    def next_run_at(self) -> datetime | None:
        """The next due time, without jitter; None when there is none, or when it is disabled."""
        if not self.row.enabled or self.when is None or self.problem:
            return None
        return due_next(self.row, self.when, after=self.now)

    @property
    def is_owned_by_code(self) -> bool:
        """Whether the timetable wrote it."""
        return hasattr(self.row, "timetable_entry")

    @property
    def is_overdue(self) -> bool:
        """Whether no worker starts its runs (beat has said so), or a due time passed that no beat has decided."""
        policies = getattr(self.row, "policies", None)
        if policies is None or not self.row.enabled:
            return False
        return policies.overdue_logged_at is not None or self._is_undecided(policies.decided_until)

    def _is_undecided(self, decided: datetime | None) -> bool:
        if decided is None or self.when is None:
            return False
        due = due_next(self.row, self.when, after=decided)
        late = timedelta(seconds=self.row.policies.jitter_seconds + OVERDUE_SECONDS)
        return due is not None and due + late < self.now

    @property
    def never_ran(self) -> bool:
        """Whether nothing is known of any run, though it is enabled."""
        return self.row.enabled and not self.runs and not self.row.total_run_count

    @property
    def last_duration(self) -> timedelta | None:
        """How long the last run took that has ended."""
        return next((run_duration(run) for run in reversed(self.runs) if run_duration(run)), None)

    @property
    def runs_in_words(self) -> str:
        """What the dots say, for those who do not see them."""
        if not self.runs:
            return "No run is recorded."
        counts = Counter(RunState(run.state).name.lower() for run in self.runs)
        said = ", ".join(f"{number} {state}" for state, number in counts.most_common())
        return f"Last {len(self.runs)} runs: {said}. The last one: {self.runs[-1].state}."


def schedule_list() -> list[Schedule]:
    """Return every schedule in the database, by name, without its runs. One query."""
    now = timezone.now()
    return [Schedule(row=row, now=now) for row in schedule_rows(PeriodicTask.objects.order_by("name"))]


def schedule_rows(rows: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
    """Return ``rows`` with all that a :class:`Schedule` reads, in one query."""
    return with_timings(rows).select_related(*_RELATED)


def schedules_with_runs(rows: Iterable[PeriodicTask]) -> list[Schedule]:
    """Return the schedules of ``rows`` (see :func:`schedule_rows`) with their last runs. One query."""
    rows = list(rows)
    runs = runs_latest([row.pk for row in rows])
    now = timezone.now()
    return [Schedule(row=row, now=now, runs=runs.get(row.pk, [])) for row in rows]


def runs_latest(keys: Sequence[int], *, count: int = RUNS_SHOWN) -> Mapping[int, list[ScheduleRun]]:
    """Return the last ``count`` runs of each of these schedules, oldest first. One query."""
    number = Window(RowNumber(), partition_by=F("periodic_task"), order_by=F("due_at").desc())
    latest = ScheduleRun.objects.filter(periodic_task__in=keys).annotate(number=number).filter(number__lte=count)
    runs: dict[int, list[ScheduleRun]] = {}
    for run in latest.order_by("due_at"):
        runs.setdefault(run.periodic_task_id, []).append(run)
    return runs


def run_duration(run: ScheduleRun) -> timedelta | None:
    """Return how long the run took, from its first start to its end; None while it goes on, or when it never began."""
    if run.started_at is None or run.finished_at is None:
        return None
    return run.finished_at - run.started_at


def due_next(row: PeriodicTask, when: When, *, after: datetime) -> datetime | None:
    """Return the first due time after ``after`` within the row's start time and expiry; None when there is none."""
    start = max(after, row.start_time - _INSTANT) if row.start_time else after
    due = when.due_after(start)
    return None if due is not None and row.expires and due >= row.expires else due


@dataclass(frozen=True)
class WorkerSeen:
    """A worker as it last said that it lives. ``active``: the name and the id of each task that it does."""

    name: str
    started_at: datetime
    seen_at: datetime
    processes: int
    active: Sequence[Mapping[str, str]]
    is_silent: bool


def workers_seen() -> list[WorkerSeen]:
    """Return the workers that live, and those of the last day that fell silent; by name. One query."""
    kept = Worker.objects.filter(seen_at__gte=Now() - KEPT_FOR)
    rows = kept.annotate(is_silent=Q(seen_at__lt=Now() - SILENT_AFTER)).order_by("name")
    columns = ("name", "started_at", "seen_at", "processes", "active", "is_silent")
    return [WorkerSeen(*row) for row in rows.values_list(*columns)]


def schedules_overdue() -> list[Schedule]:
    """Return the enabled schedules that should have run by now and did not, by name. One query."""
    now = timezone.now()
    rows = schedule_rows(PeriodicTask.objects.filter(enabled=True).order_by("name"))
    return [schedule for schedule in (Schedule(row=row, now=now) for row in rows) if schedule.is_overdue]
