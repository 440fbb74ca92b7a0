"""Two real beats and a worker. Counted at the edges: due times that have a row, and bodies that ran."""

import time

import pytest

from styleguide_example.common.tests.processes import Process, wait_until
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
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


def _two(beats: Beats) -> tuple[Process, Process]:
    """One that leads and one that stands by."""
    leader = beats.beat_start()
    wait_until(lambda: leads(leader))
    return leader, beats.beat_start()


class TestTakeover:
    def test_from_a_beat_that_was_killed_loses_and_doubles_nothing(self, beats: Beats) -> None:
        row = beats.schedule()
        beats.worker_start()
        leader, other = _two(beats)
        wait_for_runs(row, number=3)

        for _ in range(3):  # a busy machine may stall two of them
            leader.kill_group()
            killed_at, before = time.monotonic(), last_due(row)
            wait_for_runs(row, number=1, after=before, timeout=60)
            took = time.monotonic() - killed_at
            leader, other = other, leader
            if took < 15:
                break
            other = beats.beat_start()
        assert took < 15  # the contract, not a benchmark

        assert leads(leader)
        wait_for_runs(row, number=12, after=before)
        wait_for_the_end(row)
        assert due_and_not_written(row) == []
        assert set(ScheduleRun.objects.values_list("state", flat=True)) == {RunState.SUCCESS}
        assert sorted(beats.bodies()) == runs_succeeded(row)

    def test_from_a_beat_that_ends_is_at_once(self, beats: Beats) -> None:
        row = beats.schedule()
        leader, other = _two(beats)
        wait_for_runs(row, number=1)

        leader.stop()
        assert not leads(leader)  # it gave its lease back: nobody has to wait for the end of that
        wait_until(lambda: leads(other))

        wait_for_runs(row, number=2, after=last_due(row))
        other.stop()
        assert due_and_not_written(row) == []

    def test_from_a_beat_that_was_paused_doubles_nothing_when_it_comes_back(self, beats: Beats) -> None:
        row = beats.schedule()
        beats.worker_start()
        paused, successor = _two(beats)
        wait_for_runs(row, number=2)

        paused.pause()
        wait_until(lambda: leads(successor), timeout=15)  # the contract, not a benchmark
        wait_for_runs(row, number=2, after=last_due(row))
        paused.resume()
        paused.wait_for_line("beat_stands_by")
        wait_for_runs(row, number=2, after=last_due(row))

        assert leads(successor)
        wait_for_the_end(row)
        assert due_and_not_written(row) == []
        assert set(ScheduleRun.objects.values_list("state", flat=True)) == {RunState.SUCCESS}
        assert sorted(beats.bodies()) == runs_succeeded(row)
