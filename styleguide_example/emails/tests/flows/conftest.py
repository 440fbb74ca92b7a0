"""Short patience for real workers: what takes minutes in production takes seconds here."""

from typing import Any

import pytest

from styleguide_example.common.tests.processes import Worker


@pytest.fixture
def worker(worker: Worker) -> Worker:
    """A worker process whose leases, back-offs and pauses last seconds."""
    limits: dict[str, Any] = {
        "EMAIL_SENDING_LEASE_SECONDS": 3,
        "EMAIL_SENDING_BACKOFF_SECONDS": 1,
        "EMAIL_SENDING_WAKE_AGAIN_SECONDS": 0,
        "EMAIL_SLOW_DOWN_PAUSE_SECONDS": 0.2,
        "EMAIL_SLOW_DOWN_RECOVERY_SECONDS": 1,
        "EMAIL_TIMEOUT_SECONDS": 20,
        "CELERY_TASK_SOFT_TIME_LIMIT_SECONDS": 30,
        "CELERY_TASK_TIME_LIMIT_SECONDS": 40,
    }
    worker.environment |= {name: str(value) for name, value in limits.items()}
    return worker
