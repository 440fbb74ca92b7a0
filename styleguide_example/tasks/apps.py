"""Registers the app and its checks with Django, and brings the Celery app into every process."""

from django.apps import AppConfig

from styleguide_example.tasks import checks  # noqa: F401  importing registers them
from styleguide_example.tasks.celery import app as celery_app

__all__ = ["TasksConfig", "celery_app"]


class TasksConfig(AppConfig):
    """The engine room."""

    name = "styleguide_example.tasks"
