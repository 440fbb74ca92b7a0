"""django-mailer's defaults; its lock file lies where nobody else's does."""

import os

from benchmarks.bulk.contenders.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.settings import INSTALLED_APPS as SHARED_APPS
from benchmarks.bulk.contenders.settings import env

INSTALLED_APPS = [*SHARED_APPS, "mailer"]

EMAIL_BACKEND = "mailer.backend.DbBackend"
MAILER_LOCK_PATH = f"{env.str('VAR_DIR')}/lock-{os.getpid()}"
