"""Celery's defaults, without results."""

from benchmarks.bulk.contenders.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.settings import INSTALLED_APPS as SHARED_APPS

INSTALLED_APPS = [*SHARED_APPS, "benchmarks.bulk.contenders.celery_alone"]
