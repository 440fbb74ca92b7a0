"""The database's clock, kept between two looks at it."""

import time
from datetime import datetime, timedelta

from django.db.models.functions import Now

from styleguide_example.tasks.models import BeatLeader


class DatabaseClock:
    """Tells the database's time without asking each time (*One clock*, ``common/leases.py``).

    Two beats agree on it, and a jump of this machine's own clock does not move it: between two looks the monotonic
    clock goes on. Never ahead of the database, so that what is written as due can be claimed at once.
    """

    def __init__(self) -> None:
        self._read_at: datetime | None = None
        self._monotonic = 0.0

    def read(self) -> None:
        """Look at the database's clock. One query; the leader's row must be there."""
        self._read_at = BeatLeader.objects.annotate(now=Now()).values_list("now", flat=True)[0]
        self._monotonic = time.monotonic()

    def now(self) -> datetime:
        """Return the time, with its time zone."""
        if self._read_at is None:
            self.read()
        assert self._read_at is not None  # noqa: S101  for the type checker
        return self._read_at + timedelta(seconds=time.monotonic() - self._monotonic)
