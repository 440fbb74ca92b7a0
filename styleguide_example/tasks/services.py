"""The one door to schedules: other apps, the admin and the commands call these."""

from datetime import datetime
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from styleguide_example.tasks import runs
from styleguide_example.tasks.edits import schedule_save
from styleguide_example.tasks.enums import Overlap
from styleguide_example.tasks.exceptions import ScheduleNotRunError
from styleguide_example.tasks.models import BEGINS_ANEW, BeatLeader, Schedule, ScheduleRun
from styleguide_example.tasks.sync import periodic_tasks_plan, periodic_tasks_rebuild, periodic_tasks_sync

__all__ = [
    "periodic_tasks_plan",
    "periodic_tasks_rebuild",
    "periodic_tasks_sync",
    "schedule_disable",
    "schedule_enable",
    "schedule_run_now",
    "schedule_save",
]


@transaction.atomic
def schedule_run_now(*, periodic_task: PeriodicTask, requested_by: Any = None) -> ScheduleRun:
    """Run a schedule once, besides its due times, whether it is enabled or not.

    Writes the run and wakes a worker after the commit, with the schedule's priority, queue, headers and expiry; a lost
    message is sent again. Changes neither when the schedule is due next nor ``last_run_at``.

    Raises:
        ScheduleNotRunError: when no task of that name may be scheduled, or when the schedule does not
            overlap and its last run has not ended.
    """
    # Neither two clicks at once nor beat beside them may find that nothing runs: beat fires with its own row locked.
    list(BeatLeader.objects.select_for_update().order_by("pk"))
    row = PeriodicTask.objects.select_for_update(no_key=True).filter(pk=periodic_task.pk).first()
    if row is None:
        raise ScheduleNotRunError(f"{periodic_task.name!r} was not run: it was deleted meanwhile.")
    if not getattr(current_app.tasks.get(row.task), "schedulable", False):
        raise ScheduleNotRunError(
            f"{row.name!r} was not run: no task {row.task!r} may be scheduled. Choose another task."
        )
    policies, _ = Schedule.objects.get_or_create(periodic_task=row)
    if policies.overlap == Overlap.SKIP and runs.is_going(periodic_task=row):
        raise ScheduleNotRunError(
            f"{row.name!r} was not run: its last run has not ended, and it does not overlap. Try again then."
        )
    run = runs.run_now(periodic_task=row, expires_seconds=row.expire_seconds, requested_by=requested_by)
    run.refresh_from_db()  # the times are the database's
    transaction.on_commit(lambda: runs.runs_publish([runs.Published(run.pk, row)]))
    return run


@transaction.atomic
def schedule_enable(*, periodic_task: PeriodicTask) -> bool:
    """Let beat fire the schedule again, from now on. Returns False when it was enabled already.

    Due times that passed while it was disabled are not made up for. Beat honours it within seconds.
    """
    PeriodicTasks.update_changed()  # first, as everybody does: two that lock in different orders lock each other out
    rows = PeriodicTask.objects.filter(pk=periodic_task.pk, enabled=False)
    enabled = rows.update(enabled=True, date_changed=Now())
    if enabled:  # beat counts from here, however late it notices
        begins = {"decided_until": Now(), "decided_for": BEGINS_ANEW}
        Schedule.objects.update_or_create(periodic_task=periodic_task, defaults=begins)
    Schedule.objects.filter(pk=periodic_task.pk).update(disabled_reason="", disabled_until=None)
    return bool(enabled)


@transaction.atomic
def schedule_disable(*, periodic_task: PeriodicTask, reason: str = "", until: datetime | None = None) -> bool:
    """Keep beat from firing the schedule, until a time or for good. Returns False when it was disabled, or deleted.

    What waits or runs goes on. When and how often it has run stays (``PeriodicTask.save()`` would forget it). Called
    again, it changes reason and time.
    """
    PeriodicTasks.update_changed()
    rows = PeriodicTask.objects.select_for_update(no_key=True).filter(pk=periodic_task.pk)
    if not rows:  # it was deleted meanwhile
        return False
    disabled = rows.filter(enabled=True).update(enabled=False, date_changed=Now())
    Schedule.objects.update_or_create(
        periodic_task=periodic_task,
        # What is decided holds for no timing any more, even when no beat looks before it is enabled again.
        defaults={"disabled_reason": reason, "disabled_until": until, "decided_for": ""},
    )
    return bool(disabled)
