"""What every test of this app may assume."""

from collections.abc import Iterator

import pytest
from django.core.cache import caches

from styleguide_example.operations.counts import CACHE


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What a former test counted is forgotten."""
    caches[CACHE].clear()
    yield
    caches[CACHE].clear()
