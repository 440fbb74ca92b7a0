"""The variables that define a stack on this machine, and the ports it may use."""

import http.client
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from styleguide_example.embedded.broker import broker_socket

PROJECT_DIR = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


def stack_variables(*, var_dir: Path, web_port: int, smtp_port: int) -> dict[str, str]:
    """Return the environment of a stack in ``var_dir`` that listens on loopback and needs nothing from outside."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.django.base",
        "VAR_DIR": str(var_dir),
        "DATABASE_URL": f"sqlite:///{var_dir / 'db.sqlite3'}",
        "CELERY_BROKER_URL": f"redis+socket://{broker_socket(var_dir)}",
        "EMAIL_URL": f"smtp://{HOST}:{smtp_port}",
        "APP_BASE_URL": f"http://localhost:{web_port}",
        "BIND": HOST,
        "PORT": str(web_port),
    }


def free_port(preferred: int = 0) -> int:
    """Return a port of this machine that nobody listens on: ``preferred`` or the next free one, with 0 any.

    Raises:
        OSError: when none of the hundred after ``preferred`` is free.
    """
    if not preferred:
        return free_ports(1)[0]
    for port in range(preferred, preferred + 100):
        if not any(is_listening(host, port) for host in (HOST, "::1")) and _can_bind(port):
            return port
    raise OSError(f"No free port between {preferred} and {preferred + 99}.")


def free_ports(number: int) -> list[int]:
    """Return as many ports that nobody listens on, each another one."""
    with ExitStack() as held:  # until all are known, or the second could be the first again
        servers = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(number)]
        return [int(server.getsockname()[1]) for server in servers]


def is_listening(host: str, port: int) -> bool:
    """Return whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def is_listening_on(path: Path) -> bool:
    """Return whether somebody accepts connections on the Unix socket at ``path``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def is_serving(port: int) -> bool:
    """Return whether a web server answers on ``port``, whatever it answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def without_project_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process needs of its surroundings, without what configures a stack or Python itself."""
    kept = ("PATH", "HOME", "LANG", "LC_", "TMPDIR", "TERM", "USER", "LOGNAME", "LD_", "DYLD_", "COVERAGE_")
    return {name: value for name, value in environment.items() if name.startswith(kept)}


def _can_bind(port: int) -> bool:
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False
