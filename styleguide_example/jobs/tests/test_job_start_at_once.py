"""Many start the same at the same moment: one does."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.jobs.enums import ACTIVE_STATES, AtOnce, ErrorCode, JobState, Outcome
from styleguide_example.jobs.exceptions import JobAlreadyActiveError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_cancel, job_dispatch, job_start
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.jobs.tests.messages import read
from styleguide_example.jobs.tests.work import ALONE, PLAIN, WorkParameters

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds", "queue")]

CLIENTS = 50


def _start(kind: str, path: str = "") -> tuple[bool, uuid.UUID]:
    """Whether it was started, and the id that the caller got."""
    try:
        return True, job_start(kind=kind, parameters={"path": path}).pk
    except JobAlreadyActiveError as error:
        return False, error.job_id


def _expired(job: Job) -> None:
    """Nobody began it in time."""
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def _crashed(job: Job) -> None:
    """Its worker is dead, and no sweep came by yet."""
    past = timezone.now() - timedelta(seconds=1)
    changes = {"lease_token": uuid.uuid4(), "lease_expires_at": past, "started_at": past, "attempts": 1}
    Job.objects.filter(pk=job.pk).update(state=JobState.STARTED, **changes)


def _cancelled(job: Job) -> None:
    job_cancel(job=job)


def _cancelled_and_crashed(job: Job) -> None:
    """Its worker died on the way to the next report."""
    _crashed(job)
    job_cancel(job=job)


class TestJobStartAtOnce:
    def test_by_fifty_starts_one_and_names_it_to_all_others(self) -> None:
        answers = race(lambda _: _start(ALONE), runners=CLIENTS)
        job = Job.objects.get()
        assert sorted(is_started for is_started, _ in answers) == [False] * (CLIENTS - 1) + [True]
        assert {job_id for _, job_id in answers} == {job.pk}

    def test_starts_one_for_each_key(self) -> None:
        with kind_known("keyed", at_once=AtOnce.ONE_PER_KEY, key=("path",), parameters=WorkParameters):
            answers = race(lambda number: _start("keyed", str(number % 4)), runners=16)
        assert sum(is_started for is_started, _ in answers) == 4
        assert {job_id for _, job_id in answers} == set(Job.objects.values_list("pk", flat=True))

    @pytest.mark.parametrize("what_became", [_expired, _crashed, _cancelled, _cancelled_and_crashed])
    def test_after_a_holder_that_is_gone_starts_one(self, what_became: Callable[[Job], None]) -> None:
        former = job_start(kind=ALONE)
        what_became(former)
        answers = race(lambda _: _start(ALONE), runners=8)
        active = Job.objects.get(state__in=ACTIVE_STATES)
        assert active.pk != former.pk
        assert {job_id for _, job_id in answers} == {active.pk}
        assert sum(is_started for is_started, _ in answers) == 1

    def test_debounces_all_calls_into_one(self) -> None:
        def call(number: int) -> Outcome:
            options = Options(debounce_seconds=30)
            return job_dispatch(kind=PLAIN, parameters={}, options=options).outcome

        outcomes = race(call, runners=16)
        assert sorted(outcomes) == [Outcome.DEBOUNCED] * 15 + [Outcome.QUEUED]
        assert Job.objects.count() == 1


def _cancelled_by_half(job: Job) -> None:
    """Whoever cancelled it was killed between the wish and the end."""
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=timezone.now())


class TestAHolderThatIsGone:
    def test_is_ended_with_the_reason(self) -> None:
        for what_became, code in (
            (_expired, ErrorCode.EXPIRED),
            (_crashed, ErrorCode.WORKER_LOST),
            (_cancelled_and_crashed, ErrorCode.CANCELLED),
            (_cancelled_by_half, ErrorCode.CANCELLED),
        ):
            former = job_start(kind=ALONE)
            what_became(former)
            latter = job_start(kind=ALONE)
            assert read(former).error_code == code
            job_cancel(job=latter)

    def test_that_may_resume_keeps_its_key_and_is_begun_again(self, queue: Queue) -> None:
        with kind_known("resuming", at_once=AtOnce.ONE, may_resume=True):
            former = job_start(kind="resuming")
            _crashed(former)
            with pytest.raises(JobAlreadyActiveError) as raised:
                job_start(kind="resuming")
        assert raised.value.job_id == former.pk
        assert read(former).state == JobState.RETRY
