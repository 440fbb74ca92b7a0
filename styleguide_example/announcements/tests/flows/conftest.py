"""What the drill needs: workers that are put back when they die, and a beat in quick motion."""

from collections.abc import Iterator

import pytest

from styleguide_example.announcements.tests.flows.helpers import Supervised
from styleguide_example.common.tests.processes import Worker


@pytest.fixture
def supervised(worker: Worker) -> Iterator[Supervised]:
    """Two workers on the test's database, broker and mail server; one that dies is replaced."""
    with Supervised(worker) as running:
        yield running
