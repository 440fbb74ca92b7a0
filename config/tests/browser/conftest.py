"""A browser for the tests of one module."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from styleguide_example.common.tests.browsers import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Each test has a context of its own in it."""
    with chromium() as running:
        yield running
