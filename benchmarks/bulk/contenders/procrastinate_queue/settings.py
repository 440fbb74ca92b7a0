"""procrastinate's defaults for Django."""

from benchmarks.bulk.contenders.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.settings import INSTALLED_APPS as SHARED_APPS

INSTALLED_APPS = [*SHARED_APPS, "procrastinate.contrib.django", "benchmarks.bulk.contenders.procrastinate_queue"]
