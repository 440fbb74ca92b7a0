"""What the tests of the API share."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def reads_counted_anew() -> Iterator[None]:
    """The cache is not rolled back with the test."""
    cache.clear()
    yield
    cache.clear()
