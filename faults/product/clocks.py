"""A beat whose clock shows what a file says, so that a year's clock changes pass in seconds.

Its own clock alone: leases, claims and the mail go by the database's, as always.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from styleguide_example.tasks.scheduler import LeasedScheduler

#: How often it looks at the file.
LOOK_SECONDS = 0.05


def clock_read() -> datetime:
    """Return the moment that the file names; the clock stands still there until it names another."""
    return datetime.fromisoformat((Path(settings.VAR_DIR) / "clock").read_text())


class MovedScheduler(LeasedScheduler):
    """For ``celery beat --scheduler``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, clock=clock_read, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """What is far away by the clock may be near in a moment."""
        return min(super().tick(*args, **kwargs), LOOK_SECONDS)
