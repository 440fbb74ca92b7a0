"""A batch under fire. ``JOB_DRILL_CHILDREN`` makes it as large as in earnest."""

import os
from collections import Counter

import pytest

from styleguide_example.common.tests.processes import Queue, wait_until
from styleguide_example.jobs.enums import ENDED_STATES, ErrorCode, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_batch_start
from styleguide_example.jobs.tests.flows.workers import Workers, sweep_until_ended
from styleguide_example.jobs.tests.messages import read
from styleguide_example.jobs.tests.work import RESUMING

pytestmark = [pytest.mark.long, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CHILDREN = int(os.environ.get("JOB_DRILL_CHILDREN", "300"))
WINDOW = 40
KILLS = 3
CONCURRENCY = 2


class TestFanOut:
    def test_ends_each_child_once_with_true_counts_through_three_kills(self, workers: Workers, queue: Queue) -> None:
        failing = CHILDREN // 100
        children = (workers.work(steps=1, fails=child % 100 == 7) for child in range(CHILDREN))
        batch = job_batch_start(kind=RESUMING, children=children)
        seen: list[int] = []

        def has_come(share: float) -> bool:
            seen.append(read(batch).progress_current)
            assert len(queue) <= 100  # the window, not the batch
            return seen[-1] >= CHILDREN * share

        for kill in range(KILLS):
            worker = workers.start(concurrency=CONCURRENCY, JOB_BATCH_WINDOW=WINDOW, JOB_LEASE_SECONDS=5)
            wait_until(lambda share=(kill + 1) / (KILLS + 2): has_come(share), timeout=60 + CHILDREN / 5)  # type: ignore[misc]
            worker.kill_group()
        workers.start(concurrency=CONCURRENCY, JOB_BATCH_WINDOW=WINDOW)
        batch = sweep_until_ended(batch, timeout=60 + CHILDREN / 5)

        assert (batch.state, batch.error_code) == (JobState.FAILURE, ErrorCode.PARTIAL_FAILURE)
        states = Counter(Job.objects.filter(parent=batch).values_list("state", flat=True))
        assert states == {JobState.SUCCESS: CHILDREN - failing, JobState.FAILURE: failing}
        assert batch.result == {"total": CHILDREN, "done": CHILDREN - failing, "failed": failing, "cancelled": 0}
        assert batch.progress_current == batch.progress_total == CHILDREN
        assert seen == sorted(seen)
        # A body that was killed was begun again; no other was begun twice.
        again = Counter(workers.begun())
        assert len(again) == CHILDREN
        assert sum(again.values()) - CHILDREN <= KILLS * CONCURRENCY
        assert not Job.objects.exclude(state__in=ENDED_STATES).exists()
