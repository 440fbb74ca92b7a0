"""A job in a person's words: how it stands, how far it is, how fast, how long still."""

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.text import Truncator

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import Chain, kind_title

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STRIP_WIDTH = 1000
_LINE_LENGTH_MAX = 80
_STRIP_PART_MIN = 8  # one failed part of ten thousand can still be seen


@dataclass(frozen=True)
class Look:
    """A state as a person sees it. Never by its colour alone."""

    name: str
    symbol: str
    word: str


WAITING = Look("waiting", "○", "Waiting")
AGAIN = Look("waiting", "↻", "Waiting for another try")
RUNNING = Look("running", "▶", "Running")
STOPPING = Look("stopping", "◼", "Stopping")
DONE = Look("done", "✓", "Done")
FAILED = Look("failed", "✕", "Failed")
CANCELLED = Look("cancelled", "⊘", "Cancelled")

_LOOKS = {
    JobState.PENDING: WAITING,
    JobState.RETRY: AGAIN,
    JobState.STARTED: RUNNING,
    JobState.PROGRESS: RUNNING,
    JobState.SUCCESS: DONE,
    JobState.FAILURE: FAILED,
    JobState.REVOKED: CANCELLED,
}


@dataclass(frozen=True)
class Part:
    """One colour of a batch's strip. ``x`` and ``width`` are thousandths."""

    look: Look
    count: str
    x: int
    width: int


@dataclass(frozen=True)
class Event:
    """Something that happened to a job, or will: ``at`` is None where nobody wrote down when."""

    word: str
    at: datetime | None
    detail: str = ""


@dataclass(frozen=True)
class Shown:
    """What a page says of a job. Texts are empty where there is nothing to say."""

    title: str
    look: Look
    current: int
    total: int | None
    percent: int | None
    count: str
    pace: str
    left: str
    silence: str
    parts: list[Part]

    @property
    def summary(self) -> str:
        """One sentence for a screen reader."""
        percent = f"{self.percent} percent" if self.percent is not None else self.count
        return ", ".join(text for text in (self.look.word, percent, self.left) if text)


def job_shown(job: Job) -> Shown:
    """Return what a page says of ``job``."""
    now = timezone.now()
    look = job_look(job)
    silence = _silence(job, now) if look in (RUNNING, STOPPING) else ""
    rate = job.rate if look is RUNNING and not silence else None
    return Shown(
        title=kind_title(job.kind),
        look=look,
        current=job.progress_current,
        total=job.progress_total,
        percent=_percent(job),
        count=_count(job),
        pace=pace_words(rate),
        left=_left(job) if rate else "",
        silence=silence,
        parts=_parts(job),
    )


def job_look(job: Job) -> Look:
    """Return how its state is shown."""
    return STOPPING if job.is_cancel_requested else _LOOKS[JobState(job.state)]


def job_timeline(job: Job) -> list[Event]:
    """Return what happened to ``job``, in order."""
    events = [Event("Written", job.created_at)]
    if job.started_at:
        waited = job.started_at - job.created_at
        events.append(Event("Begun", job.started_at, f"after {duration_words(waited)}"))
    if job.attempts > 1:
        events.append(Event(f"Begun again, attempt {job.attempts}", None))
    if job.cancel_requested_at:
        by_other = job.cancel_requested_by_id not in (None, job.owner_id)
        events.append(Event("Asked to stop", job.cancel_requested_at, "by somebody else" if by_other else ""))
    if job.state == JobState.RETRY and job.next_attempt_at:
        events.append(Event("To begin again", job.next_attempt_at))
    if job.finished_at:
        since = job.finished_at - (job.started_at or job.created_at)
        events.append(Event(job.get_state_display(), job.finished_at, f"after {duration_words(since)}"))
    return events


def result_rows(result: Any) -> list[tuple[str, str]]:
    """Return a result line by line. What is no plain list of names and values is shown as JSON, under no name."""
    if result is None:
        return []
    if isinstance(result, dict) and not any(isinstance(value, dict | list) for value in result.values()):
        return [(str(name).replace("_", " ").capitalize(), _value(value)) for name, value in result.items()]
    return [("", _value(result))]


def parameters_line(parameters: Any) -> str:
    """Return parameters in one short line, as in "numbers: 1, 2": it tells one part of a batch from another."""
    if not isinstance(parameters, dict):
        return ""
    line = "; ".join(f"{name}: {_brief(value)}" for name, value in parameters.items())
    return Truncator(line).chars(_LINE_LENGTH_MAX)


