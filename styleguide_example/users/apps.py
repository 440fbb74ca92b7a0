"""Registers the app with Django."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """People."""

    name = "styleguide_example.users"
