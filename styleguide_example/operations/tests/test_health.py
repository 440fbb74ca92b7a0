"""What probes are told, and what does not stand in their way."""

import logging
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common.tests.processes import Broker, broker_patience, broker_url, refused_port, wait_until
from styleguide_example.common.tests.sockets import SilentServer
from styleguide_example.operations import health

pytestmark = pytest.mark.no_services

LIVE, READY = "/health/live", "/health/ready"


@pytest.fixture(autouse=True)
def just_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has seen and asked nothing yet; on a busy machine an answer takes its time."""
    monkeypatch.setattr(health._Seen, "is_migrated", False)
    monkeypatch.setattr(health, "_asked", {})
    monkeypatch.setattr(health, "SECONDS", 30)
    with broker_patience():
        yield
    wait_until(lambda: all(asked.is_over for asked in health._asked.values()))  # or it would answer in the next test


@pytest.fixture
def no_broker() -> Iterator[None]:
    with refused_port() as port, broker_url(f"redis://127.0.0.1:{port}/0"):
        yield


class TestLive:
    def test_asks_nobody(self, client: Client) -> None:
        response = client.get(LIVE)  # without the mark that would allow the database
        assert (response.status_code, response.json()) == (200, {"status": "live"})
        assert "no-store" in response.headers["Cache-Control"]

    def test_is_there_for_a_host_that_nobody_named_without_tls_session_and_log(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.SECURE_SSL_REDIRECT, settings.SECURE_REDIRECT_EXEMPT = True, [r"^health/"]
        client = Client(headers={"Host": "10.0.0.7:8000"})
        client.cookies["sessionid"] = "of-somebody"
        with caplog.at_level(logging.INFO):
            assert client.head(LIVE).status_code == 200
            assert client.get("/sign-in/").status_code in {301, 400}
        assert [record for record in caplog.records if LIVE in record.getMessage()] == []

    def test_is_only_looked_at(self, client: Client) -> None:
        assert client.post(LIVE).status_code == 405

    def test_has_no_neighbours(self, client: Client) -> None:
        assert client.get("/health/else").status_code == 404


@pytest.mark.django_db(transaction=True)
class TestReady:
    def test_says_that_all_is_well(self, client: Client, broker: Broker) -> None:
        response = client.get(READY)
        assert response.status_code == 200
        checks = {"database": "ok", "migrations": "ok", "broker": "ok"}
        assert response.json() == {"status": "ready", "checks": checks}
        assert "no-store" in response.headers["Cache-Control"]

    def test_serves_without_a_broker_and_says_so(self, client: Client, no_broker: None) -> None:
        response = client.get(READY)
        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["checks"]["broker"] == "no answer"
        assert client.get(f"{READY}?strict").status_code == 503

    def test_is_not_ready_before_the_last_migration(self, client: Client) -> None:
        row = MigrationRecorder(connection).migration_qs.filter(app="jobs").order_by("-pk").first()
        assert row is not None
        row.delete()
        try:
            response = client.get(READY)
        finally:
            row.save(force_insert=True)
        assert (response.status_code, response.json()["status"]) == (503, "not ready")
        assert response.json()["checks"]["migrations"] == "missing"
        assert client.get(READY).status_code == 200

    def test_asks_for_the_migrations_until_they_are_there_and_never_again(
        self, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        assert health._is_migrated()
        with django_assert_max_num_queries(0):
            assert health._is_migrated()

    def test_is_not_ready_without_a_database_and_tells_nothing_about_it(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/at/all")
        response = client.get(READY)
        assert response.status_code == 503
        assert response.json()["checks"] | {"broker": ""} == {
            "database": "no answer",
            "migrations": "not asked",
            "broker": "",
        }
        assert "nowhere" not in response.content.decode()

    def test_asks_one_that_never_answers_once_and_does_not_wait(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "SECONDS", 0.2)
        with SilentServer() as silent, broker_url(f"amqp://127.0.0.1:{silent.port}//"):
            response = client.get(READY)
            wait_until(lambda: silent.connections > 0)
            again = client.get(READY)
        assert response.json()["checks"]["broker"] == again.json()["checks"]["broker"] == "no answer"
        assert silent.connections == 1

    def test_asks_anew_when_the_former_question_has_hung_for_long(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, broker: Broker
    ) -> None:
        monkeypatch.setattr(health, "SECONDS", 0.2)
        with SilentServer() as silent:
            with broker_url(f"amqp://127.0.0.1:{silent.port}//"):
                assert client.get(READY).json()["checks"]["broker"] == "no answer"
                wait_until(lambda: silent.connections > 0)
            monkeypatch.setattr(health, "ASK_AGAIN_SECONDS", 0)
            monkeypatch.setattr(health, "SECONDS", 30)
            assert client.get(READY).json()["checks"]["broker"] == "ok"
