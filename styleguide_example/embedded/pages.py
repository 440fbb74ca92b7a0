"""What the pages of the mailbox have in common: the list at the left, what is ordered, and the place one was at."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.paginator import Paginator
from django.http import HttpRequest

from styleguide_example.embedded.answers import Answers, answers_path, answers_read
from styleguide_example.embedded.catcher import is_loopback
from styleguide_example.embedded.mailbox import caught_paths, is_seen, mailbox_directory
from styleguide_example.embedded.summaries import COMPARED_MAX, Summary, summary_list, times_came

PAGE_SIZE = 50
QUERY_CHARACTERS_MAX = 200


@dataclass(frozen=True)
class Row:
    """A line of the list."""

    summary: Summary
    ago: str
    is_unread: bool
    times: int


def directory() -> Path:
    """Return the mailbox of this machine."""
    return mailbox_directory(settings.VAR_DIR)


def answers() -> Answers:
    """Return what is ordered and what was given."""
    return answers_read(answers_path(directory()))


def place(fields: Any) -> str:
    """Return the query string of the place in the list that ``fields`` (a query, or a form) name; empty for the top."""
    named = {"q": _query(fields), "page": fields.get("page", "")[:10]}
    return urlencode({name: value for name, value in named.items() if value})


def state(paths: dict[str, Path], kept: Answers) -> str:
    """Return a word that is another one when the pages show something else: also a minute later, as they say "ago"."""
    unread = sum(not is_seen(path) for path in paths.values())
    shown = [next(iter(paths), ""), len(paths), unread, kept.order, kept.history[:1], int(time.time() // 60)]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def list_context(request: HttpRequest, *, key: str = "") -> dict[str, Any]:
    """Return what each page shows: a page of the list, what is unread in all, and what is ordered.

    With the ``key`` of a message also those beside it, and how often it came.
    """
    paths = caught_paths(directory())
    compared = summary_list(islice(paths.values(), COMPARED_MAX))
    times = times_came(compared)
    query = _query(request.GET)
    kept = answers()
    found = [summary.key for summary in compared if summary.is_found_by(query)] if query else list(paths)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    return {
        "page": page,
        "rows": [_row(summary, paths, times) for summary in summary_list(paths[key] for key in page.object_list)],
        "count": len(paths),
        "unread": sum(not is_seen(path) for path in paths.values()),
        "newest": next(iter(paths), ""),
        "q": query,
        "place": place(request.GET),
        "searched": COMPARED_MAX if len(paths) > COMPARED_MAX else None,
        "order": kept.order,
        "state": state(paths, kept),
        "times": next((times[summary.message_id] for summary in compared if summary.key == key), 0),
        "is_caught_here": is_loopback(settings.EMAIL_HOST),
        **_beside(found, key),
    }


def _beside(found: list[str], key: str) -> dict[str, str | None]:
    """Return the messages above and below that with this ``key``, as they are listed."""
    if key not in found:
        return {"newer": None, "older": None}
    at = found.index(key)
    return {"newer": found[at - 1] if at else None, "older": next(iter(found[at + 1 :]), None)}


def _row(summary: Summary, paths: dict[str, Path], times: Counter[str]) -> Row:
    return Row(
        summary,
        ago=naturaltime(summary.caught_at),
        is_unread=not is_seen(paths[summary.key]),
        times=times[summary.message_id],
    )


def _query(fields: Any) -> str:
    return " ".join(fields.get("q", "")[:QUERY_CHARACTERS_MAX].split())
