"""The next runs of a timing, with the clock changes in between: what a person sees before saving. Pure."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from styleguide_example.tasks.clock_changes import ClockChange, clock_changes
from styleguide_example.tasks.timing import Cron, When, due_times
from styleguide_example.tasks.words import cron_warnings, when_in_words

PREVIEW_RUNS = 5
_FAR = datetime.max.replace(tzinfo=ZoneInfo("UTC"))


@dataclass(frozen=True)
class PreviewRun:
    """One due time, and the clock changes between the one before and it."""

    at: datetime
    changes: list[ClockChange]


@dataclass(frozen=True)
class Preview:
    """A timing in words, what is odd about it, and its next runs, on two clocks: the schedule's and the viewer's."""

    in_words: str
    warnings: list[str]
    runs: list[PreviewRun]
    zone: str
    viewer_zone: str


def preview_make(when: When, *, now: datetime, viewer_zone: ZoneInfo) -> Preview:
    """Return the first :data:`PREVIEW_RUNS` runs after ``now``; none of a moment that has passed."""
    zone = ZoneInfo(when.time_zone) if isinstance(when, Cron) else viewer_zone
    runs = []
    before = now
    for due in islice(due_times(when, after=now, until=_FAR), PREVIEW_RUNS):
        changes = list(clock_changes(zone, after=before, until=due))
        runs.append(PreviewRun(at=due.astimezone(zone), changes=changes))
        before = due
    warnings = cron_warnings(when) if isinstance(when, Cron) else []
    return Preview(when_in_words(when), warnings, runs, zone=zone.key, viewer_zone=viewer_zone.key)
