"""Registers the app with Django, and finds the kinds of jobs that the other apps declare."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    """Work that somebody starts, follows and cancels."""

    name = "styleguide_example.jobs"

    def ready(self) -> None:
        """Import every app's ``job_kinds``: web and workers must know the same kinds."""
        autodiscover_modules("job_kinds")
