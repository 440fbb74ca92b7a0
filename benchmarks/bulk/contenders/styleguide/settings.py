"""As a project of the styleguide has them: Celery's defaults, and results in the database."""

from benchmarks.bulk.contenders.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.settings import INSTALLED_APPS as SHARED_APPS

INSTALLED_APPS = [*SHARED_APPS, "django_celery_results", "benchmarks.bulk.contenders.styleguide"]

CELERY_RESULT_BACKEND = "django-db"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_SOFT_TIME_LIMIT = 20
CELERY_TASK_TIME_LIMIT = 30
