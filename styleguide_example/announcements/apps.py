"""Registers the app with Django."""

from django.apps import AppConfig


class AnnouncementsConfig(AppConfig):
    """Writing to many people."""

    name = "styleguide_example.announcements"
