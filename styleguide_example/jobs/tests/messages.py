"""A worker's process without the process: takes the messages out of the broker and does them as a worker does."""

from typing import Any

from celery.app.trace import trace_task
from kombu import Message

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.jobs.models import Job
from styleguide_example.tasks.celery import app as celery_app

HOSTNAME = "worker@test"


def message_work(message: Message) -> None:
    """Do what the message says, errors and all."""
    headers: dict[str, Any] = dict(message.headers)
    payload: Any = message.payload
    args, kwargs, embed = payload
    task: Any = celery_app.tasks[headers["task"]]
    request = {**headers, **embed, "args": args, "kwargs": kwargs, "hostname": HOSTNAME, "is_eager": False}
    trace: Any = trace_task
    trace(task, headers["id"], args, kwargs, request, app=celery_app)


def messages_work() -> int:
    """Do all that wait now. Returns how many."""
    messages = messages_take(celery_app)
    for message in messages:
        message_work(message)
    return len(messages)


def message_ids() -> list[str]:
    """Take all messages out, and return the ids of the jobs that they are about, in the order of a worker."""
    return [str(message.headers["id"]) for message in messages_take(celery_app)]


def read(job: Job) -> Job:
    """The job as its row is now."""
    return Job.objects.get(pk=job.pk)
