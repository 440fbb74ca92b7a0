"""Addresses that the environment names: the product's own, its database, its broker.

An error says which variable, and never shows a URL of another service: there is a password in it.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.env import env

_DATABASES = ("sqlite", "postgres", "postgresql", "psql", "pgsql")
_BROKERS = ("redis", "rediss", "redis+socket", "amqp", "amqps", "pyamqp")
#: As Django compares them: https://docs.djangoproject.com/en/5.2/ref/settings/#allowed-hosts
_HOST = re.compile(r"\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)


def base_url(url: str) -> str:
    """Return the beginning of links, without a slash at its end.

    Raises:
        ImproperlyConfigured: when no browser could follow them.
    """
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"APP_BASE_URL is {url[:100]!r}: write it like https://app.example.com.")
    return url.rstrip("/")


def search_url(url: str, *, of: str) -> str:
    """Return the address of a search, with ``{query}`` where the words go; or nothing.

    Raises:
        ImproperlyConfigured: when no browser could follow it, or it has no place for the words.
    """
    parts = _parts(url)
    if url and (parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or "{query}" not in url):
        raise ImproperlyConfigured(f"{of} cannot be read: write it like https://logs.example.com/search?q={{query}}.")
    return url


def hosts(names: Iterable[str]) -> list[str]:
    """Return the host names.

    Raises:
        ImproperlyConfigured: with one that no request could ever name.
    """
    for name in names:
        if not _HOST.fullmatch(name):
            raise ImproperlyConfigured(
                f"ALLOWED_HOSTS: {name[:100]!r} is no host name. Write names like app.example.com, separated by "
                "commas, without https://, port or path."
            )
    return list(names)


def database(url: str) -> dict[str, Any]:
    """Return Django's settings of the database that ``url`` names.

    Raises:
        ImproperlyConfigured: when it is neither SQLite nor PostgreSQL, or not all is said.
    """
    scheme, separator, _ = url.partition("://")
    try:
        # https://django-environ.readthedocs.io/en/latest/types.html#environ-env-db-url
        # It is not asked about others, because it warns of those with the password.
        read: dict[str, Any] = env.db_url_config(url) if separator and scheme in _DATABASES else {}
    except ValueError:
        read = {}
    if not read.get("NAME"):
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. Write sqlite:////absolute/path or postgres://user:password@host:5432/name, "
            "where reserved characters of user and password are escaped ('@' as %40)."
        )
    folder = Path(read["NAME"]).parent
    if scheme == "sqlite" and not folder.is_dir():
        raise ImproperlyConfigured(f"DATABASE_URL: there is no folder {folder}. Make it, or name another one.")
    return read


def broker(url: str) -> str:
    """Return the URL, or several with ";" between them, as Celery takes it.

    Raises:
        ImproperlyConfigured: when it is of no broker that the product works with (docs/decisions/0004).
    """
    for parts in map(_parts, url.split(";")):
        if parts is None or parts.scheme not in _BROKERS:
            raise ImproperlyConfigured(
                "CELERY_BROKER_URL cannot be read. Write redis://host:6379/0, rediss://host:6379/0 or "
                "amqp://user:password@host:5672/vhost, where reserved characters are escaped ('@' as %40)."
            )
    return url


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
