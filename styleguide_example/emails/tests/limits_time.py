"""Time for tests of limits: it passes when the test says so, for the database and for what processes believe of it."""

import uuid
from datetime import timedelta

from django.db.models import F

from styleguide_example.emails.limits import Gate
from styleguide_example.emails.models import ConnectionLease, SendingPace


class Time:
    """Hands out gates, each of a process of its own, and lets time pass for all of them."""

    def __init__(self) -> None:
        self._passed = 0.0

    def gate(self) -> Gate:
        """A process that knows nothing yet."""
        return Gate(uuid.uuid4(), monotonic=self.monotonic)

    def monotonic(self) -> float:
        """Stands still in between, however busy the machine is."""
        return 1000.0 + self._passed

    def passes_here(self, seconds: float) -> None:
        """For the processes alone."""
        self._passed += seconds

    def passes(self, seconds: float) -> None:
        """The database's clock cannot be moved, so what it wrote down moves the other way."""
        self.passes_here(seconds)
        distance = timedelta(seconds=seconds)
        SendingPace.objects.update(
            next_free_at=F("next_free_at") - distance,
            paused_until=F("paused_until") - distance,
            changed_at=F("changed_at") - distance,
        )
        ConnectionLease.objects.update(expires_at=F("expires_at") - distance)
