"""Where the log lines about an e-mail are: a link into the search of the logs, or the words to search for."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings

from styleguide_example.emails.models import Email


@dataclass(frozen=True)
class LogSearch:
    """One search. ``url`` is empty where ``LOG_SEARCH_URL`` is not set."""

    what: str
    words: str
    url: str


def log_searches(email: Email) -> list[LogSearch]:
    """Return the searches that find all lines about ``email``.

    A burst has one line for many that were sent (``email_ids``), so its task is searched for too.
    """
    searches = [_search("This e-mail", "email_id", email.pk)]
    task_id = email.lease_owner or email.task_id
    return [*searches, _search("The task that took it last", "task_id", task_id)] if task_id else searches


def _search(what: str, key: str, value: Any) -> LogSearch:
    """In the form in which the line is written: ``LOG_FORMAT`` decides."""
    is_json = settings.LOG_FORMAT == "json"
    words = f"{json.dumps(key)}: {json.dumps(value)}" if is_json else f"{key}={value}"
    url = settings.LOG_SEARCH_URL.replace("{query}", quote(words, safe=""))
    return LogSearch(what, words, url)
