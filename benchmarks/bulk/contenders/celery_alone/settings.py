"""Celery's defaults, without results."""

from benchmarks.bulk.contenders.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.settings import INSTALLED_APPS as SHARED_APPS
from benchmarks.bulk.contenders.settings import env

INSTALLED_APPS = [*SHARED_APPS, "benchmarks.bulk.contenders.celery_alone"]

#: The least that a durable task can be, in the place of a plain one (``tasks.py``).
IS_MARKED = env.bool("IS_MARKED", default=False)
if IS_MARKED:
    CELERY_DB_REUSE_MAX = 1000
    CELERY_TASK_IGNORE_RESULT = True
