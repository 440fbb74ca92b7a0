"""Registers the app with Django."""

import sqlite3
from typing import Any

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class CommonConfig(AppConfig):
    """Django kit."""

    name = "styleguide_example.common"

    def ready(self) -> None:
        """Listen to new database connections."""
        connection_created.connect(sqlite_limit_read)


def sqlite_limit_read(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Let Django write as many rows at once as SQLite allows.

    Django 5.2 counts on 999 variables a statement, which was SQLite's limit until 2020, and so writes a thousand
    schedules in thirty statements. Django 6 asks the connection: https://code.djangoproject.com/ticket/36143
    """
    if connection.vendor == "sqlite":
        connection.features.max_query_params = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
