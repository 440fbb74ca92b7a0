"""A job in a person's words and language: how it stands, how far it is, how fast, how long still."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext, gettext_lazy, ngettext, pgettext
from django_stubs_ext import StrOrPromise

from styleguide_example.jobs.amounts import duration_words, left_words, number_words, pace_words
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import Chain, kind_title

_STRIP_WIDTH = 1000
_LINE_LENGTH_MAX = 80
_STRIP_PART_MIN = 8  # one failed part of ten thousand can still be seen


@dataclass(frozen=True)
class Look:
    """A state as a person sees it. Never by its colour alone."""

    name: str
    symbol: str
    word: StrOrPromise


WAITING = Look("waiting", "○", gettext_lazy("Waiting"))
AGAIN = Look("waiting", "↻", gettext_lazy("Waiting for another try"))
RUNNING = Look("running", "▶", gettext_lazy("Running"))
STOPPING = Look("stopping", "◼", gettext_lazy("Stopping"))
DONE = Look("done", "✓", gettext_lazy("Done"))
FAILED = Look("failed", "✕", gettext_lazy("Failed"))
CANCELLED = Look("cancelled", "⊘", gettext_lazy("Cancelled"))

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
        percent = gettext("%(number)d percent") % {"number": self.percent} if self.percent is not None else self.count
        return ", ".join(str(text) for text in (self.look.word, percent, self.left) if text)


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


def strip_parts(counts: Sequence[tuple[Look, int]]) -> list[Part]:
    """Return a strip: each look as wide as there are many of it, and what is not there at all left out."""
    some = [(look, count) for look, count in counts if count]
    total = sum(count for _, count in some)
    widths = [max(_STRIP_WIDTH * count // total, _STRIP_PART_MIN) for _, count in some]
    if widths:
        widths[widths.index(max(widths))] += _STRIP_WIDTH - sum(widths)
    return [
        Part(look, number_words(count), sum(widths[:place]), widths[place]) for place, (look, count) in enumerate(some)
    ]


def job_timeline(job: Job) -> list[Event]:
    """Return what happened to ``job``, in order."""
    events = [Event(pgettext("a job", "Written"), job.created_at)]
    if job.started_at:
        waited = _timed(pgettext("waited", "after %(duration)s"), job.started_at - job.created_at)
        events.append(Event(pgettext("a job", "Begun"), job.started_at, waited))
    if job.attempts > 1:
        events.append(Event(gettext("Begun again, attempt %(number)d") % {"number": job.attempts}, None))
    if job.cancel_requested_at:
        by_other = job.cancel_requested_by_id not in (None, job.owner_id)
        who = gettext("by somebody else") if by_other else ""
        events.append(Event(gettext("Asked to stop"), job.cancel_requested_at, who))
    if job.state == JobState.RETRY and job.next_attempt_at:
        events.append(Event(gettext("To begin again"), job.next_attempt_at))
    if job.finished_at:
        since = job.started_at or job.created_at
        worked = _timed(pgettext("worked", "after %(duration)s"), job.finished_at - since)
        events.append(Event(job.get_state_display(), job.finished_at, worked))
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
    words = ngettext(
        "The %(count)s step after it waits: %(again)s goes on with it.",
        "The %(count)s steps after it wait: %(again)s goes on with them.",
        chain.waiting,
    )
    return words % {"count": number_words(chain.waiting), "again": again}


def _timed(words: str, duration: timedelta) -> str:
    return words % {"duration": duration_words(duration)}


def _percent(job: Job) -> int | None:
    """Rounded down: only what is complete is 100 %."""
    if job.state == JobState.SUCCESS:
        return 100
    if not job.progress_total:
        return None
    return min(100 * job.progress_current // job.progress_total, 100)


def _count(job: Job) -> str:
    if job.progress_total:
        current, total = min(job.progress_current, job.progress_total), job.progress_total
        return gettext("%(current)s of %(total)s") % {"current": number_words(current), "total": number_words(total)}
    return gettext("%(count)s so far") % {"count": number_words(job.progress_current)} if job.progress_current else ""


def _left(job: Job) -> str:
    seconds = job.seconds_left
    is_over = seconds is None or job.progress_current >= (job.progress_total or 0)
    return "" if seconds is None or is_over else left_words(seconds)


def _silence(job: Job, now: datetime) -> str:
    """A worker that was killed says nothing: then so does the page, until the sweep takes the job up."""
    if job.heartbeat_at is None or now - job.heartbeat_at < timedelta(seconds=settings.JOB_LEASE_SECONDS):
        return ""
    said = gettext("Nothing was heard from its worker for %(duration)s. It is taken up again, or ended, by itself.")
    return _timed(said, now - job.heartbeat_at)


def _parts(job: Job) -> list[Part]:
    """The strip of a batch; what has not ended yet is the last part."""
    if not job.is_batch or not job.children_total:
        return []
    ended = [(DONE, job.children_done), (FAILED, job.children_failed), (CANCELLED, job.children_cancelled)]
    rest = max(job.children_total - sum(count for _, count in ended), 0)
    return strip_parts([*ended, (WAITING, rest)])


def _brief(value: Any) -> str:
    """Its beginning is enough: a list may be long."""
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value[:_LINE_LENGTH_MAX]):
        return ", ".join(_brief(item) for item in value[:_LINE_LENGTH_MAX])
    if isinstance(value, str):
        return " ".join(value[:_LINE_LENGTH_MAX].split())
    return json.dumps(value, ensure_ascii=False)[: _LINE_LENGTH_MAX + 1]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int):
        return number_words(value)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
