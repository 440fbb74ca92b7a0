"""Registers the app with Django."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Django kit."""

    name = "styleguide_example.common"
