"""django-post_office's defaults, unless the environment tunes them."""

from benchmarks.bulk.contenders.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.settings import INSTALLED_APPS as SHARED_APPS
from benchmarks.bulk.contenders.settings import env

INSTALLED_APPS = [*SHARED_APPS, "post_office"]

EMAIL_BACKEND = "post_office.EmailBackend"
POST_OFFICE = {
    "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
    "BATCH_SIZE": env.int("POST_OFFICE_BATCH_SIZE", default=100),
    "THREADS_PER_PROCESS": env.int("POST_OFFICE_THREADS", default=5),
}
VAR_DIR = env.str("VAR_DIR")
POST_OFFICE_PROCESSES = env.int("POST_OFFICE_PROCESSES", default=1)
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
