"""Deletes the history of runs, a batch at a time so that no lock is held for long."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from styleguide_example.tasks.enums import OPEN_STATES, RunState
from styleguide_example.tasks.models import ScheduleRun

logger = structlog.get_logger(__name__)

#: The last runs of each schedule stay, however old: they are the dots in the list of schedules.
LAST_RUNS_KEPT = 20
_TROUBLE = (RunState.FAILURE, RunState.LOST, RunState.EXPIRED, RunState.MISSED)


def schedule_run_cleanup(*, batch_size: int = 1000) -> int:
    """Delete runs older than ``SCHEDULE_RUNS_KEEP_DAYS``, failed ones than ``SCHEDULE_RUNS_KEEP_FAILED_DAYS``.

    What has not ended is never deleted, nor are the last 20 of a schedule. Each batch commits for itself. Returns how
    many went.
    """
    now = timezone.now()
    old = Q(due_at__lt=now - timedelta(days=settings.SCHEDULE_RUNS_KEEP_FAILED_DAYS)) | Q(
        ~Q(state__in=_TROUBLE), due_at__lt=now - timedelta(days=settings.SCHEDULE_RUNS_KEEP_DAYS)
    )
    total = 0
    while (deleted := _delete_batch(old, batch_size)) > 0:
        total += deleted
    logger.info("schedule_runs_cleaned_up", runs=total)
    return total


def _delete_batch(old: Q, size: int) -> int:
    newest_first = ScheduleRun.objects.filter(periodic_task=OuterRef("periodic_task")).order_by("-due_at")
    last_kept = Subquery(
        newest_first.values("due_at")[LAST_RUNS_KEPT - 1 : LAST_RUNS_KEPT]
    )  # NULL where there are fewer
    ended = ScheduleRun.objects.filter(old, due_at__lt=last_kept).exclude(state__in=OPEN_STATES)
    ids = list(ended.values_list("pk", flat=True)[:size])
    return ScheduleRun.objects.filter(pk__in=ids).delete()[0]
