"""The few figures at the top of the dashboard: each says in a sign and a word whether all is well."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse

from styleguide_example.operations.outcomes import Series
from styleguide_example.operations.standings import Line, Standings
from styleguide_example.tasks.selectors import Schedule, WorkerSeen
from styleguide_example.tasks.words import duration_in_words

_SYMBOLS = {"go": "\N{CHECK MARK}", "bad": "\N{BALLOT X}", "hold": "!", "off": "\N{EN DASH}"}


@dataclass(frozen=True)
class Tile:
    """A figure, what it counts, a verdict in words, and the page with more. ``look`` is the verdict's colour."""

    title: str
    figure: str
    look: str
    verdict: str
    url: str = ""

    @property
    def symbol(self) -> str:
        """Beside the colour, which not everybody sees."""
        return _SYMBOLS[self.look]


def email_tiles(due: Sequence[Line], hours: Series, minutes: Series) -> Iterator[Tile]:
    """How many are due, and how many failed for good."""
    yield due_tile("E-mails due", due, reverse("admin:emails_email_changelist") + "?status__exact=sending")
    failed, today = minutes.totals["failed"], hours.totals["failed"]
    yield Tile(
        title="Failed in the last hour",
        figure=f"{failed:,}",
        look="bad" if failed else "go",
        verdict=f"{today:,} in the last day",
        url=reverse("admin:emails_email_changelist") + "?status__exact=failed",
    )


def due_tile(title: str, due: Sequence[Line], url: str) -> Tile:
    """How many are due in all, and whether the oldest has waited for too long."""
    look, verdict = _verdict(due)
    paused = sum(line.paused for line in due)
    said = f"{verdict}, {paused:,} paused" if paused else verdict
    return Tile(title=title, figure=f"{sum(line.count for line in due):,}", look=look, verdict=said, url=url)


def _verdict(due: Sequence[Line]) -> tuple[str, str]:
    """Of all of them the worst."""
    oldest = max((line for line in due if line.count), key=lambda line: line.seconds, default=None)
    if oldest is None:
        return "go", "nothing waits"
    verdict = f"the oldest {duration_in_words(timedelta(seconds=oldest.seconds))}"
    if any(line.is_too_old for line in due):
        return "bad", f"{verdict}: too old"
    if busy := [line for line in due if line.is_busy]:
        return "hold", backlog_in_words(busy[-1])
    return "go", verdict


def backlog_in_words(line: Line) -> str:
    """As in "a backlog: 600 a minute, about 10 min left"."""
    left = duration_in_words(timedelta(minutes=line.minutes_left))
    return f"a backlog: {line.a_minute:,} a minute, about {left} left"


def worker_tiles(workers: Sequence[WorkerSeen], standings: Standings) -> Iterator[Tile]:
    """How many workers live, and whether a beat leads."""
    alive = [worker for worker in workers if not worker.is_silent]
    silent = len(workers) - len(alive)
    busy = sum(len(worker.active) for worker in alive)
    tasks = "1 task" if busy == 1 else f"{busy} tasks"
    verdict = f"{silent} fell silent" if silent else f"at work on {tasks}"
    look = "bad" if not alive else "hold" if silent else "go"
    yield Tile("Workers alive", str(len(alive)), look, verdict if workers else "start one")
    leads = standings.beat is not None
    yield Tile("Beats that lead", str(int(leads)), "go" if leads else "bad", standings.beat or "start one")


def schedules_tile(overdue: Sequence[Schedule]) -> Tile:
    """How many schedules should have run and did not."""
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    verdict = "look at workers and beats" if overdue else "all run in time"
    return Tile("Schedules overdue", str(len(overdue)), "bad" if overdue else "go", verdict, url)


def suppressions_tile(standings: Standings) -> Tile:
    """How many addresses get no e-mail that is written to many."""
    url = reverse("admin:emails_suppression_changelist")
    verdict = f"{standings.suppressed_new:,} since yesterday"
    return Tile("Suppressed addresses", f"{sum(standings.suppressed.values()):,}", "off", verdict, url)
