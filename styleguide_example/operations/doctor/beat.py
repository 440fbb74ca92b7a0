"""Beat and the timetable: whether somebody leads, and whether what is due is fired and begun."""

from collections.abc import Iterable

from django.db.models.functions import Now

from styleguide_example.operations.doctor.findings import Finding, counted, error, lasted, ok, warning
from styleguide_example.tasks.models import BeatLeader, TimetableEntry
from styleguide_example.tasks.selectors import Schedule, schedule_list
from styleguide_example.tasks.timetable import TIMETABLE

_SHOWN = 5
_START = "Start one, or better two (the beat line of the Procfile): one leads, the other stands by."


def beat(seconds: float) -> list[Finding]:
    """Ask who leads, and whether their lease is fresh."""
    leader = BeatLeader.objects.annotate(now=Now()).first()
    meaning = "Nothing that is due by the clock is done, and what a killed worker left behind is not taken up."
    if leader is None or leader.lease_expires_at is None:
        return [error("No beat leads.", meaning=meaning, advice=_START)]
    left = (leader.lease_expires_at - leader.now).total_seconds()
    if left <= 0:
        title = f"No beat leads: the lease of {leader.lease_owner} ran out {lasted(-left)} ago."
        return [error(title, meaning=meaning, advice=f"{_START} If one runs, does it reach the database?")]
    return [ok(f"The beat {leader.lease_owner} leads; its lease was renewed and has {lasted(left)} left.")]


def schedules(seconds: float) -> list[Finding]:
    """Look for schedules that are overdue or cannot be fired, and for entries that the database does not have."""
    enabled = [schedule for schedule in schedule_list() if schedule.enabled]
    broken = [schedule for schedule in enabled if schedule.problem]
    overdue = [schedule for schedule in enabled if not schedule.problem and schedule.is_overdue]
    found = [_broken(schedule) for schedule in broken[:_SHOWN]]
    if overdue:
        found.append(
            error(
                f"{counted(len(overdue), 'schedule')} overdue: {_names(overdue)}.",
                meaning="They were due, and no worker began them or no beat fired them.",
                advice="If beat leads and workers take work: their pages in the admin tell what became of each run.",
            )
        )
    return [*found, *_missing()] or [ok(f"{counted(len(enabled), 'schedule')} enabled, and none is overdue.")]


def _broken(schedule: Schedule) -> Finding:
    return error(
        f"{schedule.name!r} cannot be fired: {schedule.problem}",
        meaning="Beat passes over it.",
        advice="Open it in the admin (Periodic tasks): the form says what is wrong. Or disable it.",
    )


def _missing() -> list[Finding]:
    known = set(TimetableEntry.objects.values_list("name", flat=True))
    missing = [entry.name for entry in TIMETABLE if entry.name not in known]
    if not missing:
        return []
    return [
        warning(
            f"{counted(len(missing), 'schedule')} of the timetable not in the database.",
            meaning="What this release wants to run by itself does not.",
            advice="manage.py setup_periodic_tasks",
        )
    ]


def _names(schedules: Iterable[Schedule]) -> str:
    names = [schedule.name for schedule in schedules]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
