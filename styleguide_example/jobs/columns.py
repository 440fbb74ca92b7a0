"""Jobs as the admin shows them: the cells of the list, and what a job's page says beside its columns."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.jobs.amounts import duration_words
from styleguide_example.jobs.models import Job, JobContinuation
from styleguide_example.jobs.selectors import job_chain, job_children_failed, kind_title
from styleguide_example.jobs.words import (
    CANCELLED,
    DONE,
    FAILED,
    RUNNING,
    STOPPING,
    WAITING,
    Look,
    Shown,
    job_look,
    job_shown,
    job_timeline,
)

FAILED_PER_PAGE = 20
#: More retries and steps than these are not listed one by one.
LINKS_MAX = 20
#: The admin's colours by what they mean (common/admin.css).
_SIGNS = {
    WAITING.name: "quiet",
    RUNNING.name: "go",
    STOPPING.name: "hold",
    DONE.name: "go",
    FAILED.name: "bad",
    CANCELLED.name: "off",
}


def state_cell(job: Job) -> SafeString:
    """Return a sign and a word: never the colour alone."""
    return look_sign(job_look(job))


def look_sign(look: Look) -> SafeString:
    """Return a look as the admin writes it, in the colour of what it means."""
    return format_html(
        '<span class="sign {}"><span aria-hidden="true">{}</span> {}</span>', _SIGNS[look.name], look.symbol, look.word
    )


def progress_cell(job: Job) -> SafeString:
    """Return a bar and its numbers; nothing where nothing is known. A batch's bar has the colours of its parts."""
    shown = job_shown(job)
    if shown.parts:
        return _strip(shown)
    if shown.percent is None:
        return format_html('<span class="job-count">{}</span>', shown.count)
    return format_html(
        '<progress class="{}" max="100" value="{}" aria-label="{}"></progress> <span class="job-count">{} %{}</span>',
        shown.look.name,
        shown.percent,
        shown.summary,
        shown.percent,
        f" · {shown.count}" if shown.count else "",
    )


def duration_cell(job: Job) -> str:
    """Return how long it has run, or ran, and in how many attempts where one was not enough."""
    if job.started_at is None:
        return ""
    took = duration_words((job.finished_at or timezone.now()) - job.started_at)
    return f"{took}, {job.attempts} attempts" if job.attempts > 1 else took


def moment_cell(moment: datetime) -> SafeString:
    """Return a moment with its seconds, on one line."""
    return format_html(
        '<time datetime="{}">{}</time>', moment.isoformat(), f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"
    )


def json_block(value: Any) -> SafeString | str:
    """Return JSON as a person reads it."""
    if value in (None, {}, []):
        return "-"
    return format_html('<pre class="job-json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))


def text_block(text: str) -> SafeString | str:
    """Return a text of many lines as it is."""
    return format_html('<pre class="job-json">{}</pre>', text) if text else "-"


def job_page(job: Job) -> str:
    """Return the address of the job's page in the admin."""
    return reverse("admin:jobs_job_change", args=[job.pk])


def job_facts(job: Job, *, failed_page: str | None) -> dict[str, Any]:
    """Return what the page of a job shows above its columns. The parts that failed come a page at a time."""
    return {
        "shown": job_shown(job),
        "timeline": job_timeline(job),
        "kind_title": kind_title(job.kind),
        "failed": _failed(job, failed_page) if job.is_batch else None,
        "retries": list(job.retries.order_by("created_at")[:LINKS_MAX]),
        "chain": job_chain(job=job),
        "next_steps": [step for rest in job.continuations.all()[:LINKS_MAX] for step in _steps(rest)],
    }


def _strip(shown: Shown) -> SafeString:
    rects = format_html_join(
        "",
        '<rect class="{}" x="{}" y="0" width="{}" height="10"></rect>',
        ((part.look.name, part.x, part.width) for part in shown.parts),
    )
    counts = [f"{part.count} {'to do' if part.look is WAITING else part.look.word.lower()}" for part in shown.parts]
    return format_html(
        '<svg class="job-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '{}</svg> <span class="job-count">{}</span>',
        rects,
        " · ".join(counts),
    )


def _failed(job: Job, number: str | None) -> Any:
    parts: Paginator[Any] = CappedPaginator(
        job_children_failed(job=job).defer("result", "traceback"),
        FAILED_PER_PAGE,
    )
    return parts.get_page(number or 1)


def _steps(rest: JobContinuation) -> Sequence[str]:
    return [f"{rest.position + place}. {kind_title(step.get('kind', ''))}" for place, step in enumerate(rest.steps)]
