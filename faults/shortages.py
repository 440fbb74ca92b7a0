"""Servers that have no room left: a broker at its memory limit, a database on a full disk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from faults.errors import FaultsError, MissingError
from faults.rabbitmq_server import RabbitMQServer
from faults.redis_server import RedisServer

#: Less than either broker needs for itself.
_NO_MEMORY, _ALL_MEMORY = "1MB", "4GB"
_BLOCK = bytes(64 * 1024)


@contextmanager
def memory_short(broker: RabbitMQServer | RedisServer) -> Iterator[None]:
    """Inside this block the broker is at its memory limit: it answers, and takes nothing more."""
    _memory_limit(broker, _NO_MEMORY)
    try:
        yield
    finally:
        _memory_limit(broker, _ALL_MEMORY)


def _memory_limit(broker: RabbitMQServer | RedisServer, limit: str) -> None:
    if isinstance(broker, RedisServer):
        with Redis(unix_socket_path=str(broker.socket), socket_timeout=5) as client:
            client.config_set("maxmemory", limit)  # where nothing may be thrown away ("noeviction", the default)
    else:
        # https://www.rabbitmq.com/docs/memory: who publishes is not read from any more
        broker.control("set_vm_memory_high_watermark", "absolute", limit)


class SmallDisk:
    """A file system of ``megabytes`` at ``path``, in memory. It is gone with this process, however that ends.

    Raises:
        MissingError: when this process may not mount one.
    """

    def __init__(self, path: Path, *, megabytes: int) -> None:
        self.path = path
        self._ballast = path / "ballast"
        path.mkdir(exist_ok=True)
        mount = _program("mount"), "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(path)
        done = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603  our own
        if done.returncode:
            raise MissingError(f"A small disk cannot be mounted: {done.stderr.strip()} Run this as root.")
        # It reads until this process has ended or closed the pipe.
        until_closed = ["/bin/sh", "-c", f'read _; exec {_program("umount")} --lazy "$0"', str(path)]
        self._guard = subprocess.Popen(until_closed, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603

    def fill(self) -> None:
        """Write until the last byte is taken."""
        file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (len(_BLOCK), 1):
                _write_until_full(file, _BLOCK[:size])
        finally:
            os.close(file)

    def free(self) -> None:
        """Make room, as an operator does."""
        self._ballast.unlink()

    def close(self) -> None:
        """Unmount it."""
        self._guard.communicate()
        if self._guard.returncode:
            raise FaultsError(f"{self.path} could not be unmounted.")


def _write_until_full(file: int, block: bytes) -> None:
    while True:
        try:
            os.write(file, block)
        except OSError:
            return


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"There is no {name} here: a small disk needs it.")
    return found
