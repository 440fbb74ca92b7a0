"""Whatever happens to jobs in whatever order, these hold."""

import uuid
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from styleguide_example.common.leases import lease_claim
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.jobs.claims import _claimable
from styleguide_example.jobs.ending import Ending, job_end
from styleguide_example.jobs.enums import ACTIVE_STATES, ENDED_STATES, RUNNING_STATES, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.progress import report_take
from styleguide_example.jobs.services import (
    Options,
    job_batch_start,
    job_cancel,
    job_report_progress,
    job_retry,
    job_start,
    job_sweep,
)
from styleguide_example.jobs.tests.work import ALONE, RESUMING

pytestmark = [pytest.mark.long, pytest.mark.once, pytest.mark.django_db, pytest.mark.usefixtures("kinds")]

WAITING, RUNNING, ENDED = "waiting", "running", "ended"
_PHASE = {**dict.fromkeys(ENDED_STATES, ENDED), **dict.fromkeys(RUNNING_STATES, RUNNING)}
#: Which phase may follow on which.
_LEGAL = {WAITING: {WAITING, RUNNING, ENDED}, RUNNING: {RUNNING, WAITING, ENDED}, ENDED: {ENDED}}

ACTIONS = (
    "start",
    "batch",
    "claim",
    "report",
    "report",
    "cancel",
    "retry",
    "sweep",
    "expire",
    "succeed",
    "fail",
    "late",
)
Moves = list[tuple[str, int, int]]


class World:
    """A few jobs, those who work on them, and what was true of each job when we last looked."""

    def __init__(self) -> None:
        #: Workers: the job as each one got it. One that lost its lease goes on believing.
        self.workers: list[Job] = []
        self.last: dict[uuid.UUID, Job] = {}
        for number in range(2):
            self._start(number, 0)
            self._claim(number, 0)
        assert len(self.workers) == 2
        self._batch(0, 2)

    def do(self, action: str, which: int, amount: int) -> None:
        """Do it to one of them; a refusal is an answer."""
        with suppress(ConflictError):
            getattr(self, f"_{action}")(which, amount)

    def check(self) -> None:
        """Compare all rows with what they were, and with each other."""
        now = {job.pk: job for job in Job.objects.all()}
        for pk, job in now.items():
            self._check_step(self.last.get(pk), job)
        keys = Counter(job.once_key for job in now.values() if job.once_key and job.state in ACTIVE_STATES)
        assert set(keys.values()) <= {1}
        for job in now.values():
            if job.is_batch:
                _check_batch(job, [child for child in now.values() if child.parent_id == job.pk])
        self.last = now

    @staticmethod
    def _check_step(before: Job | None, job: Job) -> None:
        assert (job.lease_token is not None) == (job.state in RUNNING_STATES and not job.is_batch)
        assert (job.finished_at is not None) == (job.state in ENDED_STATES)
        if before is None:
            return
        assert _phase(job) in _LEGAL[_phase(before)]
        assert job.progress_current >= before.progress_current
        assert job.attempts >= before.attempts
        if before.state in ENDED_STATES:
            assert job.attempts == before.attempts, "it ran after its end"
            assert (job.state, job.finished_at, job.result) == (before.state, before.finished_at, before.result)

    def _start(self, which: int, amount: int) -> None:
        job_start(kind=ALONE if which % 2 else RESUMING, options=Options(person_waits=True))  # due at once

    def _batch(self, which: int, amount: int) -> None:
        job_batch_start(kind=RESUMING, children=[{}] * (amount % 4 + 1))

    def _claim(self, which: int, amount: int) -> None:
        """As the message's claim does it; also of what has ended."""
        job = _pick(Job.objects.filter(is_batch=False), which)
        if job and lease_claim(
            _claimable(job.pk), owner="w", seconds=60, state=JobState.STARTED, started_at=job.created_at
        ):
            self.workers.append(Job.objects.get(pk=job.pk))

    def _report(self, which: int, amount: int) -> None:
        if job := self._worker(which, amount):
            assert job.lease_token is not None
            report_take(job.lease_token)  # the throttle has a test of its own
            job_report_progress(job=job, current=amount, total=10)

    def _cancel(self, which: int, amount: int) -> None:
        if job := _pick(Job.objects.all(), which):
            job_cancel(job=job)

    def _retry(self, which: int, amount: int) -> None:
        if job := _pick(Job.objects.filter(state__in=ENDED_STATES), which):
            job_retry(job=job)

    def _sweep(self, which: int, amount: int) -> None:
        job_sweep()

    def _expire(self, which: int, amount: int) -> None:
        """A worker dies, or is paused for long; or nobody begins a job in time."""
        past = timezone.now() - timedelta(seconds=1)
        if job := _pick(Job.objects.filter(lease_token__isnull=False), which):
            Job.objects.filter(pk=job.pk).update(lease_expires_at=past)
            if amount % 2:
                job_sweep()
        if amount == 0 and (job := _pick(Job.objects.filter(state=JobState.PENDING, is_batch=False), which)):
            Job.objects.filter(pk=job.pk).update(expires_at=past)

    def _succeed(self, which: int, amount: int) -> None:
        self._end(which, amount, Ending(JobState.SUCCESS, result=amount))

    def _fail(self, which: int, amount: int) -> None:
        self._end(which, amount, Ending(JobState.FAILURE, code="failed"))

    def _late(self, which: int, amount: int) -> None:
        """The same end is told twice."""
        for _ in range(2):
            self._succeed(which, amount)

    def _worker(self, which: int, amount: int) -> Job | None:
        """Now and then one that has lost its job, else one that holds it."""
        tokens = set(Job.objects.filter(lease_token__isnull=False).values_list("lease_token", flat=True))
        holders = [job for job in self.workers if job.lease_token in tokens]
        workers = self.workers if which < 2 or not holders else holders
        return workers[(which + amount) % len(workers)] if workers else None

    def _end(self, which: int, amount: int, ending: Ending) -> None:
        if job := self._worker(which, amount):
            is_its_own = Job.objects.filter(pk=job.pk, lease_token=job.lease_token).exists()
            assert job_end(job.pk, when=Q(lease_token=job.lease_token), ending=ending) == is_its_own


