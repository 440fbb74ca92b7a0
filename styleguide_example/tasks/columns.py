"""The list of schedules: what stands in its cells, read for a whole page at once."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks import services
from styleguide_example.tasks.enums import MissedRuns, Overlap, RunState
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.merge import PlanLine
from styleguide_example.tasks.models import Schedule as Policies
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.selectors import Schedule, run_duration, schedules_with_runs
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.words import distance_in_words, duration_in_words

#: A sign for each state beside its colour, which not everybody sees.
SIGNS = {
    RunState.WAITING: "\N{HORIZONTAL ELLIPSIS}",
    RunState.RUNNING: "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
    RunState.RETRY: "R",
    RunState.SUCCESS: "\N{CHECK MARK}",
    RunState.FAILURE: "\N{BALLOT X}",
    RunState.SKIPPED: "\N{EN DASH}",
    RunState.MISSED: "M",
    RunState.EXPIRED: "E",
    RunState.LOST: "L",
}


@dataclass(frozen=True)
class Badge:
    """A word beside a schedule's name, and the sentence behind it. ``kind`` is its colour."""

    word: str
    sentence: str
    kind: str


@dataclass(frozen=True)
class Dot:
    """One run as a dot: its state's sign, and the sentence behind it."""

    state: str
    sign: str
    title: str


class ScheduleChangeList(ChangeList):
    """A page of the list. Each row is given ``shown`` and ``plan_line``, with two queries for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then what belongs to its rows."""
        super().get_results(request)
        rows = list(self.result_list)
        schedules = schedules_with_runs(rows)
        lines = plan_lines() if any(schedule.is_owned_by_code for schedule in schedules) else {}
        may_change = self.model_admin.has_change_permission(request)
        filters = self.model_admin.get_preserved_filters(request)
        for row, schedule in zip(rows, schedules, strict=True):
            row.shown = schedule
            row.plan_line = plan_line_of(schedule, lines)
            row.may_change = may_change
            row.filters = filters
        self.result_list = rows


def plan_lines() -> dict[str, PlanLine]:
    """Return what the next deploy does with each schedule of the timetable, by its name in code. One query.

    Nothing when the timetable cannot be applied as it stands: the page of the drift says why.
    """
    try:
        return {line.name: line for line in services.periodic_tasks_plan(entries=TIMETABLE).lines}
    except TimetableError:
        return {}


def plan_line_of(schedule: Schedule, lines: dict[str, PlanLine]) -> PlanLine | None:
    """Return the line of this schedule; None for an admin's."""
    return lines.get(schedule.row.timetable_entry.name) if schedule.is_owned_by_code else None


def badges(schedule: Schedule, line: PlanLine | None) -> list[Badge]:
    """Return what is worth a look, the worst first."""
    found = []
    if schedule.problem:
        found.append(Badge("broken", schedule.problem, "bad"))
    if schedule.is_overdue:
        found.append(Badge("overdue", "It should have run, and did not: look whether beat and workers run.", "bad"))
    if schedule.never_ran:
        found.append(Badge("never ran", "No run is known of it.", "quiet"))
    return [*found, *drift_badges(line)]


def drift_badges(line: PlanLine | None) -> list[Badge]:
    """Return how a schedule differs from the timetable in code, if it does."""
    if line is None:
        return []
    if line.conflicts:
        names = _names(line.conflicts)
        return [
            Badge("conflict", f"Code and an admin both changed {names}; the next deploy keeps the admin's.", "warn")
        ]
    if line.drift:
        return [Badge("edited", f"An admin edited {_names(line.drift)}; deploys keep that.", "warn")]
    if line.written or line.note:
        return [Badge("deploy pending", f"The next deploy changes it: {line.note or _names(line.written)}.", "warn")]
    return []


def run_in_words(run: ScheduleRun) -> str:
    """Return "20 Nov 03:30:00: succeeded, 1.2 s"."""
    due_at = timezone.localtime(run.due_at)
    duration = run_duration(run)
    took = f", {duration_in_words(duration)}" if duration is not None else ""
    return f"{due_at.day} {due_at:%b %H:%M:%S}: {RunState(run.state).label}{took}"


def cell(name: str, row: Any, **context: Any) -> str:
    """Return the cell ``name`` of a row of :class:`ScheduleChangeList`."""
    return render_to_string(f"tasks/admin/cells/{name}.html", {"row": row, "schedule": row.shown, **context})


def next_run_cell(row: Any) -> str:
    """Return when it runs next, on its own clock and on the viewer's."""
    schedule: Schedule = row.shown
    at = schedule.next_run_at
    distance = distance_in_words(at, now=schedule.now) if at is not None else ""
    return cell("next_run", row, at=at, distance=distance, zone=schedule.zone)


def runs_cell(row: Any) -> str:
    """Return the last runs, oldest first, on the viewer's clock (Django's active zone)."""
    schedule: Schedule = row.shown
    dots = [Dot(run.state, SIGNS[RunState(run.state)], run_in_words(run)) for run in schedule.runs]
    duration = schedule.last_duration
    return cell("runs", row, dots=dots, took="" if duration is None else duration_in_words(duration))


def facts(schedule: Schedule) -> dict[str, Any]:
    """Return what the page of one schedule shows beside its form."""
    line = plan_line_of(schedule, plan_lines())
    runs = [
        {"run": run, "state": RunState(run.state), "sign": SIGNS[RunState(run.state)], "took": _took(run)}
        for run in reversed(schedule.runs)
    ]
    return {"schedule": schedule, "plan_line": line, "badges": badges(schedule, line), "runs": runs}


def policies_in_words(row: PeriodicTask) -> str:
    """Return jitter, overlap and missed runs in one line."""
    policies = getattr(row, "policies", None) or Policies()
    grace = f" within {policies.grace_seconds} s" if policies.grace_seconds is not None else ""
    jitter = f"; jitter up to {policies.jitter_seconds} s" if policies.jitter_seconds else ""
    overlap, missed = Overlap(policies.overlap).label, MissedRuns(policies.missed_runs).label
    return f"While a run goes on, the next one: {overlap}. Missed runs: {missed}{grace}{jitter}."


def _took(run: ScheduleRun) -> str:
    duration = run_duration(run)
    return "" if duration is None else duration_in_words(duration)


def _names(fields: Any) -> str:
    return ", ".join("timing" if field.field == "when" else field.field.replace("_", " ") for field in fields)
