"""A leading beat whose database falls silent: its connection stays, and nothing comes through it any more."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from styleguide_example.common.tests.processes import Worker, wait_until
from styleguide_example.common.tests.sockets import Proxy
from styleguide_example.tasks.tests.flows.beat_processes import (
    Beats,
    due_and_not_written,
    last_due,
    leads,
    runs_succeeded,
    wait_for_runs,
    wait_for_the_end,
)

pytestmark = [pytest.mark.long, pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """The way to this run's database, which can be cut off."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: make test runs it there too")
    host, port = str(connection.settings_dict["HOST"]), int(connection.settings_dict["PORT"] or 5432)
    with Proxy(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)) as server:
        yield server


def _through(proxy: Proxy) -> str:
    values = connection.settings_dict
    password = f":{quote(values['PASSWORD'])}" if values["PASSWORD"] else ""
    return f"postgres://{values['USER']}{password}@127.0.0.1:{proxy.port}/{values['NAME']}"


@pytest.fixture
def cut_off(worker: Worker, proxy: Proxy, tmp_path: Path) -> Iterator[Beats]:
    running = Beats({**worker.environment, "DATABASE_URL": _through(proxy)}, tmp_path / "bodies")
    yield running
    running.kill()


class TestCutOff:
    def test_from_its_database_another_beat_leads_and_nothing_is_lost_or_doubled(
        self, beats: Beats, cut_off: Beats, proxy: Proxy
    ) -> None:
        row = beats.schedule()
        beats.worker_start()
        leader = cut_off.beat_start()
        wait_until(lambda: leads(leader))
        other = beats.beat_start()
        wait_for_runs(row, number=2)

        proxy.frozen.set()
        before = last_due(row)
        wait_until(lambda: leads(other), timeout=15)

        wait_for_runs(row, number=12, after=before)
        wait_for_the_end(row)
        assert due_and_not_written(row) == []
        assert sorted(beats.bodies()) == runs_succeeded(row)
