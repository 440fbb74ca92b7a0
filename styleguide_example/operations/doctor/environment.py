"""The settings: what Django's checks say of them, and variables that nobody reads."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Collection

from django.conf import settings
from django.core.checks import ERROR, WARNING, CheckMessage, run_checks

from config.env import ENV_PATH, env
from styleguide_example.operations.doctor.findings import Finding, error, ok, warning

#: Read before or beside the settings: by Django, by the Procfile's shell, and by Celery itself.
READ_ELSEWHERE = {"DJANGO_SETTINGS_MODULE", "PORT", "BIND", "WEB_CONCURRENCY"}
_CELERYS_OWN = re.compile(r"CELERY_(LOADER|LOG_\w+|RDB_?\w+|TRACE_APP|CONFIG_MODULE|BROKER_(READ|WRITE)_URL)")
_NAME = re.compile(r"^(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=", re.MULTILINE)
#: How like one of ours a name is that is a typing mistake; and one that may have been meant, where it is ours anyhow.
_MISTYPED, _MEANT = 0.85, 0.6


def system_checks(seconds: float) -> list[Finding]:
    """Run Django's system checks, outside of DEBUG with those for a deployment."""
    messages = run_checks(include_deployment_checks=not settings.DEBUG)
    found = [_message(message) for message in messages if message.level >= WARNING and not message.is_silenced()]
    return found or [ok("Django's checks have nothing to say.")]


def variables(seconds: float) -> list[Finding]:
    """Look for variables that look like ours and that nobody has read: what they say is not done."""
    known = env.asked | READ_ELSEWHERE
    unread = sorted((_in_file() | _like_ours(os.environ, known)) - known)
    found = [_unread(name, known) for name in unread if not _CELERYS_OWN.fullmatch(name)]
    return found or [ok("Every variable that looks like ours is read.")]


def _message(message: CheckMessage) -> Finding:
    find = error if message.level >= ERROR else warning
    return find(f"{message.id}: {message.msg}", advice=message.hint or "Look at the setting that it names.")


def _in_file() -> set[str]:
    """The names in the .env file, in which nothing stands for anybody else."""
    return set(_NAME.findall(ENV_PATH.read_text())) if ENV_PATH.is_file() else set()


def _like_ours(names: Collection[str], known: Collection[str]) -> set[str]:
    """Those that begin as several of ours do, and those that are nearly one of ours."""
    beginnings = Counter(name.partition("_")[0] for name in known if "_" in name)
    ours = {beginning for beginning, count in beginnings.items() if count > 1} - {"DJANGO"}
    return {name for name in names if name.partition("_")[0] in ours or _nearest(name, known, alike=_MISTYPED)}


def _nearest(name: str, known: Collection[str], *, alike: float) -> str:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=alike)), "")


def _unread(name: str, known: Collection[str]) -> Finding:
    nearest = _nearest(name, known, alike=_MEANT)
    meant = f"Did you mean {nearest}? " if nearest else ""
    return warning(
        f"{name} is set, and nobody reads it.",
        meaning=f"What it says is not done ({settings.SETTINGS_MODULE}).",
        advice=f"{meant}.env.example lists every variable that is read.",
    )
