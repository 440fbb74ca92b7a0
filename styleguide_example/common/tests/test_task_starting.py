"""The gate before a task's body, which upper floors connect to."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import states
from celery.app.trace import trace_task
from celery.exceptions import Ignore

from styleguide_example.common.tests.brokers import app_for, task_of
from styleguide_example.common.wakeups import WakeUpTask, task_starting


@pytest.fixture
def task() -> Iterator[WakeUpTask]:
    with app_for("redis://127.0.0.1:1/0") as app:
        yield task_of(app)


def _start(task: WakeUpTask) -> str:
    """The state in which a worker's process ends the task."""
    trace: Any = trace_task
    result = trace(task, "the-id", (), {}, {"id": "the-id", "is_eager": False}, app=task.app)
    info = result.info
    return str(info.state) if info is not None else states.SUCCESS


@pytest.mark.django_db  # the gates of upper floors look at their rows
class TestTaskStarting:
    def test_tells_which_task(self, task: WakeUpTask) -> None:
        heard: list[Any] = []

        def listen(sender: Any, **_: Any) -> None:
            heard.append((sender, sender.request.id))

        task_starting.connect(listen)
        try:
            assert _start(task) == states.SUCCESS
        finally:
            task_starting.disconnect(listen)
        assert heard == [(task, "the-id")]

    def test_lets_a_receiver_keep_the_body_from_running(self, task: WakeUpTask) -> None:
        def refuse(sender: Any, **_: Any) -> None:
            raise Ignore

        task_starting.connect(refuse)
        try:
            assert _start(task) == states.IGNORED
        finally:
            task_starting.disconnect(refuse)

    def test_fails_the_task_when_a_receiver_fails(self, task: WakeUpTask) -> None:
        """The database is away: nobody knows whether there is anything to do, so nothing is done."""

        def fail(sender: Any, **_: Any) -> None:
            raise ConnectionError

        task_starting.connect(fail)
        try:
            assert _start(task) == states.FAILURE
        finally:
            task_starting.disconnect(fail)

    def test_is_no_matter_of_a_call_in_place(self, task: WakeUpTask) -> None:
        def refuse(sender: Any, **_: Any) -> None:
            raise Ignore

        task_starting.connect(refuse)
        try:
            task()
        finally:
            task_starting.disconnect(refuse)
