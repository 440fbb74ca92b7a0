"""Writes what a person edited in a schedule. Beat's own columns stay, but for from when another timing counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks.models import BEGINS_ANEW, Schedule
from styleguide_example.tasks.timing import When
from styleguide_example.tasks.timing_rows import TIMING, timings_save, when_read


@transaction.atomic
def schedule_save(
    *, periodic_task: PeriodicTask, columns: Sequence[str], when: When, policies: Mapping[str, Any]
) -> PeriodicTask:
    """Write these ``columns`` of ``periodic_task``, its timing and its policies, all or nothing. Returns it.

    The rows of timings are shared by schedules, so one is found or created and never edited; a timing of the same
    meaning keeps its row, and what beat has decided. Another one counts from now on, by the database's clock.
    ``last_run_at`` and ``total_run_count`` stay as they are. A running beat is told.

    Raises:
        django.core.exceptions.ValidationError: for columns that contradict each other.
    """
    timing = {} if _is_timed_so(periodic_task, when) else timings_save([when])[str(when)]
    for name, value in timing.items():
        setattr(periodic_task, name, value)
    if periodic_task.pk is None:
        periodic_task.save()
    else:
        # Named, because beat may have counted a run since the row was read, and because `save()` of a disabled one
        # would forget when it last ran (django_celery_beat/models.py).
        periodic_task.save(update_fields=[*columns, *timing, "date_changed"])
    begins: dict[str, Any] = {"decided_until": Now(), "decided_for": BEGINS_ANEW} if timing else {}
    Schedule.objects.update_or_create(periodic_task=periodic_task, defaults={**policies, **begins})
    return periodic_task


def _is_timed_so(row: PeriodicTask, when: When) -> bool:
    if not any(getattr(row, name) for name in TIMING):
        return False
    try:
        return str(when_read(row)) == str(when)
    except ValueError:
        return False
