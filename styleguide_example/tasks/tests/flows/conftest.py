"""What the flows of beat share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from styleguide_example.common.tests.processes import Queue, Worker
from styleguide_example.tasks.tests.flows.beat_processes import Beats


@pytest.fixture
def beats(worker: Worker, queue: Queue, tmp_path: Path) -> Iterator[Beats]:
    running = Beats(worker.environment, tmp_path / "bodies")
    yield running
    running.stop()
