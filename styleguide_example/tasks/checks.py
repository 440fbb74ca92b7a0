"""System checks: a setting that nobody reads is a mistake that nobody notices."""

import difflib
from collections.abc import Sequence
from typing import Any

from celery.app.defaults import NAMESPACES, flatten
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

#: Read by Celery's Django fix-up, though not among its defaults.
_READ_ELSEWHERE = {"CELERY_DB_REUSE_MAX"}


@register
def celery_settings_are_read(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse a ``CELERY_*`` setting that Celery does not know, and name the nearest that it does."""
    options: Any = flatten(NAMESPACES)  # pairs; the stub says otherwise
    known = {f"CELERY_{name.upper()}" for name, _option in options} | _READ_ELSEWHERE
    return [_unknown(name, known) for name in dir(settings) if name.startswith("CELERY_") and name not in known]


@register
def time_limits_fit_into_the_lease(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """A worker that is alive must not lose its row: soft limit < hard limit < lease."""
    soft, hard = settings.CELERY_TASK_SOFT_TIME_LIMIT, settings.CELERY_TASK_TIME_LIMIT
    lease = settings.EMAIL_SENDING_LEASE_SECONDS
    if soft < hard < lease:
        return []
    return [
        Error(
            f"Time limits do not fit: soft {soft} s, hard {hard} s, lease {lease} s.",
            hint="CELERY_TASK_SOFT_TIME_LIMIT_SECONDS < CELERY_TASK_TIME_LIMIT_SECONDS < EMAIL_SENDING_LEASE_SECONDS.",
            id="tasks.E002",
        )
    ]


@register
def heartbeats_fit_into_the_lease(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """A job that is alive must not be taken for one that died: two signs of life fit into one lease."""
    heartbeat, lease = settings.JOB_HEARTBEAT_SECONDS, settings.JOB_LEASE_SECONDS
    if 2 * heartbeat <= lease:
        return []
    return [
        Error(
            f"Heartbeats do not fit: one every {heartbeat} s, lease {lease} s.",
            hint="JOB_LEASE_SECONDS must be at least twice JOB_HEARTBEAT_SECONDS.",
            id="tasks.E004",
        )
    ]


@register
def beat_has_one_source(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Beat fires what is in the database; entries in a setting would be a second timetable that nobody applies."""
    if not getattr(settings, "CELERY_BEAT_SCHEDULE", None):
        return []
    return [
        Error(
            "CELERY_BEAT_SCHEDULE is not read.",
            hint="Write the entries into tasks/timetable.py; manage.py setup_periodic_tasks applies it.",
            id="tasks.E003",
        )
    ]


def _unknown(name: str, known: set[str]) -> Error:
    nearest = difflib.get_close_matches(name, known, n=1)
    return Error(
        f"{name} is not a setting that Celery reads.",
        hint=f"Did you mean {nearest[0]}?" if nearest else "Remove it.",
        id="tasks.E001",
    )
