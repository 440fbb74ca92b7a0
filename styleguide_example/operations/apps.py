"""Registers the app with Django."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class OperationsConfig(AppConfig):
    """How the product is."""

    name = "styleguide_example.operations"


class DashboardAdminConfig(admin_apps.AdminConfig):
    """Django's admin, whose first page shows the dashboard.

    https://docs.djangoproject.com/en/5.2/ref/contrib/admin/#overriding-default-admin-site
    """

    default = False  # of this app: the settings name it in the place of django.contrib.admin
    default_site = "styleguide_example.operations.sites.DashboardAdminSite"
