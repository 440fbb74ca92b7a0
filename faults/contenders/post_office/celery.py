"""The Celery app; its tasks are the package's own."""

from celery import Celery

app = Celery("post_office_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
