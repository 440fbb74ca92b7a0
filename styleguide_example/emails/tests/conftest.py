"""Fixtures for e-mail."""

import logging
from collections.abc import Iterator
from io import StringIO

import pytest


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """What is really written, after everything that the settings put between."""
    (handler,) = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    lines = StringIO()
    former = handler.setStream(lines)
    yield lines
    handler.setStream(former)
