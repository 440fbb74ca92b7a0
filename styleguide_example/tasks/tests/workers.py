"""A worker's process without the process: takes the messages of the broker and does them as a worker does."""

from datetime import datetime
from typing import Any

from celery.app.trace import trace_task
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from kombu import Message

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun

HOSTNAME = "worker@test"


def message_work(message: Message, *, hostname: str = HOSTNAME) -> None:
    """Do what the message says, errors and all."""
    headers: dict[str, Any] = dict(message.headers)
    payload: Any = message.payload
    args, kwargs, embed = payload
    task: Any = celery_app.tasks[headers["task"]]
    request = {**headers, **embed, "args": args, "kwargs": kwargs, "hostname": hostname, "is_eager": False}
    trace: Any = trace_task
    trace(task, headers["id"], args, kwargs, request, app=celery_app)


def messages_work() -> int:
    """Do all that wait now. Returns how many."""
    messages = messages_take(celery_app)
    for message in messages:
        message_work(message)
    return len(messages)


def run_make(row: PeriodicTask, *, due_at: datetime | None = None, **columns: Any) -> ScheduleRun:
    """A run that waits for its worker, unless ``columns`` say otherwise."""
    now = timezone.now()
    return ScheduleRun.objects.create(
        **{"periodic_task": row, "due_at": due_at or now, "next_attempt_at": now, "state": RunState.WAITING, **columns}
    )
