"""What the settings of the peers have in common: Django's defaults, and nothing that slows one of them down."""

import environ

env = environ.Env()

SECRET_KEY = "not-a-secret"  # noqa: S105  of nobody
DATABASES = {"default": env.db("DATABASE_URL")}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

_server = env.email("EMAIL_URL")
EMAIL_HOST = _server["EMAIL_HOST"]
EMAIL_PORT = _server["EMAIL_PORT"]

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
CELERY_TASK_DEFAULT_QUEUE = env.str("CELERY_TASK_DEFAULT_QUEUE", default="celery")
