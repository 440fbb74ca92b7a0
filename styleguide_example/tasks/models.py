"""What code owns of the schedules in the database."""

from django.db import models
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.models import BaseModel


class TimetableEntry(BaseModel):
    """A schedule that the timetable wrote, and what the timetable said when it was last applied.

    A row of ``PeriodicTask`` without one of these belongs to an admin, and the sync never touches it. With
    ``applied`` the sync has all three sides of a merge: code now, code as last applied, database now.
    """

    periodic_task = models.OneToOneField(PeriodicTask, on_delete=models.CASCADE, related_name="timetable_entry")
    applied = models.JSONField()

    def __str__(self) -> str:
        return f"Timetable entry of {self.periodic_task_id}"
