"""Fixtures for e-mail."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from styleguide_example.core.backoff import backoff_seconds
from styleguide_example.emails import attempts
from styleguide_example.emails.tests.sending import Send, send_alone, send_in_a_burst


@pytest.fixture(params=[send_alone, send_in_a_burst], ids=["alone", "in a burst"])
def send(request: pytest.FixtureRequest) -> Send:
    """Send one e-mail that is due. Whoever asks for this is called twice: what it says holds on both ways."""
    way: Send = request.param
    return way


@pytest.fixture(autouse=True)
def next_attempt_is_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jitter begins at nothing: now and then the next attempt was due before the test had looked (core/backoff.py)."""
    monkeypatch.setattr(attempts, "backoff_seconds", partial(backoff_seconds, uniform=lambda _, longest: longest))


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """What is really written, after everything that the settings put between."""
    (handler,) = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    lines = StringIO()
    former = handler.setStream(lines)
    yield lines
    handler.setStream(former)


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """What Celery does at the soft time limit: an exception out of a signal handler, in the main thread."""

    def reached(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    former = signal.signal(signal.SIGUSR1, reached)
    yield lambda: os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, former)
