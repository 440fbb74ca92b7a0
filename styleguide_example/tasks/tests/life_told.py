"""What a schedule says, and which due times it owes by that: in arithmetic of our own, not by the product's."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from styleguide_example.tasks.enums import MissedRuns, Overlap
from styleguide_example.tasks.timing import Cron, Every, When

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Timing:
    """A timing, its row, and the same in arithmetic: each ``period``, counted from ``offset`` after 1970."""

    when: When
    row: tuple[Any, ...]
    period: timedelta
    offset: timedelta = timedelta(0)

    def due(self, after: datetime, until: datetime) -> list[datetime]:
        """The due times in (``after``, ``until``]."""
        first, last = ((moment - EPOCH - self.offset) // self.period for moment in (after, until))
        return [EPOCH + self.offset + number * self.period for number in range(first + 1, last + 1)]

    def before(self, due: datetime, count: int) -> list[datetime]:
        """So many due times before ``due``, last to first."""
        return [due - number * self.period for number in range(1, count + 1)]


MINUTE = timedelta(minutes=1)
TIMINGS = {
    "often": Timing(Every(1.5 * MINUTE), (90, None, None, None), 1.5 * MINUTE),
    "five": Timing(Cron("*/5 * * * *"), (None, "*/5", "*", "UTC"), 5 * MINUTE),
    # 45 minutes ahead of every full hour of UTC.
    "hourly": Timing(Cron("0 * * * *", "Asia/Kathmandu"), (None, "0", "*", "Asia/Kathmandu"), 60 * MINUTE, 15 * MINUTE),
}


@dataclass(frozen=True)
class Kind:
    """What is never changed in a schedule."""

    overlap: Overlap = Overlap.ALLOW
    grace_seconds: int | None = None
    expires_seconds: int | None = None
    #: Each of its runs kills its worker.
    kills: bool = False

    def is_made_up_for(self, missed_runs: str, late: timedelta) -> bool:
        in_time = self.grace_seconds is None or late <= timedelta(seconds=self.grace_seconds)
        return missed_runs == MissedRuns.RUN_ONCE and in_time


@dataclass
class Told:
    """One schedule, as we know it. Its due times count after ``since``; of some, earlier ones may count too."""

    pk: int
    kind: Kind
    says: dict[str, Any]
    since: datetime
    since_maybe: datetime
    #: What the code said when it was last applied; None for an admin's own.
    applied: dict[str, Any] | None = None
    disabled_until: datetime | None = None
    #: Due times that were fired, or for which another one stands, or that were told to be missed or skipped.
    fired: set[datetime] = field(default_factory=set)
    covered: set[datetime] = field(default_factory=set)

    @property
    def timing(self) -> Timing:
        return TIMINGS[self.says["when"]]

    def owed(self, until: datetime) -> list[datetime]:
        """The due times of which nobody said anything."""
        if not self.says["enabled"]:
            return []
        return [due for due in self.timing.due(self.since, until) if due not in self.fired | self.covered]

    def change(self, now: datetime, **says: Any) -> None:
        """With another timing, or enabled again, it begins anew."""
        before = self.says
        self.says = before | says
        if any(before[name] != self.says[name] for name in ("when", "enabled")):
            self.since = self.since_maybe = now
