"""Registers the app with Django."""

from django.apps import AppConfig


class EmbeddedConfig(AppConfig):
    """The product on one machine."""

    name = "styleguide_example.embedded"
