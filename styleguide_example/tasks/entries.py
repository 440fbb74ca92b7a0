"""What an entry of the timetable is: plain data, checked when it is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority

_CRON_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


@dataclass(frozen=True)
class Cron:
    """A crontab line, in the order of cron(5), and the time zone in which it is meant."""

    line: str
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        parts = len(self.line.split())
        if parts != len(_CRON_FIELDS):
            raise ValueError(f"A crontab line has five parts, {self.line!r} has {parts}.")

    @property
    def fields(self) -> dict[str, str]:
        """The line's five parts under the names of ``CrontabSchedule``."""
        return dict(zip(_CRON_FIELDS, self.line.split(), strict=True))

    @property
    def link(self) -> str:
        """The page that explains the line: crontabs are otherwise unreadable."""
        return f"https://crontab.guru/#{quote('_'.join(self.line.split()), safe='*/,-')}"


@dataclass(frozen=True)
class Every:
    """An interval: for what must run more often than cron's minute."""

    interval: timedelta

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise ValueError(f"An interval is at least a second, not {self.interval}.")

    @property
    def seconds(self) -> int:
        """The interval in whole seconds."""
        return int(self.interval.total_seconds())


@dataclass(frozen=True)
class Entry:
    """One thing that runs by itself.

    Args:
        name: a human sentence; it is also the entry's identity in the database.
        task: the task object, so that a task that is gone cannot be scheduled.
        when: :class:`Cron`, or :class:`Every` where a minute is too long.
        in_words: the English of ``when``.
        expires_seconds: a run that waited longer in the queue is dropped, for the next one does its work.
    """

    name: str
    task: WakeUpTask
    when: Cron | Every
    in_words: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority | None = None
    enabled: bool = True
    expires_seconds: int | None = None

    @property
    def description(self) -> str:
        """What an admin reads beside the schedule."""
        link = f" {self.when.link}" if isinstance(self.when, Cron) else ""
        return f"{self.in_words}.{link}"
