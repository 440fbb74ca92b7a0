"""Says once when something that should run does not."""

from collections.abc import Collection
from datetime import timedelta

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import Schedule, ScheduleRun, TimetableEntry

logger = structlog.get_logger(__name__)

#: A run that no worker took for so long is overdue.
OVERDUE_SECONDS = 120
#: Older ones are history.
_LOOK_BACK = timedelta(days=2)


def overdue_log(*, expected: Collection[str]) -> None:
    """Log an error for each schedule whose due runs no worker starts, and for entries that the database does not have.

    Once for each, until a run of it starts again. ``expected`` are the names of the timetable.
    """
    late = _unstarted()
    for schedule in late.filter(overdue_logged_at__isnull=True).select_related("periodic_task"):
        logger.error("schedule_overdue", schedule=schedule.periodic_task.name, next="look whether workers run")
        Schedule.objects.filter(pk=schedule.pk).update(overdue_logged_at=Now())
    started = ScheduleRun.objects.filter(periodic_task=OuterRef("pk"), started_at__gt=OuterRef("overdue_logged_at"))
    Schedule.objects.filter(Exists(started), overdue_logged_at__isnull=False).update(overdue_logged_at=None)
    missing = sorted(set(expected) - set(TimetableEntry.objects.values_list("name", flat=True)))
    if missing and set(missing) != _Missing.logged:
        logger.error("timetable_not_applied", missing=missing, next="run manage.py setup_periodic_tasks")
    _Missing.logged = set(missing)


class _Missing:
    """Entries that this process has complained about."""

    logged: set[str] = set()


def _unstarted() -> QuerySet[Schedule]:
    """Return the schedules of which a due run was not started in time, and none since."""
    later = ScheduleRun.objects.filter(
        periodic_task=OuterRef("periodic_task"), due_at__gte=OuterRef("due_at"), started_at__isnull=False
    )
    long_ago = Now() - timedelta(seconds=OVERDUE_SECONDS)
    late = ScheduleRun.objects.filter(
        ~Exists(later),
        # From when it was written: with jitter, or after an outage, that is long after its due time.
        Q(state=RunState.WAITING, next_attempt_at__lte=long_ago) | Q(state=RunState.EXPIRED, finished_at__lte=long_ago),
        periodic_task=OuterRef("pk"),
        due_at__gt=Now() - _LOOK_BACK,
    )
    return Schedule.objects.filter(Exists(late), periodic_task__enabled=True).order_by(F("pk"))
