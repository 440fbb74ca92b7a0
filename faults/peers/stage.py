"""The fault suite's stack, with a contender on it instead of the product."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from faults.components import Supervisor
from faults.feeding import Feeder
from faults.peers.contenders import Contender
from faults.profiles import RABBITMQ
from faults.stack import READY_SECONDS, Stack

#: Among the variables: each worker has a directory for temporary files of its own.
MACHINES = "FAULTS_MACHINES"
_PROBE = "probe.example"


class Stage(Stack):
    """The same servers, the same mail server, as many processes of a worker, the same supervisor."""

    def __init__(self, contender: Contender, directory: Path) -> None:
        self.contender = contender  # before the stack, which asks for its commands
        super().__init__(RABBITMQ, directory)
        self.beats = self.beats[: contender.beats]
        self.supervisor = Supervisor(self.components)
        self.preparing = f"{contender.asking}.prepare"

    def commands(self) -> Mapping[str, str]:
        """The contender's."""
        return {"beat": "", **self.contender.commands}

    def environment(self, **changed: object) -> dict[str, str]:
        """Its settings, and its programs before ours."""
        ours = super().environment(**changed)
        programs = f"{self.contender.python.parent}{os.pathsep}{ours['PATH']}"
        return {**ours, "PATH": programs, "DJANGO_SETTINGS_MODULE": self.contender.settings}

    def _launch(self) -> None:
        environment = self.environment()
        for component in self.components:
            directory = self.room.directory
            if MACHINES in environment and component in self.workers:
                directory /= component.name
                directory.mkdir(exist_ok=True)
            component.environment = {**environment, "TMPDIR": str(directory)}
            component.launch()

    def _feeder(self, name: str = "feeder") -> Feeder:
        return Feeder(self.room, self.environment(), name=name, python=self.contender.python)

    def _probe(self) -> None:
        before = self.sink.arrived(_PROBE)
        address = f"{secrets.randbelow(10**12)}@{_PROBE}"
        self.feeder.call(f"{self.contender.asking}.emails_ask", addresses=[address])
        self.sink.wait_for(_PROBE, before + 1, seconds=READY_SECONDS)
