"""Tasks that exist for one test only: registered inside the block, gone after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.tasks.celery import app as celery_app


@contextmanager
def task_registered(body: Callable[..., Any], **options: Any) -> Iterator[WakeUpTask]:
    """The task ``tests.<name of body>``, known to Celery inside this block."""
    name = f"tests.{body.__name__}"
    register: Any = celery_app.task(name=name, base=WakeUpTask, shared=False, lazy=False, **options)
    task = register(body)
    assert isinstance(task, WakeUpTask)
    try:
        yield task
    finally:
        del celery_app.tasks[name]
