"""The whole product on servers of its own: web, two workers, two beats, a feeder, and a mail server at the edge."""

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import kombu.pools
import psutil
from celery import Celery
from kombu import Connection

from faults.components import Component, Supervisor
from faults.feeding import Feeder
from faults.processes import Room, wait_until
from faults.profiles import NO_LIMITS, TIMES, Servers
from faults.sink import Sink
from styleguide_example.embedded.environment import HOST, is_serving, without_project_variables
from styleguide_example.embedded.stack import product_commands

#: Processes of one worker.
CONCURRENCY = 2
QUEUE = "celery"
READY_SECONDS = 60
_PROBE = "healed.example"


class Stack:
    """A context manager: nothing of it is left at its end, however that comes.

    ``web``, ``workers``, ``beats`` are the components; ``feeder`` calls the product's services. ``heal()`` brings all
    of it back to what it was at the start, ``restart(NAME=value)`` brings it up with other settings.
    """

    def __init__(self, profile: str, directory: Path) -> None:
        self._undo = ExitStack()
        self.room = Room(directory)
        self._undo.callback(self.room.close)
        self.servers = Servers(profile, self.room)
        self.database = self.servers.database
        self.sink = Sink(self.room.port())
        self.web_port = self.room.port()
        self.diary = directory / "diary"
        #: What the feeder does first, with the empty database.
        self.preparing = "faults.product.preparing.prepare"
        self._secret_key = secrets.token_urlsafe(50)
        self._changed: dict[str, str] = {}
        self._copies = 0
        commands = self.commands()
        self.web = self._component("web", commands["web"], lambda _: is_serving(self.web_port))
        self.workers = [self._worker(number, commands["worker"]) for number in (1, 2)]
        self.beats = [self._beat(number, commands["beat"]) for number in (1, 2)]
        self.supervisor = Supervisor(self.components)
        self.feeder: Feeder
        self._more_feeders: list[Feeder] = []

    def commands(self) -> Mapping[str, str]:
        """What is started, by name: web, worker, beat."""
        return product_commands()

    @property
    def components(self) -> list[Component]:
        """All processes of the product."""
        return [self.web, *self.workers, *self.beats]

    def environment(self, **changed: object) -> dict[str, str]:
        """Return what the product is started with: production settings, shorter times, and ``changed``."""
        ours: dict[str, object] = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "faults.product.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": self.room.directory,
            "TMPDIR": self.room.directory,
            "SECRET_KEY": self._secret_key,
            "ALLOWED_HOSTS": HOST,
            "APP_BASE_URL": f"https://{HOST}:{self.web_port}",
            "SECURE_PROXY_SSL_HEADER": "True",
            "DATABASE_URL": self.database.url,
            "CELERY_BROKER_URL": self.servers.broker.url,
            "EMAIL_URL": f"smtp://{HOST}:{self.sink.port}",
            "BIND": HOST,
            "PORT": self.web_port,
            **TIMES,
            **NO_LIMITS,
            **self._changed,
            **changed,
        }
        return {**without_project_variables(os.environ), **{name: str(value) for name, value in ours.items()}}

    def start(self) -> None:
        """Start everything on an empty database, and return when all of it works."""
        self.servers.launch()
        self.database.begin()
        self.feeder = self._feeder()
        self.feeder.call(self.preparing)
        self.database.keep()
        self._launch()
        self.supervisor.start()
        self.heal()

    def restart(self, *, fresh_database: bool = False, **changed: object) -> None:
        """Start the product again with these settings besides the usual ones, on a fresh database if asked to."""
        self._kill()
        self._changed = {name: str(value) for name, value in changed.items()}
        self.servers.heal()
        if fresh_database:
            self._copies += 1
            self.database.fresh(f"copy{self._copies}")
        self.feeder = self._feeder()
        self._launch()
        self.heal()

    def heal(self) -> None:
        """Mend whatever was broken, and return when everything runs and an e-mail that is asked for now arrives.

        Raises:
            FaultsError: when it does not come back.
        """
        self.servers.heal()
        self.sink.heal()
        for component in self.components:
            component.is_kept_up = True
            component.orphans_end()
            if component.has_process():
                component.resume()
            else:
                component.launch()
        for component in self.components:
            component.start()
        self._feeder_renew()
        wait_until(self._do_workers_answer, what="both workers to answer at the broker", seconds=READY_SECONDS)
        wait_until(self._is_queue_consumed, what="the queue to be consumed", seconds=READY_SECONDS)
        self._probe()

    def leader(self) -> Component:
        """Return the beat that leads by what the database says.

        Raises:
            FaultsError: when none does for a while.
        """
        found: list[Component] = []

        def is_found() -> bool:
            owner = self.database.value("SELECT lease_owner FROM tasks_beatleader WHERE lease_token IS NOT NULL")
            found[:] = [beat for beat in self.beats if beat.has_process() and str(owner).endswith(f":{beat.pid}")]
            return bool(found)

        wait_until(is_found, what="a beat that leads")
        return found[0]

    def connections_in_use(self, component: Component) -> int:
        """How many connections to the mail server its processes have at this moment."""
        return self.connections_of([psutil.Process(component.pid), *component.children()])

    def connections_of(self, processes: Iterable[psutil.Process]) -> int:
        """How many these have."""
        return sum(_peers(process).count(self.sink.port) for process in processes)

    def queue_length(self) -> int:
        """How many messages wait in the broker, which may not be away."""
        with self._broker() as connection:
            channel: Any = connection.default_channel
            # Passive: the queue has properties that only the product knows. On Redis there is nothing to be declared.
            declared = channel.queue_declare(QUEUE, passive=self.servers.broker.name != "redis")
            return int(declared.message_count)

    def feeders(self, count: int) -> list[Feeder]:
        """Start more feeders, for calls that race. They end when the stack is healed."""
        self._more_feeders += [self._feeder(name=f"feeder{number + 2}") for number in range(count)]
        return self._more_feeders[-count:]

    def close(self) -> None:
        """End everything."""
        if self.supervisor.is_alive():
            self.supervisor.close()
        self._kill()
        self.servers.kill()
        self.sink.close()
        self._undo.close()

    def _launch(self) -> None:
        environment = self.environment()
        for component in self.components:
            component.environment = environment
            component.launch()

    def _kill(self) -> None:
        for component in self.components:
            component.is_kept_up = False
        for component in self.components:
            component.orphans_end()
            if component.has_process():
                component.kill()
        self._feeders_close()
        if hasattr(self, "feeder"):
            self.feeder.close()

    def _feeders_close(self) -> None:
        while self._more_feeders:
            self._more_feeders.pop().close()

    def _feeder_renew(self) -> None:
        """A call that nobody waited for, or a fault that met the feeder, is not the next scenario's business."""
        self._feeders_close()
        if not self.feeder.is_idle:
            self.feeder.close()
            self.feeder = self._feeder()

    def _feeder(self, name: str = "feeder") -> Feeder:
        return Feeder(self.room, self.environment(), name=name)

    def _worker(self, number: int, command: str) -> Component:
        options = f"--concurrency={CONCURRENCY} --hostname=worker{number}@{HOST}"
        return self._component(f"worker{number}", f"{command} {options}", lambda process: process.has_said("ready."))

    def _beat(self, number: int, command: str) -> Component:
        return self._component(f"beat{number}", command, lambda process: process.has_said("beat: Starting..."))

    def _component(self, name: str, command: str, is_ready: Any) -> Component:
        return Component(name, command, self.room, is_ready, lambda: not self.database.is_in_transaction())

    def _do_workers_answer(self) -> bool:
        # Producers are kept in pools of the process, and a kept one may lead to the broker's former life.
        kombu.pools.reset()
        with self._broker() as connection, Celery(broker=self.servers.broker.url, set_as_current=False) as app:
            control: Any = app.control
            asked = partial(control.broadcast, "ping", reply=True, timeout=3, connection=connection)
            try:
                return len(asked(limit=len(self.workers))) == len(self.workers)
            except connection.connection_errors:
                return False

    def _is_queue_consumed(self) -> bool:
        connection = self._broker()  # not opened: it only knows its errors
        try:
            return self.queue_length() == 0
        except (*connection.connection_errors, *connection.channel_errors):
            return False

    def _broker(self) -> Connection:
        """A connection of its own for each question: the broker is killed now and then."""
        options: dict[str, Any] = {}
        if self.servers.broker.name == "redis":
            options = {"priority_steps": list(range(10))}  # config/settings/celery.py
        return Connection(self.servers.broker.url, connect_timeout=5, transport_options=options)

    def _probe(self) -> None:
        before = self.sink.arrived(_PROBE)
        address = f"{secrets.token_hex(8)}@{_PROBE}"
        self.feeder.call("emails_ask", addresses=[address], batch="probe", door="queue")
        self.sink.wait_for(_PROBE, before + 1, seconds=READY_SECONDS)


def _peers(process: psutil.Process) -> list[int]:
    """The ports that a process is connected to."""
    try:
        return [
            each.raddr.port for each in process.net_connections("tcp") if each.raddr and each.status == "ESTABLISHED"
        ]
    except psutil.Error:
        return []
