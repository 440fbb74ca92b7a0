"""django-mailer's defaults; its lock file lies where nobody else's does."""

import tempfile
from pathlib import Path

from benchmarks.bulk.contenders.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.settings import INSTALLED_APPS as SHARED_APPS

INSTALLED_APPS = [*SHARED_APPS, "mailer"]

EMAIL_BACKEND = "mailer.backend.DbBackend"
_directory = tempfile.TemporaryDirectory(prefix="bench-mailer-")
MAILER_LOCK_PATH = str(Path(_directory.name) / "lock")
