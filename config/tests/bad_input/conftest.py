"""What the doors share."""

import pytest

from config.django import base
from config.tests.test_production import COMPLETE


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a production, complete."""
    for name, value in {**COMPLETE, "DJANGO_DEBUG": "False", "LOG_FORMAT": "json"}.items():
        monkeypatch.setenv(name, value)
    # These, production takes from the base settings, which this process has read already.
    monkeypatch.setattr(base, "SECRET_KEY", COMPLETE["SECRET_KEY"])
    monkeypatch.setattr(base, "APP_BASE_URL", COMPLETE["APP_BASE_URL"])
