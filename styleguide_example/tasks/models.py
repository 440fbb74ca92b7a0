"""What django-celery-beat has no column for: who owns a schedule, its policies, its runs, beats and workers."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.models import BaseModel, LeasedModel
from styleguide_example.tasks.enums import OPEN_STATES, MissedRuns, Overlap, RunState, RunTrigger


class TimetableEntry(BaseModel):
    """A schedule that the timetable wrote, and what the timetable said when it was last applied.

    A row of ``PeriodicTask`` without one of these belongs to an admin, and the sync never touches it. With
    ``applied`` the sync has all three sides of a merge: code now, code as last applied, database now.
    """

    periodic_task = models.OneToOneField(PeriodicTask, on_delete=models.CASCADE, related_name="timetable_entry")
    name = models.CharField(
        max_length=200, unique=True, help_text="The name in code. An admin may call the schedule otherwise."
    )
    formerly = models.JSONField(
        default=list, editable=False, help_text="Names in code that it had before: a deploy may be rolled back."
    )
    applied = models.JSONField()

    class Meta:
        verbose_name_plural = "timetable entries"

    def __str__(self) -> str:
        return self.name


#: In ``Schedule.decided_for``: it got another timing, or was enabled, at ``decided_until``, and counts from then on.
BEGINS_ANEW = "anew"


class Schedule(BaseModel):
    """The other half of a ``PeriodicTask``: its policies, and how far beat has decided its due times.

    Made by the sync or the admin with the row, and by beat for a row that came another way.
    """

    periodic_task = models.OneToOneField(
        PeriodicTask, on_delete=models.CASCADE, primary_key=True, related_name="policies"
    )
    jitter_seconds = models.PositiveIntegerField(
        default=0,
        help_text="Runs start up to so many seconds after their due time; how many is fixed for this installation.",
    )
    overlap = models.CharField(max_length=10, choices=Overlap, default=Overlap.ALLOW)
    missed_runs = models.CharField(max_length=10, choices=MissedRuns, default=MissedRuns.RUN_ONCE)
    grace_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="A missed run is made up for within so many seconds. Empty: however late."
    )
    disabled_reason = models.CharField(max_length=200, blank=True)
    disabled_until = models.DateTimeField(
        null=True, blank=True, help_text="Beat enables the schedule again at this time."
    )
    # -- the sync's own, of an entry that left the timetable with an admin's edits: by them it is found again --
    left_as = models.CharField(max_length=200, blank=True, editable=False)
    left_applied = models.JSONField(null=True, editable=False)
    # -- beat's own --
    decided_until = models.DateTimeField(
        null=True, editable=False, help_text="Every due time up to here was fired, skipped or missed."
    )
    decided_for = models.TextField(
        blank=True, editable=False, help_text="The timing that this holds for; empty while the schedule is disabled."
    )
    overdue_logged_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"Policies of schedule {self.periodic_task_id}"


class ScheduleRun(LeasedModel):
    """One due time of one schedule, and what became of it. Written before its message; the message only wakes a worker.

    The id is the Celery task's id. ``woken_at`` is when the message was sent, the lease is the worker's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    periodic_task = models.ForeignKey(PeriodicTask, on_delete=models.CASCADE, related_name="runs", db_index=False)
    due_at = models.DateTimeField(help_text="The due time itself, without jitter.")
    trigger = models.CharField(max_length=10, choices=RunTrigger, default=RunTrigger.SCHEDULE)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=RunState, default=RunState.WAITING)
    covers = models.PositiveIntegerField(default=0, help_text="Earlier due times that this one stands for.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Not started by then, it is not started at all.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=255, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["periodic_task", "due_at"], name="schedule_run_once_per_due_time")
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(state__in=OPEN_STATES), name="schedule_run_open"),
            models.Index(fields=["due_at"], name="schedule_run_due_at"),
        ]
        permissions: ClassVar = [("run_schedule", "Can run a schedule now")]

    def __str__(self) -> str:
        return f"{self.periodic_task_id} at {self.due_at:%Y-%m-%d %H:%M:%S} UTC: {self.state}"


class BeatLeader(LeasedModel):
    """The one row whose lease makes a beat the leader."""

    name = models.CharField(max_length=20, primary_key=True)

    def __str__(self) -> str:
        return self.lease_owner or "nobody"


class Worker(models.Model):
    """A worker that says every few seconds that it lives. For people to look at: nothing depends on it.

    ``docs/decisions/0011``. The times are the database's.
    """

    name = models.CharField(max_length=255, unique=True, help_text="Celery's name of the node, as in celery@host.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    processes = models.PositiveIntegerField(help_text="How many tasks it can do at once.")
    active = models.JSONField(default=list, help_text="The name and the id of each task that it does.")

    def __str__(self) -> str:
        return self.name
