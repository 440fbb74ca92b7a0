"""Redis or Valkey as a broker: on a port of loopback, or on the Unix socket of the embedded profile."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from faults.errors import MissingError
from faults.processes import Room
from faults.servers import Server
from styleguide_example.embedded.broker import BrokerError, broker_command, broker_directory, broker_socket
from styleguide_example.embedded.environment import HOST, without_project_variables


class RedisServer(Server):
    """What ``embedded/broker.py`` starts: append-only, so that a killed one comes back with what it had."""

    name = "redis"

    def __init__(self, room: Room, *, on_socket: bool) -> None:
        super().__init__(room)
        self._var_dir = room.directory
        self.directory = broker_directory(self._var_dir)
        self._port = 0 if on_socket else room.port()
        #: It listens there in any case.
        self.socket = broker_socket(self._var_dir)
        self.url = f"redis+socket://{self.socket}" if on_socket else f"redis://{HOST}:{self._port}/0"

    def command(self) -> str:
        """The embedded broker's own, with a port where one is wanted.

        Raises:
            MissingError: when this machine has no Redis and no Valkey.
        """
        try:
            command = broker_command(broker_url=f"redis+socket://{self.socket}", var_dir=self._var_dir)
        except BrokerError as error:
            raise MissingError(f"Redis: {error}") from error
        ports = ["--port", str(self._port), "--bind", HOST] if self._port else []
        return shlex.join([*(command or []), *ports])

    def environment(self) -> Mapping[str, str]:
        """Nothing of its own."""
        return without_project_variables(os.environ)

    def launch(self) -> None:
        """Not on the socket that a killed one left behind."""
        Path(self.socket).unlink(missing_ok=True)
        super().launch()

    def answers(self) -> bool:
        """Whether it has read what it wrote in its last life."""
        try:
            with Redis(unix_socket_path=str(self.socket), socket_timeout=1) as client:
                return bool(client.ping())
        except RedisError:
            return False
