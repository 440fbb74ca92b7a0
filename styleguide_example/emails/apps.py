"""Registers the app and its checks with Django."""

from django.apps import AppConfig

from styleguide_example.emails import checks, gallery_checks  # noqa: F401  importing registers them


class EmailsConfig(AppConfig):
    """An e-mail's life."""

    name = "styleguide_example.emails"
