"""As the example has them; its two time limits are as short as ours are here, and in the same order."""

import environ

from benchmarks.bulk.contenders.styleguide.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.styleguide.settings import INSTALLED_APPS as ITS_APPS
from faults.contenders.peers import *  # noqa: F403  the same
from faults.contenders.peers import FAULTS_APP

env = environ.Env()

INSTALLED_APPS = [*ITS_APPS, FAULTS_APP]
FAULTS_ASKING = "faults.contenders.styleguide.asking"
CELERY_TASK_SOFT_TIME_LIMIT = env.int("CELERY_TASK_SOFT_TIME_LIMIT_SECONDS")
CELERY_TASK_TIME_LIMIT = env.int("CELERY_TASK_TIME_LIMIT_SECONDS")
