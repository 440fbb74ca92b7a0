"""Fixtures for every app: a real broker, a scriptable mail server, real worker processes."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from styleguide_example.common import wakeups
from styleguide_example.common.tests.databases import database_url
from styleguide_example.common.tests.emptying import emptied_quickly
from styleguide_example.common.tests.processes import Broker, Queue, Worker, broker_patience
from styleguide_example.emails import connections, limits, senders
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.celery import app as celery_app


def pytest_addoption(parser: pytest.Parser) -> None:
    """For a second broker, after the first was asked everything."""
    parser.addoption("--asks-broker", action="store_true", help="run only what asks a broker anything")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Seven thousand tests live until the end: whoever looks for garbage need not look at them each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)  # pytest-django sorts as well
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the ``long`` ones, and run again on another database, or with another broker, what asks it something.

    A file that is named runs whole.
    ``once``: neither matters (browsers, clocks). ``no_services``: the database matters, the broker does
    not (leases, the mail server). All run on SQLite with the embedded broker, and those that ask a database and are not
    ``once`` on PostgreSQL too.
    """
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if config.option.file_or_dir:
        return
    kept = list(items)
    if "DATABASE_URL" in os.environ:
        kept = [item for item in kept if _asks_database(item) and item.get_closest_marker("once") is None]
    if config.option.asks_broker:
        kept = [item for item in kept if "broker" in getattr(item, "fixturenames", ())]
        kept = [item for item in kept if item.get_closest_marker("no_services") is None]
    chosen = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = kept


def _asks_database(item: pytest.Item) -> bool:
    asking = {"db", "transactional_db"}
    return item.get_closest_marker("django_db") is not None or not asking.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _emptied_quickly() -> Iterator[None]:
    """A test that commits leaves its database as ``flush`` would, sooner."""
    with emptied_quickly():
        yield


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The broker of ``CELERY_BROKER_URL``; without one, the embedded broker in this run's directory."""
    with Broker(url=django_settings.CELERY_BROKER_URL, directory=Path(django_settings.VAR_DIR)) as running:
        yield running
        Queue(celery_app).delete()


@pytest.fixture
def queue(broker: Broker) -> Iterator[Queue]:
    """What lies in the broker, empty at the start; the test waits for that as long as a worker does."""
    messages = Queue(celery_app)
    with broker_patience():
        messages.purge()
        wakeups.broker_pause_end()
        yield messages
        messages.purge()


@pytest.fixture
def smtp(settings: Settings) -> Iterator[SMTPServer]:
    """The mail server that this process sends to."""
    with SMTPServer() as server:
        # Django's test runner put a list in the place of the mail server; here real sockets are wanted.
        settings.EMAIL_BACKEND = "styleguide_example.emails.backends.SMTPBackend"
        settings.EMAIL_PORT = server.port
        # It may say "too much" and is asked again at once: that everybody slows down has tests of its own.
        settings.EMAIL_SLOW_DOWN_PAUSE_SECONDS = 0
        settings.EMAIL_SLOW_DOWN_RECOVERY_SECONDS = 0.001
        connections.connection_forget()
        limits.gate_forget()
        yield server
        connections.connection_close()
    senders.team_farewell()  # now nothing keeps them waiting


@pytest.fixture
def worker(transactional_db: None, queue: Queue, smtp: SMTPServer) -> Iterator[Worker]:
    """A real worker process on the test's database, broker and mail server; it starts with ``worker.start()``."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.django.test",
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}",
        "TMPDIR": str(django_settings.VAR_DIR),  # what a killed worker leaves behind goes with the run's directory
    }
    running = Worker(environment)
    yield running
    running.stop()
