import time

import pytest

from styleguide_example.common import wakeups
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_cancel, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, sweep_until_ended
from styleguide_example.jobs.tests.messages import read
from styleguide_example.jobs.tests.work import PLAIN

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SOON = Options(person_waits=True)


def _ten_started(workers: Workers) -> tuple[list[Job], float]:
    """Ten jobs, and the seconds that their starts took."""
    wakeups.broker_pause_end()
    began_at = time.monotonic()
    jobs = [job_start(kind=PLAIN, parameters=workers.work(), options=SOON) for _ in range(10)]
    return jobs, time.monotonic() - began_at


class TestBrokerDown:
    def test_delays_a_start_by_a_second_at_most_and_loses_nothing(
        self, workers: Workers, broker: Broker, queue: Queue
    ) -> None:
        with broker.down():
            tries = [_ten_started(workers) for _ in range(3)]  # a busy machine may stall two of them
            assert min(seconds for _, seconds in tries) < 1.5
        jobs = [job for started, _ in tries for job in started]
        assert len(queue) == 0
        wakeups.broker_pause_end()
        workers.start()
        assert {sweep_until_ended(job).state for job in jobs} == {JobState.SUCCESS}
        assert sorted(workers.done()) == sorted(str(job.pk) for job in jobs)

    def test_does_not_keep_a_job_from_being_cancelled(self, workers: Workers, broker: Broker) -> None:
        with broker.down():
            job = job_start(kind=PLAIN, parameters=workers.work(), options=SOON)
            job_cancel(job=job)
        assert read(job).state == JobState.REVOKED
