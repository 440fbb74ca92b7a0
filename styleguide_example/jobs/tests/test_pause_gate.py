"""The gate through which every task goes."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import states
from celery.app.trace import trace_task
from django.conf import settings as django_settings
from kombu import Queue
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common.tests.brokers import app_for, task_of
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.models import Pause
from styleguide_example.jobs.pauses import job_pause
from styleguide_example.jobs.services import job_resume
from styleguide_example.jobs.tests.factories import kind_known

pytestmark = pytest.mark.django_db(transaction=True)  # Celery looks at the connection before each task

DEFAULT = django_settings.CELERY_TASK_DEFAULT_QUEUE


@pytest.fixture
def slow_queue(settings: Settings) -> str:
    settings.CELERY_TASK_QUEUES = [Queue("slow")]
    return "slow"


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"):
        yield


class TestPauseGate:
    @pytest.fixture
    def task(self) -> Iterator[WakeUpTask]:
        with app_for("redis://127.0.0.1:1/0") as app:
            yield task_of(app)

    @staticmethod
    def _start(task: WakeUpTask, queue: str | None) -> str:
        """The state in which a worker's process ends the task whose message came from ``queue``."""
        trace: Any = trace_task
        request = {"id": "the-id", "is_eager": False, "delivery_info": {"exchange": "", "routing_key": queue}}
        info = trace(task, "the-id", (), {}, request, app=task.app).info
        return states.SUCCESS if info is None else str(info.state)

    def test_lets_every_task_through_when_nothing_is_paused(self, task: WakeUpTask) -> None:
        assert self._start(task, DEFAULT) == states.SUCCESS

    def test_holds_back_what_came_from_a_paused_queue(self, task: WakeUpTask) -> None:
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        assert self._start(task, DEFAULT) == states.IGNORED
        assert self._start(task, "slow") == states.SUCCESS

    def test_lets_it_through_again_when_it_is_resumed(self, task: WakeUpTask) -> None:
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        job_resume(scope=Scope.QUEUE, name=DEFAULT)
        assert self._start(task, DEFAULT) == states.SUCCESS

    def test_honours_the_end_of_a_pause_at_once(self, task: WakeUpTask) -> None:
        """What a worker believed a second ago must not drop the messages that the resume has just sent."""
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        assert self._start(task, DEFAULT) == states.IGNORED
        Pause.objects.all().delete()  # by another process
        assert self._start(task, DEFAULT) == states.SUCCESS

    def test_asks_the_database_no_more_than_once_in_two_seconds_when_nothing_is_paused(
        self, task: WakeUpTask, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        now = 1000.0
        monkeypatch.setattr("styleguide_example.jobs.pauses.time.monotonic", lambda: now)
        with django_assert_num_queries(1):
            for _ in range(10):
                self._start(task, DEFAULT)
                now += 0.19
        now += 0.11
        with django_assert_num_queries(1):
            self._start(task, DEFAULT)

    def test_lets_the_engine_room_go_on(self, task: WakeUpTask, monkeypatch: pytest.MonkeyPatch) -> None:
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        monkeypatch.setattr(type(task), "default_priority", Priority.RESERVED)
        assert self._start(task, DEFAULT) == states.SUCCESS

    def test_knows_a_queue_whose_routing_key_is_another_name(self, task: WakeUpTask, slow_queue: str) -> None:
        task.app.amqp.queues.add(Queue("slow", routing_key="tortoise"))
        job_pause(scope=Scope.QUEUE, name="slow")
        assert self._start(task, "tortoise") == states.IGNORED

    def test_is_no_matter_of_a_task_that_is_called_in_place(self, task: WakeUpTask) -> None:
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        assert task.apply().state == states.SUCCESS

    def test_leaves_kinds_to_the_claim_of_the_job(self, task: WakeUpTask) -> None:
        job_pause(scope=Scope.KIND, name="count")
        assert self._start(task, DEFAULT) == states.SUCCESS
