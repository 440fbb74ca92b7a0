import os
import signal

import pytest

from styleguide_example.common.tests.processes import Queue
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.services import Options, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, sweep_until_ended, wait_for_state
from styleguide_example.jobs.tests.messages import read
from styleguide_example.jobs.tests.work import PLAIN

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SOON = Options(person_waits=True)


class TestShutdown:
    def test_by_sigterm_lets_the_job_in_flight_end_and_loses_none_behind_it(
        self, workers: Workers, queue: Queue
    ) -> None:
        process = workers.start()
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(steps=1), options=SOON)
        workers.wait_for_begun()
        behind = [job_start(kind=PLAIN, parameters=workers.work(), options=SOON) for _ in range(3)]
        os.kill(process.pid, signal.SIGTERM)
        process.wait_for_line("Warm shutdown")
        workers.open_gate()
        wait_for_state(job, JobState.SUCCESS)
        assert {read(other).state for other in behind} == {JobState.PENDING}

        workers.start()
        assert {sweep_until_ended(other).state for other in behind} == {JobState.SUCCESS}
        assert set(workers.begun()) == {str(one.pk) for one in (job, *behind)}
        assert len(workers.begun()) == 4
