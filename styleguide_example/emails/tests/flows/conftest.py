"""Short patience for real workers: what takes minutes in production takes seconds here, but for the leases.

One that is lost because the machine paused leaves a row that nobody brings back, or an attempt too many. Where it has
to run out, the test says so: at once (``leases_run_out``), or by itself, with a short one of its own.
"""

from typing import Any

import pytest

from styleguide_example.common.tests.processes import Worker
from styleguide_example.emails.tests.flows.ways import Alone, InABurst, Way


@pytest.fixture
def worker(worker: Worker) -> Worker:
    """A worker process whose back-offs, bursts and pauses last seconds."""
    limits: dict[str, Any] = {
        "EMAIL_SENDING_LEASE_SECONDS": 60,
        "EMAIL_SENDING_BACKOFF_SECONDS": 1,
        "EMAIL_SENDING_WAKE_AGAIN_SECONDS": 0,
        "EMAIL_SENDING_BURST_SECONDS": 1,
        "EMAIL_SENDING_CONNECTIONS": 4,
        "EMAIL_SLOW_DOWN_PAUSE_SECONDS": 0.2,
        "EMAIL_SLOW_DOWN_RECOVERY_SECONDS": 1,
        "EMAIL_TIMEOUT_SECONDS": 20,
        "CELERY_TASK_SOFT_TIME_LIMIT_SECONDS": 30,
        "CELERY_TASK_TIME_LIMIT_SECONDS": 40,
    }
    worker.environment |= {name: str(value) for name, value in limits.items()}
    return worker


@pytest.fixture(params=[Alone, InABurst], ids=["alone", "in a burst"])
def way(request: pytest.FixtureRequest, worker: Worker) -> Way:
    """How e-mails are asked for. What a test with this says holds on both ways."""
    chosen: Way = request.param()
    worker.environment |= chosen.settings
    return chosen
