"""Fixtures for e-mail."""

import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from styleguide_example.emails.tests.sending import Send, send_alone, send_in_a_burst


@pytest.fixture(params=[send_alone, send_in_a_burst], ids=["alone", "in a burst"])
def send(request: pytest.FixtureRequest) -> Send:
    """Send one e-mail that is due. Whoever asks for this is called twice: what it says holds on both ways."""
    way: Send = request.param
    return way


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """What is really written, after everything that the settings put between."""
    (handler,) = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    lines = StringIO()
    former = handler.setStream(lines)
    yield lines
    handler.setStream(former)
