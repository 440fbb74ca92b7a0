from collections.abc import Iterator
from pathlib import Path

import pytest

from styleguide_example.common.tests.processes import Broker, Queue, Worker
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.tests.flows.beat_processes import (
    Beats,
    due_and_not_written,
    last_due,
    runs_succeeded,
    time_pass,
    wait_for_runs,
    wait_for_the_end,
)

pytestmark = [pytest.mark.long, pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def beats(worker: Worker, broker: Broker, queue: Queue, tmp_path: Path) -> Iterator[Beats]:
    if broker.process is None:
        pytest.skip("the broker is somebody else's to end")
    running = Beats(worker.environment, tmp_path / "bodies")
    yield running
    running.stop()


class TestBrokerDown:
    def test_for_some_due_times_loses_and_doubles_nothing(self, beats: Beats, broker: Broker) -> None:
        row = beats.schedule()
        beats.beat_start()
        wait_for_runs(row, number=2)

        with broker.down():
            time_pass(seconds=7)
        beats.worker_start()
        wait_for_runs(row, number=9, after=last_due(row))

        wait_for_the_end(row)
        assert due_and_not_written(row) == []
        assert set(ScheduleRun.objects.values_list("state", flat=True)) == {RunState.SUCCESS}
        assert sorted(beats.bodies()) == runs_succeeded(row)

    def test_for_longer_than_a_run_may_wait_ends_it_expired(self, beats: Beats, broker: Broker) -> None:
        row = beats.schedule(expire_seconds=1)
        beats.beat_start()
        wait_for_runs(row, number=2)

        with broker.down():
            time_pass(seconds=3)
        beats.worker_start()
        wait_for_runs(row, number=6, after=last_due(row))

        wait_for_the_end(row)
        assert due_and_not_written(row) == []
        assert set(ScheduleRun.objects.values_list("state", flat=True)) == {RunState.SUCCESS, RunState.EXPIRED}
        assert sorted(beats.bodies()) == runs_succeeded(row)
