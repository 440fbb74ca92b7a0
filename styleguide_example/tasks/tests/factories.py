"""Entries for tests, and what a sync made of them."""

from datetime import timedelta
from typing import Any

from celery import Celery
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
)

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.emails.tasks import email_sweep
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.models import Schedule, ScheduleRun, TimetableEntry
from styleguide_example.tasks.timing import Every

#: An app of its own, so that no worker and no guard meets its task.
_app = Celery("tests", task_cls=WakeUpTask, set_as_current=False)


@_app.task(name="tests.anything", shared=False, schedulable=True)
def anything(*, a: object = None, b: object = None) -> None:
    """A task with arguments."""


def entry_make(name: str = "Sweep", /, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "task": email_sweep,
        "when": Every(timedelta(seconds=10)),
        "in_words": "Every 10 seconds",
        **changes,
    }
    return Entry(name=name, **fields)


def by_hand(name: str = "By hand", **columns: Any) -> PeriodicTask:
    """A schedule that an admin wrote."""
    interval = IntervalSchedule.objects.create(every=3, period=IntervalSchedule.HOURS)
    return PeriodicTask.objects.create(name=name, task="x", interval=interval, **columns)


def rows_read() -> list[dict[str, Any]]:
    """Everything that a sync may touch."""
    schedules: tuple[Any, ...] = (CrontabSchedule, IntervalSchedule, ClockedSchedule)
    models: tuple[Any, ...] = (PeriodicTask, PeriodicTasks, TimetableEntry, Schedule, ScheduleRun, *schedules)
    return [row for model in models for row in model.objects.order_by("pk").values()]
