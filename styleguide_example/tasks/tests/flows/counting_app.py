"""The project's app and one more task, whose body leaves a line for each time it ran: ``celery -A`` of these tests."""

import os

from celery import current_task

from styleguide_example.tasks.celery import app

__all__ = ["app"]

TICK = "tests.tick"


@app.task(name=TICK, schedulable=True)
def tick(*, path: str) -> None:
    """Append the run's id: one write, so that two workers do not mix their lines."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{current_task.request.id}\n".encode())
    finally:
        os.close(file)
