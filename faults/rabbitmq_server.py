"""A RabbitMQ node of a run's own: its name, ports and files are nobody else's. The port mapper (epmd) is shared."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from amqp import Connection
from amqp.exceptions import AMQPError

from faults.errors import FaultsError, MissingError
from faults.processes import Room
from faults.servers import Server
from styleguide_example.embedded.environment import HOST, without_project_variables

_PLACES = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/homebrew/sbin")


class RabbitMQServer(Server):
    """Without plugins: nothing but AMQP listens."""

    name = "rabbitmq"

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._program = _program()
        self._port, self._dist_port = room.port(), room.port()
        self.url = f"amqp://guest:guest@{HOST}:{self._port}//"

    def make(self) -> None:
        """Files that say nothing, so that those of this machine are not read."""
        super().make()
        (self.directory / "env.conf").write_text("")
        (self.directory / "plugins").write_text("[].\n")
        (self.directory / "rabbitmq.conf").write_text(f"listeners.tcp.default = {HOST}:{self._port}\n")

    def command(self) -> str:
        """The server itself, not the distribution's wrapper, which wants the user that it made."""
        return str(self._program)

    def environment(self) -> Mapping[str, str]:
        """https://www.rabbitmq.com/docs/configure#supported-environment-variables."""
        return {
            **without_project_variables(os.environ),
            "HOME": str(self.directory),  # where it writes its cookie
            "RABBITMQ_NODENAME": f"faults{self._port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONF_ENV_FILE": str(self.directory / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.directory / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.directory / "generated"),
            "RABBITMQ_SCHEMA_DIR": str(self.directory / "schema"),
            "RABBITMQ_PID_FILE": str(self.directory / "pid"),
            "RABBITMQ_LOGS": "-",
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # The start script then becomes the server instead of waiting for it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def answers(self) -> bool:
        """Whether somebody can sign in."""
        connection = Connection(f"{HOST}:{self._port}", connect_timeout=1, read_timeout=1, write_timeout=1)
        try:
            connection.connect()
            connection.close()
        except (OSError, AMQPError):
            return False
        return True

    def control(self, *arguments: str) -> None:
        """Call ``rabbitmqctl``.

        Raises:
            FaultsError: with what it says, when it fails.
        """
        command = [str(self._program.with_name("rabbitmqctl")), *arguments]
        done = subprocess.run(  # noqa: S603  its own, of this node
            command, env=dict(self.environment()), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FaultsError(f"rabbitmqctl {' '.join(arguments)}: {done.stderr[-500:] or done.stdout[-500:]}")


def _program() -> Path:
    found = shutil.which("rabbitmq-server")
    beside = [Path(found).resolve().parent] if found else []
    for directory in (*beside, *map(Path, _PLACES)):
        program = directory / "rabbitmq-server"
        if program.exists() and program.resolve().name == "rabbitmq-server":
            return program
    raise MissingError(
        "RabbitMQ is needed for this profile: apt-get install rabbitmq-server (or brew install rabbitmq)."
    )
