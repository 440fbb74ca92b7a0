"""What the admin's first page shows of the product: read at one moment, and only what the person may see."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from styleguide_example.operations.ages import Age, ages_make
from styleguide_example.operations.charts import Chart, chart_make
from styleguide_example.operations.failures import (
    GROUPS_SHOWN,
    TEXTS_MAX,
    FailureGroup,
    Failures,
    Source,
    failures_recent,
)
from styleguide_example.operations.outcomes import DAY_KEPT_SECONDS, DAYS, Series, outcomes_read
from styleguide_example.operations.standings import Standings, Topic, standings_read
from styleguide_example.operations.tiles import (
    Tile,
    due_tile,
    email_tiles,
    schedules_tile,
    suppressions_tile,
    worker_tiles,
)
from styleguide_example.operations.waits import Wait, waits_recent
from styleguide_example.tasks.selectors import Schedule, WorkerSeen, schedules_overdue, workers_seen

#: By panel: which rows one must be allowed to see.
PERMISSIONS = {
    "emails": "emails.view_email",
    "jobs": "jobs.view_job",
    "runs": "tasks.view_schedulerun",
    "schedules": "django_celery_beat.view_periodictask",
    "suppressions": "emails.view_suppression",
    "workers": "tasks.view_worker",
}
_TOPICS = {
    "emails": [Topic.EMAILS, Topic.EMAILS_ENDED],
    "jobs": [Topic.JOBS, Topic.JOBS_PAUSED],
    "workers": [Topic.BEAT],
    "suppressions": [Topic.SUPPRESSIONS, Topic.SUPPRESSIONS_NEW],
}
_SOURCES = {"emails": Source.EMAIL, "jobs": Source.JOB, "runs": Source.SCHEDULE}


@dataclass(frozen=True)
class Dashboard:
    """What was read at ``at``. What the person may not see is empty, and its panel is not in ``panels``."""

    at: datetime
    panels: Collection[str]
    standings: Standings
    series: list[Series] = field(default_factory=list)
    waits: Mapping[str, Wait] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)
    workers: list[WorkerSeen] = field(default_factory=list)
    overdue: list[Schedule] = field(default_factory=list)

    @property
    def charts(self) -> list[Chart]:
        """Minutes, hours, days."""
        return [chart_make(series) for series in self.series]

    @property
    def tiles(self) -> list[Tile]:
        """The figures at the top."""
        return list(self._tiles())

    @property
    def emails_due(self) -> list[Age]:
        """By priority."""
        return ages_make(self.standings.emails)

    @property
    def jobs_due(self) -> list[Age]:
        """By queue."""
        return ages_make(self.standings.jobs)

    @property
    def too_old_seconds(self) -> int:
        """Where the line stands."""
        return settings.OPERATIONS_DUE_TOO_OLD_SECONDS

    @property
    def failures_shown(self) -> Sequence[FailureGroup]:
        """The most frequent ones."""
        return self.failures.groups[:GROUPS_SHOWN]

    @property
    def failures_left_off(self) -> int:
        """How many more there are."""
        return max(len(self.failures.groups) - GROUPS_SHOWN, 0)

    @property
    def failure_texts_max(self) -> int:
        """How many texts of each source are read."""
        return TEXTS_MAX

    @property
    def has_failures_panel(self) -> bool:
        """Whether the person may see failures of anything."""
        return not set(_SOURCES).isdisjoint(self.panels)

    @property
    def kept_days(self) -> int | None:
        """From when the figures are, where the clean-up deletes e-mails before the charts end."""
        return settings.EMAIL_KEEP_ENDED_DAYS if settings.EMAIL_KEEP_ENDED_DAYS < DAYS else None

    @property
    def day_kept_hours(self) -> int:
        """So old the count of a day that is over may be."""
        return DAY_KEPT_SECONDS // 3600

    def _tiles(self) -> Iterator[Tile]:
        if "emails" in self.panels:
            yield from email_tiles(self.standings.emails, hours=self.series[1], minutes=self.series[0])
        if "jobs" in self.panels:
            yield due_tile("Jobs due", self.standings.jobs, reverse("admin:jobs_job_changelist"))
        if "workers" in self.panels:
            yield from worker_tiles(self.workers, self.standings)
        if "schedules" in self.panels:
            yield schedules_tile(self.overdue)
        if "suppressions" in self.panels:
            yield suppressions_tile(self.standings)


def dashboard_make(*, user: Any) -> Dashboard | None:
    """Return what ``user`` may see, as it is now; None when that is nothing. Seven queries at most."""
    panels = [panel for panel, permission in PERMISSIONS.items() if user.has_perm(permission)]
    return dashboard_read(panels=panels, now=timezone.now()) if panels else None


def dashboard_read(*, panels: Collection[str], now: datetime, with_days: bool = True) -> Dashboard:
    """Return these panels, with days and times of the current time zone; ``with_days`` the last 30 days as well."""
    with_emails = "emails" in panels
    zone = ZoneInfo(timezone.get_current_timezone_name())
    return Dashboard(
        at=timezone.localtime(now),
        panels=panels,
        standings=standings_read([topic for panel in panels for topic in _TOPICS.get(panel, [])], now=now),
        series=outcomes_read(now=now, zone=zone if with_days else None) if with_emails else [],
        waits=waits_recent(now=now) if with_emails else {},
        failures=failures_recent([source for panel, source in _SOURCES.items() if panel in panels], now=now),
        workers=workers_seen() if "workers" in panels else [],
        overdue=schedules_overdue() if "schedules" in panels else [],
    )
