"""What ``job_status`` says of a job: in lines for a person, in plain values for a program."""

from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from styleguide_example.core.enums import Priority
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.words import job_shown, job_timeline, parameters_line, result_rows

_WIDTH, _INDENT = 80, 13
_MOMENTS = (
    *("created_at", "next_attempt_at", "expires_at", "started_at", "heartbeat_at", "lease_expires_at"),
    *("cancel_requested_at", "finished_at"),
)
_VALUES = ("kind", "task", "state", "queue", "parameters", "attempts", "timeout_seconds", "result", "is_batch")


def job_json(job: Job) -> dict[str, Any]:
    """Return everything that is known of ``job``. Moments are ISO 8601, in UTC."""
    return {
        "id": str(job.pk),
        **{name: getattr(job, name) for name in _VALUES},
        "priority": Priority(job.priority).name.lower(),
        "owner_id": job.owner_id,
        "parent": _key_text(job.parent_id),
        "retry_of": _key_text(job.retry_of_id),
        "lease_owner": job.lease_owner,
        "progress": {
            "current": job.progress_current,
            "total": job.progress_total,
            "message": job.progress_message,
            "rate": job.rate,
            "seconds_left": job.seconds_left,
        },
        "children": {
            "total": job.children_total,
            "done": job.children_done,
            "failed": job.children_failed,
            "cancelled": job.children_cancelled,
        },
        "error": {"code": job.error_code, "message": job.error_message, "traceback": job.traceback},
        **{name: _moment_text(getattr(job, name)) for name in _MOMENTS},
    }


def job_lines(job: Job, *, with_traceback: bool = False) -> Iterator[str]:
    """Yield what it is, how far it is, what happened to it, and what came of it."""
    shown = job_shown(job)
    yield f"Job {job.pk}: {shown.look.symbol} {shown.look.word}"
    progress = ", ".join(text for text in (shown.count, shown.pace, shown.left) if text)
    if shown.percent is not None:
        progress = f"{shown.percent} %" + (f" ({progress})" if progress else "")
    yield from _fact("Kind", job.kind if shown.title == job.kind else f"{shown.title} ({job.kind})")
    yield from _fact("Parameters", parameters_line(job.parameters))
    yield from _fact("Queue", job.queue or "the default one")
    yield from _fact("Progress", progress)
    yield from _fact("Says", job.progress_message)
    yield from _fact("Worker", job.lease_owner)
    yield from _fact("Silent", shown.silence)
    yield from _fact("Error", job.error_message or job.error_code)
    for name, value in result_rows(job.result):
        yield from _fact("Result", f"{name}: {value}" if name else value)
    yield ""
    for event in job_timeline(job):
        at = "" if event.at is None else f"{event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC "
        yield f"  {at}{event.word} {event.detail}".rstrip()
    if with_traceback and job.traceback:
        yield f"\n{job.traceback.rstrip()}"


def _fact(name: str, value: str) -> Iterator[str]:
    for number, line in enumerate(wrap(value, _WIDTH - _INDENT, break_long_words=False)):
        yield f"  {'' if number else name:<{_INDENT - 2}}{line}"


def _moment_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _key_text(key: Any) -> str | None:
    return None if key is None else str(key)