def _check_batch(batch: Job, children: list[Job]) -> None:
    states = Counter(child.state for child in children)
    counts = (batch.children_done, batch.children_failed, batch.children_cancelled)
    assert counts == (states["SUCCESS"], states["FAILURE"], states["REVOKED"])
    assert batch.children_total == len(children)
    assert batch.progress_current == sum(counts)
    assert (batch.state in ENDED_STATES) == (sum(counts) == len(children))
    if batch.state == JobState.SUCCESS:
        assert states["SUCCESS"] == len(children)


def _phase(job: Job) -> str:
    return _PHASE.get(JobState(job.state), WAITING)


def _pick(jobs: Any, which: int) -> Job | None:
    found: list[Job] = list(jobs.order_by("created_at", "pk"))
    return found[which % len(found)] if found else None


class TestAnyOrder:
    @settings(
        max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        moves=st.lists(
            st.tuples(st.sampled_from(ACTIONS), st.integers(0, 4), st.integers(0, 4)), min_size=10, max_size=30
        )
    )
    @example(moves=[("expire", 0, 1), ("succeed", 0, 0)])  # the late end of one who lost the job, while it waits
    @example(moves=[("expire", 0, 1), ("claim", 0, 0), ("late", 0, 0), ("report", 0, 1)])  # and while another runs it
    @example(moves=[("report", 2, 4), ("expire", 0, 1), ("claim", 0, 0), ("report", 0, 2)])  # begun again from 0
    @example(moves=[("claim", 2, 0), ("cancel", 2, 0), ("cancel", 3, 0), ("late", 2, 0), ("sweep", 0, 0)])  # of a batch
    def test_keeps_what_is_promised(self, moves: Moves) -> None:
        Job.objects.all().delete()
        world = World()
        for action, which, amount in moves:
            world.do(action, which, amount)
            world.check()
