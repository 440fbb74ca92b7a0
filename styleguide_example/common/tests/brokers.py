"""Brokers as a task sees them: apps with the project's settings for any URL, and what lies in their queues."""

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Celery
from kombu import Message

from styleguide_example.common.tests.processes import ROOT
from styleguide_example.common.wakeups import WakeUpTask, broker_pause_end


@contextmanager
def app_for(broker_url: str) -> Iterator[Celery]:
    """A Celery app of its own, with the settings that the project has when ``CELERY_BROKER_URL`` is this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CELERY_BROKER_URL", broker_url)
        settings = runpy.run_path(str(ROOT / "config" / "settings" / "celery.py"))
        app: Celery = Celery("test", task_cls=WakeUpTask, set_as_current=False, fixups=[])
        app.conf.update(
            {
                name.removeprefix("CELERY_").lower(): value
                for name, value in settings.items()
                if name.startswith("CELERY_")
            }
        )
        broker_pause_end()
        yield app
        app.close()
        broker_pause_end()


def task_of(app: Celery, **options: Any) -> WakeUpTask:
    """A task of this app alone, which does nothing."""

    def nothing(*args: Any, **kwargs: Any) -> None: ...

    register: Any = app.task(name="test.nothing", shared=False, **options)
    register(nothing)
    task = app.tasks["test.nothing"]
    assert isinstance(task, WakeUpTask)
    return task


def messages_take(app: Celery) -> list[Message]:
    """Take all messages out of the app's queue, in the order in which a worker would get them."""
    with app.connection_for_read() as connection:
        queue: Any = app.amqp.queues[app.conf.task_default_queue](connection.default_channel)
        queue.declare()
        return list(iter(lambda: queue.get(no_ack=True), None))


def message_priority(message: Message) -> int:
    """Return the number that travelled with ``message``."""
    properties: Any = message.properties
    number = properties.get("priority", (properties.get("delivery_info") or {}).get("priority"))
    return int(number)
