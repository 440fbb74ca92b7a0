"""The services of this machine: a database of the benchmark's own for each contender, and queues that it takes away."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from kombu import Connection
from psycopg import sql
from redis import Redis

POSTGRESQL = "postgres://postgres@127.0.0.1:5432"
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
REDIS = "redis://127.0.0.1:6379/15"


class MissingError(Exception):
    """Something that the benchmark needs does not answer; the message says what to do."""


@dataclass(frozen=True)
class PostgreSQL:
    """A server on which databases may be made."""

    url: str

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 5432

    def check(self) -> None:
        """Raises MissingError when it does not answer."""
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError as error:
            raise MissingError(
                f"No PostgreSQL answers at {self.place[0]}:{self.place[1]} ({str(error).splitlines()[0]}). Start one, "
                "name another with --postgresql postgres://user:password@host:port, or run --embedded without one."
            ) from error

    def create(self, name: str) -> None:
        """Make an empty database, in the place of one that was left behind."""
        self.drop(name)
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def drop(self, name: str) -> None:
        """Drop a database, whoever uses it."""
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def address(self, name: str, port: int | None = None) -> str:
        """Return the URL of a database, through another port of this machine if one is given."""
        parts = urlsplit(self.url)
        user = parts.netloc.rpartition("@")[0]
        host, own_port = self.place if port is None else ("127.0.0.1", port)
        return f"postgres://{user}@{host}:{own_port}/{name}" if user else f"postgres://{host}:{own_port}/{name}"

    def ask(self, name: str, statement: str) -> Any:
        """Return the first column of the first row, or None."""
        with self._connect(name) as connection:
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def _connect(self, name: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.address(name), autocommit=True, connect_timeout=5)


def sqlite_ask(path: Path, statement: str) -> Any:
    """Return the first column of the first row, or None, of the embedded profile's database."""
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection, connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def broker_check(url: str) -> None:
    """Raises MissingError when the broker does not answer, or a Redis database holds what is somebody else's."""
    try:
        with Connection(url, connect_timeout=3) as connection:
            connection.connect()
    except Exception as error:
        name, flag = ("RabbitMQ", "--rabbitmq") if url.startswith("amqp") else ("Redis", "--redis")
        raise MissingError(
            f"No {name} answers at {urlsplit(url).hostname}:{urlsplit(url).port} ({error}). Start one, or name another "
            f"with {flag} URL."
        ) from error
    if not url.startswith("amqp") and (keys := Redis.from_url(url).dbsize()):
        raise MissingError(
            f"Database {urlsplit(url).path} of this Redis holds {keys} keys. Name an empty one: --redis URL."
        )


def broker_clear(url: str) -> None:
    """Empty the Redis database, which was empty before: killed workers leave bindings and messages there."""
    if not url.startswith("amqp"):
        Redis.from_url(url).flushdb()


def queue_delete(url: str, name: str) -> None:
    """Take a queue away, with what is in it."""
    with contextlib.suppress(Exception), Connection(url, connect_timeout=3) as connection:
        channel: Any = connection.default_channel
        channel.queue_delete(name)