def chain_words(chain: Chain, *, again: str) -> str:
    """Return what becomes of the steps that wait for one that stopped; ``again`` is what the button is called."""
    if not chain.waiting:
        return ""
    if chain.waiting == 1:
        return f"The 1 step after it waits: {again} goes on with it."
    return f"The {chain.waiting:,} steps after it wait: {again} goes on with them."


def pace_words(rate: float | None) -> str:
    """Return steps a second in the unit that gives a number which can be read."""
    if not rate or rate <= 0:
        return ""
    for seconds, unit in ((1, "a second"), (_MINUTE, "a minute"), (_HOUR, "an hour")):
        if rate * seconds >= 1:
            number = rate * seconds
            return f"{number:,.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
    return "less than one an hour"


def left_words(seconds: float) -> str:
    """Return how long still, rounded so that it does not flicker."""
    if seconds < 10:
        return "a few seconds left"
    if seconds <= 50:  # by tens; what is more is a minute
        return f"about {_some(math.ceil(seconds / 10) * 10, 1)} left"
    unit = _MINUTE if seconds <= 90 * _MINUTE else _HOUR if seconds <= 2 * _DAY else _DAY
    return f"about {_some(math.ceil(seconds / unit), unit)} left"


def duration_words(duration: timedelta) -> str:
    """Return how long it took, in its two largest units."""
    seconds = max(duration.total_seconds(), 0)
    if seconds < 1:
        return "less than a second"
    for unit, smaller in ((_DAY, _HOUR), (_HOUR, _MINUTE), (_MINUTE, 1)):
        if seconds >= unit:
            rest = int(seconds % unit // smaller)
            return _some(int(seconds // unit), unit) + (f" {_some(rest, smaller)}" if rest else "")
    return _some(int(seconds), 1)


def _some(number: int, unit: int) -> str:
    name = {1: "second", _MINUTE: "minute", _HOUR: "hour", _DAY: "day"}[unit]
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _percent(job: Job) -> int | None:
    """Rounded down: only what is complete is 100 %."""
    if job.state == JobState.SUCCESS:
        return 100
    if not job.progress_total:
        return None
    return min(100 * job.progress_current // job.progress_total, 100)


def _count(job: Job) -> str:
    if job.progress_total:
        return f"{min(job.progress_current, job.progress_total):,} of {job.progress_total:,}"
    return f"{job.progress_current:,} so far" if job.progress_current else ""


def _left(job: Job) -> str:
    seconds = job.seconds_left
    is_over = seconds is None or job.progress_current >= (job.progress_total or 0)
    return "" if seconds is None or is_over else left_words(seconds)


def _silence(job: Job, now: datetime) -> str:
    """A worker that was killed says nothing: then so does the page, until the sweep takes the job up."""
    if job.heartbeat_at is None or now - job.heartbeat_at < timedelta(seconds=settings.JOB_LEASE_SECONDS):
        return ""
    silent = duration_words(now - job.heartbeat_at)
    return f"Nothing was heard from its worker for {silent}. It is taken up again, or ended, by itself."


def _parts(job: Job) -> list[Part]:
    """The strip of a batch; what has not ended yet is the last part."""
    if not job.is_batch or not job.children_total:
        return []
    ended = [(DONE, job.children_done), (FAILED, job.children_failed), (CANCELLED, job.children_cancelled)]
    rest = max(job.children_total - sum(count for _, count in ended), 0)
    counts = [(look, count) for look, count in (*ended, (WAITING, rest)) if count]
    widths = [max(_STRIP_WIDTH * count // job.children_total, _STRIP_PART_MIN) for _, count in counts]
    widths[widths.index(max(widths))] += _STRIP_WIDTH - sum(widths)
    return [Part(look, f"{count:,}", sum(widths[:place]), widths[place]) for place, (look, count) in enumerate(counts)]


def _brief(value: Any) -> str:
    """Its beginning is enough: a list may be long."""
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value[:_LINE_LENGTH_MAX]):
        return ", ".join(_brief(item) for item in value[:_LINE_LENGTH_MAX])
    if isinstance(value, str):
        return " ".join(value[:_LINE_LENGTH_MAX].split())
    return json.dumps(value, ensure_ascii=False)[: _LINE_LENGTH_MAX + 1]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
