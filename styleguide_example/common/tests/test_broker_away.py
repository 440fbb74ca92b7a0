"""What a broker that is away costs the person who waits: at most one second, and never an error."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import transaction

from styleguide_example.common.tests.brokers import app_for, task_of
from styleguide_example.common.tests.processes import Broker, refused_port
from styleguide_example.common.tests.sockets import LoginRefused, Proxy, SilentServer
from styleguide_example.common.wakeups import broker_pause_end

AT_MOST = 1.0  # seconds: the contract, not a benchmark
URLS = ["redis://127.0.0.1:{port}/0", "amqp://guest:guest@127.0.0.1:{port}//"]


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    with SilentServer() as server:
        yield server


@pytest.fixture
def proxy(broker: Broker) -> Iterator[Proxy]:
    """The way to this run's broker, which can be cut off."""
    url = urlsplit(settings.CELERY_BROKER_URL)
    target = (url.hostname, url.port or 5672) if url.hostname else str(Path(url.path))
    with Proxy(target) as server:
        yield server


def _through(proxy: Proxy) -> str:
    url = urlsplit(settings.CELERY_BROKER_URL)
    if not url.hostname:
        return f"redis://127.0.0.1:{proxy.port}/0"
    user = f"{url.username}:{url.password}@" if url.username else ""
    return f"{url.scheme}://{user}127.0.0.1:{proxy.port}{url.path}"


class TestBrokerAway:
    @pytest.mark.parametrize("url", URLS)
    def test_that_never_answers_costs_less_than_a_second(self, silent: SilentServer, url: str) -> None:
        with app_for(url.format(port=silent.port)) as app:
            task = task_of(app)
            began = time.monotonic()
            assert not task.wake()
            assert time.monotonic() - began < AT_MOST
        assert silent.connections == 1

    @pytest.mark.parametrize("url", URLS)
    def test_that_refuses_costs_less_than_a_second(self, url: str) -> None:
        with refused_port() as port, app_for(url.format(port=port)) as app:
            task = task_of(app)
            began = time.monotonic()
            assert not task.wake()
            assert time.monotonic() - began < AT_MOST

    def test_that_refuses_our_password_is_no_error_for_the_person_who_waits(self) -> None:
        with LoginRefused() as server, app_for(URLS[1].format(port=server.port)) as app:
            task = task_of(app)
            assert not task.wake()
            assert not task.wake()
            assert server.connections == 1

    @pytest.mark.parametrize("url", URLS)
    def test_is_left_alone_for_a_while(self, silent: SilentServer, url: str) -> None:
        with app_for(url.format(port=silent.port)) as app:
            task = task_of(app)
            assert not task.wake()

            began = time.monotonic()
            assert not any(task.wake() for _ in range(100))
            assert time.monotonic() - began < AT_MOST
            assert silent.connections == 1

            broker_pause_end()
            assert not task.wake()
            assert silent.connections == 2

    @pytest.mark.parametrize("url", URLS)
    def test_that_never_answers_is_asked_in_vain_how_many_messages_wait(self, silent: SilentServer, url: str) -> None:
        with app_for(url.format(port=silent.port)) as app:
            assert task_of(app).messages_waiting() is None

    @pytest.mark.usefixtures("queue")
    def test_that_fell_silent_behind_a_kept_connection_costs_less_than_a_second(self, proxy: Proxy) -> None:
        with app_for(_through(proxy)) as app:
            task = task_of(app)
            assert task.wake()
            assert task.wake()
            connections = proxy.connections

            proxy.frozen.set()
            began = time.monotonic()
            assert not task.wake()
            assert time.monotonic() - began < AT_MOST
            assert connections <= proxy.connections <= connections + 1

    @pytest.mark.django_db(transaction=True)
    def test_delays_a_transaction_with_many_wake_ups_once(self, silent: SilentServer) -> None:
        with app_for(URLS[0].format(port=silent.port)) as app:
            task = task_of(app)
            began = time.monotonic()
            with transaction.atomic():
                for _ in range(10):
                    task.delay_on_commit()
            assert time.monotonic() - began < AT_MOST
        assert silent.connections == 1
