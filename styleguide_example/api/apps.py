"""Registers the app with Django."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The HTTP kit."""

    name = "styleguide_example.api"
    verbose_name = "API"
