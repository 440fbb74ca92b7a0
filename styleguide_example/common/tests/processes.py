"""Real processes for tests: a broker and workers, started when asked, gone when the test is."""

import contextlib
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import kombu.pools
import psutil
from celery import Celery
from django.conf import settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from styleguide_example.common.tests.databases import is_in_transaction_elsewhere
from styleguide_example.embedded.broker import broker_command, broker_directory, broker_socket
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.celery import broker_patience as patience_of_a_worker

ROOT = Path(__file__).resolve().parents[3]


class Process:
    """A child in a process group of its own, whose output is read as it comes."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._is_read = False  # to its last line
        self._popen = subprocess.Popen(  # noqa: S603  the command is a test's own
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for_line(self, text: str, timeout: float = 30) -> None:
        """Return when a line with ``text`` was printed."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(text in line for line in self.lines) or self._is_read, timeout)
        assert found, f"no {text!r} after {timeout} s in:\n{self.output}"
        assert any(text in line for line in self.lines), f"ended without {text!r}:\n{self.output}"

    def children(self) -> list[psutil.Process]:
        """The processes of the pool."""
        children: list[psutil.Process] = psutil.Process(self.pid).children(recursive=True)
        return children

    def pause(self) -> None:
        """SIGSTOP for all of it, at a moment at which it is inside no transaction.

        A process that is stopped while it writes to SQLite stops every other writer with it: a fault of its own.
        """
        while True:
            self._signal_group(signal.SIGSTOP)
            wait_until(self._is_stopped)
            if not is_in_transaction_elsewhere():
                return
            self.resume()
            time.sleep(0.01)

    def resume(self) -> None:
        """SIGCONT for all of it."""
        self._signal_group(signal.SIGCONT)

    def kill_group(self) -> None:
        """SIGKILL for all of it at once, as when the machine loses power."""
        self._signal_group(signal.SIGKILL)
        self._popen.wait()
        self._reader.join(5)
        if self._popen.stdout is not None:
            self._popen.stdout.close()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what is left after ten seconds."""
        self.resume()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(10)
        self.kill_group()

    def _is_stopped(self) -> bool:
        family = [psutil.Process(self.pid), *self.children()]
        return all(process.status() == psutil.STATUS_STOPPED for process in family)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self._popen.stdout:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._is_read = True
            self._changed.notify_all()


class Worker:
    """``celery worker`` processes that share an environment. With ``prefix`` another command starts them."""

    def __init__(self, environment: dict[str, str], *, prefix: Sequence[str] = ()) -> None:
        self.environment = environment
        self.prefix = prefix
        self.processes: list[Process] = []

    def start(self, *, concurrency: int = 1, pool: str = "prefork", **settings: object) -> Process:
        """Start one and return when it is ready. ``settings`` are environment variables."""
        command = [*self.prefix, sys.executable, "-m", "celery", "-A", "styleguide_example.tasks.celery", "worker"]
        command += [
            f"--concurrency={concurrency}",
            f"--pool={pool}",
            f"--hostname={uuid.uuid4().hex}@localhost",
            "--without-gossip",
        ]
        command += ["--without-mingle"]
        process = Process(command, {**self.environment, **{name: str(value) for name, value in settings.items()}})
        self.processes.append(process)
        process.wait_for_line("ready.")
        return process

    def stop(self) -> None:
        """End all of them, at once: what a worker does at SIGTERM has tests of its own."""
        for process in self.processes:
            process.kill_group()


class Broker:
    """The embedded broker, or the one of ``CELERY_BROKER_URL``, which is somebody else's to start."""

    def __init__(self, *, url: str, directory: Path) -> None:
        self._url = url
        self._directory = directory
        self.process: Process | None = None

    def start(self) -> None:
        command = broker_command(broker_url=self._url, var_dir=self._directory)
        if command is None:
            return
        broker_directory(self._directory).mkdir(exist_ok=True)
        broker_socket(self._directory).unlink(missing_ok=True)
        self.process = Process(command, dict(os.environ))
        wait_until(self._answers)

    def _answers(self) -> bool:
        """It listens before it has read what it wrote in its last life, and refuses whatever it is asked until then."""
        try:
            with Redis(unix_socket_path=str(broker_socket(self._directory))) as client:
                return bool(client.ping())
        except RedisConnectionError:
            return False

    @contextmanager
    def down(self) -> Iterator[None]:
        """No broker inside this block, and a request's patience: ours is killed; any other is a dead port for us."""
        with _patience(_of_a_request), self._away():
            yield

    @contextmanager
    def _away(self) -> Iterator[None]:
        if self.process is not None:
            self.process.kill_group()
            try:
                yield
            finally:
                self.start()
        else:
            with refused_port() as port, broker_url(f"{self._url.partition(':')[0]}://127.0.0.1:{port}//"):
                yield

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.stop()
            shutil.rmtree(broker_directory(self._directory), ignore_errors=True)


@contextmanager
def broker_url(url: str) -> Iterator[None]:
    """This process publishes to ``url`` inside this block."""
    former = celery_app.conf.broker_url
    variable = os.environ.pop("CELERY_BROKER_URL", None)  # Celery asks it before it asks the settings
    _lead_to(url)
    try:
        yield
    finally:
        if variable is not None:
            os.environ["CELERY_BROKER_URL"] = variable
        _lead_to(former)


def broker_patience() -> AbstractContextManager[None]:
    """This process waits for its broker as long as a worker does: on a busy machine half a second can be too short."""
    return _patience(patience_of_a_worker)


def _of_a_request(conf: Any) -> None:
    conf.broker_connection_timeout = settings.CELERY_BROKER_CONNECTION_TIMEOUT
    conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS


@contextmanager
def _patience(of_whom: Callable[[Any], None]) -> Iterator[None]:
    conf = celery_app.conf
    former = conf.broker_connection_timeout, conf.broker_transport_options
    of_whom(conf)
    _reconnect()
    try:
        yield
    finally:
        conf.broker_connection_timeout, conf.broker_transport_options = former
        _reconnect()


def _lead_to(url: str) -> None:
    app: Any = celery_app
    app.conf.broker_url = url
    _reconnect()


def _reconnect() -> None:
    app: Any = celery_app  # the pools have no public reset
    kombu.pools.reset()
    app._pool = app.amqp._producer_pool = None


@contextmanager
def refused_port() -> Iterator[int]:
    """A port at which nobody listens, kept free while it is needed."""
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler, bind_and_activate=False) as server:
        server.server_bind()  # bound, never listening: connecting is refused
        yield int(server.server_address[1])


class Queue:
    """What waits in the broker."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def __len__(self) -> int:
        with self._app.connection_for_read() as connection:
            queue: Any = self._app.amqp.queues[self._app.conf.task_default_queue](connection.default_channel)
            return int(queue.queue_declare().message_count)

    def purge(self) -> None:
        with self._app.connection_for_write() as connection:  # not a kept one, which a former test may have spoilt
            self._app.control.purge(connection=connection)

    def delete(self) -> None:
        """Leave nothing behind in a broker that is not ours."""
        with self._app.connection_for_write() as connection:
            channel: Any = connection.default_channel
            channel.queue_delete(self._app.conf.task_default_queue)


def wait_until(condition: Callable[[], bool], timeout: float = 30, every: float = 0.02) -> None:
    """Return as soon as ``condition`` holds: for states of the world that announce themselves to nobody."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not true after {timeout} s"
        time.sleep(every)
