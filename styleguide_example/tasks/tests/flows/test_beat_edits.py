"""An admin's edit, honoured by a beat that runs."""

import time

import pytest

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.tasks import services
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.tests.flows.beat_processes import TICK, Beats, last_due, leads, time_pass, wait_for_runs
from styleguide_example.tasks.timing import Cron

pytestmark = [pytest.mark.long, pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]


class TestEdit:
    def test_is_honoured_within_five_seconds(self, beats: Beats) -> None:
        every_second = beats.schedule(enabled=False)
        row = schedule_make("By hand", Cron("0 0 1 1 *"), task=TICK, kwargs=every_second.kwargs)
        beat = beats.beat_start()
        wait_until(lambda: leads(beat))

        row.crontab, row.interval = None, every_second.interval
        row.save()
        saved_at = time.monotonic()
        wait_for_runs(row, number=1)
        assert time.monotonic() - saved_at < 5  # the contract, not a benchmark

        services.schedule_disable(periodic_task=row, reason="Enough")
        time_pass(seconds=5)
        before = last_due(row)
        time_pass(seconds=2)
        assert last_due(row) == before
