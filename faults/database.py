"""The database as the fault suite sees it: plain SQL over a connection of its own, and fresh copies."""

import contextlib
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import psycopg

from faults.postgresql_server import PostgreSQLServer

#: The first database, and what is kept of it when it is migrated and has no rows yet: the others are copies of that.
FIRST, PRISTINE = "product", "pristine"
Row = tuple[Any, ...]


class Rows(Protocol):
    """Where rows can be asked for, by plain SQL with ``%s`` for parameters."""

    #: What both the row and this compare as a moment.
    now: str

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Ask, and return all rows."""


class Database(ABC):
    """Statements are the same for both kinds, with ``%s`` for parameters."""

    #: The URL that the product is started with.
    url: str
    #: What both the row and this compare as a moment.
    now: str
    #: Whether two processes may be stopped at any moment: on SQLite one that writes stops all others with it.
    is_sqlite = False

    @abstractmethod
    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Ask, and return all rows."""

    @abstractmethod
    def execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Change something, and commit: for a fault that is made in rows."""

    @abstractmethod
    def fresh(self, name: str) -> None:
        """Let ``url`` be a new copy of the one that was kept."""

    @abstractmethod
    def move(self, directory: Path) -> None:
        """Be in that directory from now on, with what was kept, unless it has been there before. Then :meth:`fresh`."""

    @abstractmethod
    def begin(self) -> None:
        """Let ``url`` be an empty database."""

    @abstractmethod
    def keep(self) -> None:
        """Keep a copy of it as it is now, for :meth:`fresh`. Nobody may be connected to it."""

    @abstractmethod
    def is_in_transaction(self) -> bool:
        """Whether somebody is inside a transaction that others wait for if it is paused."""

    def value(self, statement: str, parameters: Sequence[object] = ()) -> Any:
        """Return the first column of the first row, or None."""
        rows = self.rows(statement, parameters)
        return rows[0][0] if rows else None


class PostgreSQLDatabase(Database):
    """A database of the run's own server."""

    now = "now()"

    def __init__(self, server: PostgreSQLServer) -> None:
        self._server = server

    @property
    def url(self) -> str:  # type: ignore[override]  # it follows the server's
        """The server's."""
        return self._server.url

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Over a connection of this question's own, because the server is killed now and then."""
        with psycopg.connect(self.url, connect_timeout=2, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """The same."""
        self.rows(statement, parameters)

    def fresh(self, name: str) -> None:
        """CREATE DATABASE with that one for its template."""
        self._server.create(name, template=PRISTINE)
        self._server.use(name)

    def move(self, directory: Path) -> None:
        """The whole server."""
        self._server.move(directory)

    def begin(self) -> None:
        """Make it."""
        self._server.create(FIRST)
        self._server.use(FIRST)

    def keep(self) -> None:
        """The same the other way round."""
        self._server.create(PRISTINE, template=self._server.database)

    def is_in_transaction(self) -> bool:
        """Whether another connection to this database is."""
        others = "datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        return bool(self.value(f"SELECT count(*) FROM pg_stat_activity WHERE {others}"))  # noqa: S608  no input


class SQLiteDatabase(Database):
    """A file."""

    is_sqlite = True
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"  # as Django writes it

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.begin()

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Beside the product, in WAL mode."""
        with self._connection() as connection:
            return connection.execute(statement.replace("%s", "?"), tuple(parameters)).fetchall()

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Waits for its turn."""
        with self._connection() as connection, connection:
            connection.execute(statement.replace("%s", "?"), tuple(parameters))

    def fresh(self, name: str) -> None:
        """A copy of the file: nobody has it open, so all is in it."""
        shutil.copyfile(self._path(PRISTINE), self._path(name))
        self._use(name)

    def move(self, directory: Path) -> None:
        """Of the old directory only the kept copy is needed."""
        there = directory / self._path(PRISTINE).name
        if not there.exists():
            shutil.copyfile(self._path(PRISTINE), there)
        self._directory = directory

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock inside this block: everybody else waits."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def begin(self) -> None:
        """The migration makes it."""
        self._use(FIRST)

    def keep(self) -> None:
        """Copy the file."""
        shutil.copyfile(self._path(self._name), self._path(PRISTINE))

    def is_in_transaction(self) -> bool:
        """Whether somebody writes."""
        with contextlib.closing(sqlite3.connect(self._path(self._name), timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            other.execute("ROLLBACK")
            return False

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.sqlite3"

    def _use(self, name: str) -> None:
        self._name = name
        self.url = f"sqlite:///{self._path(name)}"

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path(self._name), timeout=20)) as connection:
            yield connection
