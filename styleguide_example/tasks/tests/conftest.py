"""What every test of this app may assume."""

import pytest
from kombu import Queue
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _queues(settings: Settings) -> None:
    """Workers are told to take from a second queue, so that schedules may name it."""
    settings.CELERY_TASK_QUEUES = [Queue(settings.CELERY_TASK_DEFAULT_QUEUE), Queue("slow"), Queue("slower")]
