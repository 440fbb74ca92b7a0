"""What the flows of jobs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from styleguide_example.common.tests.processes import Queue, Worker
from styleguide_example.jobs.tests.flows.workers import Workers
from styleguide_example.jobs.tests.work import work_known


@pytest.fixture
def workers(worker: Worker, queue: Queue, tmp_path: Path) -> Iterator[Workers]:
    """Worker processes on the test's database and broker; this process knows the same kinds."""
    running = Workers(worker.environment, tmp_path)
    with work_known():
        yield running
        running.stop()
