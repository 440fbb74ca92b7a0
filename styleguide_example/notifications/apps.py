"""Registers the app with Django."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """What a person is told inside the product."""

    name = "styleguide_example.notifications"
