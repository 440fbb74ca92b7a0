from contextlib import ExitStack
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from pytest_django import Settings

from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.ending import Ending, job_end
from styleguide_example.jobs.enums import ENDED_STATES, JobState, OnDuplicate
from styleguide_example.jobs.exceptions import (
    JobAlreadyActiveError,
    JobKindUnknownError,
    JobNotAllowedError,
    JobParametersInvalidError,
)
from styleguide_example.jobs.kinds import nobody
from styleguide_example.jobs.messages import job_wake
from styleguide_example.jobs.models import Job, JobContinuation
from styleguide_example.jobs.services import Once, Options, Step, job_cancel, job_chain_start, job_start, job_sweep
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.jobs.tests.messages import messages_work, read
from styleguide_example.jobs.tests.work import ALONE, PLAIN, WORK
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = [
    pytest.mark.no_services,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("kinds", "queue"),
]

SOON = Options(person_waits=True)


def _chain(*steps: Step, **arguments: Any) -> Job:
    return job_chain_start(**{"steps": steps, "options": SOON, **arguments})


def _work_all() -> None:
    """Until nothing is in the queue any more."""
    while messages_work():
        pass


def _work_now(job: Job) -> None:
    """Bring one that is due in an hour to its end, and what comes after it."""
    Job.objects.filter(pk=job.pk).update(next_attempt_at=Now())
    job_wake(job)
    _work_all()


def _steps() -> list[tuple[int, str, str]]:
    """Position, kind and state of all that was written."""
    return list(Job.objects.order_by("chain_position").values_list("chain_position", "kind", "state"))


class TestJobChainStart:
    def test_writes_the_first_step_and_no_other(self) -> None:
        first = _chain(Step(PLAIN), Step(ALONE))
        assert Job.objects.get() == first
        assert (first.chain_position, first.chain_id is not None) == (1, True)

    def test_begins_each_step_after_the_former_succeeded(self) -> None:
        owner = user_confirmed()
        first = _chain(Step(PLAIN, {"steps": 1}), Step(ALONE, {"steps": 2}), Step(PLAIN, {"steps": 3}), owner=owner)
        for number in (1, 2, 3):
            assert Job.objects.count() == number
            assert messages_work() == 1
        assert _steps() == [(1, PLAIN, "SUCCESS"), (2, ALONE, "SUCCESS"), (3, PLAIN, "SUCCESS")]
        assert set(Job.objects.values_list("chain_id", "owner")) == {(first.chain_id, owner.pk)}
        assert [job.result for job in Job.objects.order_by("chain_position")] == [{"steps": n} for n in (1, 2, 3)]
        assert not JobContinuation.objects.exists()

    def test_keeps_its_priority_along_the_chain(self) -> None:
        with kind_known("lowly", priority=Priority.LOWEST, task=celery_app.tasks[WORK]):
            _chain(Step(PLAIN), Step("lowly"), options=Options(priority=Priority.HIGHEST, person_waits=True))
            messages_work()
            messages_work()
        assert set(Job.objects.values_list("priority", flat=True)) == {Priority.HIGHEST}

    def test_refuses_what_any_step_could_not_be_started_with(self, settings: Settings) -> None:
        with kind_known("guarded", may_start=nobody), pytest.raises(JobNotAllowedError):
            _chain(Step(PLAIN), Step("guarded"), owner=user_confirmed())
        with pytest.raises(JobKindUnknownError):
            _chain(Step(PLAIN), Step("unheard-of"))
        with pytest.raises(JobParametersInvalidError):
            _chain(Step(PLAIN), Step(PLAIN, {"steps": "x"}))
        settings.JOB_PARAMETERS_MAX_BYTES = 200
        with pytest.raises(JobParametersInvalidError):
            _chain(Step(PLAIN), Step(PLAIN, {"path": "x" * 200}))
        with pytest.raises(ValueError, match="at least one step"):
            _chain()
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        "options", [Options(debounce_seconds=1), Options(once=Once(on_duplicate=OnDuplicate.SKIP))]
    )
    def test_refuses_to_hang_its_rest_on_somebody_elses_job(self, options: Options) -> None:
        job_start(kind=PLAIN, options=Options(once=Once()))
        with pytest.raises(ValueError, match="job_dispatch"):
            _chain(Step(PLAIN), Step(PLAIN), options=options)
        assert not JobContinuation.objects.exists()

    def test_refuses_a_first_step_that_is_under_way(self) -> None:
        job_start(kind=ALONE)
        with pytest.raises(JobAlreadyActiveError):
            _chain(Step(ALONE), Step(PLAIN))
        assert not JobContinuation.objects.exists()


class TestAStepThatDoesNotSucceed:
    def test_keeps_the_rest_for_its_retry(self) -> None:
        first = _chain(Step(PLAIN, {"fails": True}), Step(PLAIN))
        _work_all()
        assert _steps() == [(1, PLAIN, "FAILURE")]
        assert JobContinuation.objects.get().after == first
        job_sweep()
        assert JobContinuation.objects.get().after == first

    def test_because_it_was_cancelled_keeps_it_too(self) -> None:
        first = _chain(Step(PLAIN), Step(PLAIN))
        job_cancel(job=first)
        _work_all()
        assert _steps() == [(1, PLAIN, "REVOKED")]
        assert JobContinuation.objects.get().after == first


class TestADuplicateStep:
    """The defect of chains made with celery-once: a step that was skipped dropped all that came after it."""

    @pytest.fixture
    def twin(self) -> Job:
        """Somebody else's job that does what the second step would."""
        twin = job_start(kind=ALONE, options=Options(delay_seconds=3600, person_waits=True))
        _chain(Step(PLAIN), Step(ALONE), Step(PLAIN, {"steps": 3}))
        _work_all()
        return twin

    def test_waits_for_its_twin_and_drops_nothing(self, twin: Job) -> None:
        rest = JobContinuation.objects.get()
        assert (rest.after, rest.is_after_twin, len(rest.steps)) == (twin, True, 2)
        assert Job.objects.filter(kind=ALONE).count() == 1

        _work_now(twin)
        assert read(twin).state == JobState.SUCCESS
        assert Job.objects.get(chain_position=3).result == {"steps": 3}
        assert Job.objects.filter(kind=ALONE).count() == 1
        assert not JobContinuation.objects.exists()

    def test_runs_itself_when_its_twin_does_not_succeed(self, twin: Job) -> None:
        job_cancel(job=twin)
        _work_all()
        assert _steps() == [(0, ALONE, "REVOKED"), (1, PLAIN, "SUCCESS"), (2, ALONE, "SUCCESS"), (3, PLAIN, "SUCCESS")]
        assert not JobContinuation.objects.exists()

    def test_waits_for_one_twin_after_the_other(self, twin: Job) -> None:
        _chain(Step(PLAIN), Step(ALONE), Step(PLAIN, {"steps": 4}))
        _work_all()
        assert JobContinuation.objects.filter(after=twin).count() == 2
        job_cancel(job=twin)
        _work_all()
        # One of the two ran the step itself, the other one waited for that.
        assert Job.objects.filter(kind=ALONE, state=JobState.SUCCESS).count() == 1
        assert sorted(Job.objects.filter(chain_position=3).values_list("result__steps", flat=True)) == [3, 4]
        assert not JobContinuation.objects.exists()

    def test_at_the_end_of_a_chain_is_done_with_its_twin(self) -> None:
        twin = job_start(kind=ALONE, options=Options(delay_seconds=3600, person_waits=True))
        _chain(Step(PLAIN), Step(ALONE))
        _work_all()
        _work_now(twin)
        assert _steps() == [(0, ALONE, "SUCCESS"), (1, PLAIN, "SUCCESS")]
        assert not JobContinuation.objects.exists()

    def test_of_the_owner_waits_in_a_chain_that_is_the_owners_own(self) -> None:
        """Whoever waits for somebody else's job goes on as themselves, with their own priority."""
        ada, bob = user_confirmed(), user_confirmed()
        twin = job_start(kind=ALONE, owner=ada, options=Options(delay_seconds=3600))
        _chain(Step(PLAIN), Step(ALONE), Step(PLAIN), owner=bob, options=Options(priority=Priority.LOWEST))
        _work_all()
        _work_now(twin)
        last = Job.objects.get(chain_position=3)
        assert (last.owner, last.priority) == (bob, Priority.LOWEST)

    def test_is_not_overtaken_by_the_end_of_its_twin(self, twin: Job) -> None:
        """The twin ends while the chain is about to wait for it: its end must see the chain."""
        JobContinuation.objects.all().delete()
        former = _chain(Step(PLAIN), Step(ALONE), Step(PLAIN, {"steps": 5}))
        with ExitStack() as stack:
            with transaction.atomic():
                job_end(former.pk, when=Q(), ending=Ending(JobState.SUCCESS))
                assert JobContinuation.objects.get().after == twin
                ended = stack.enter_context(
                    meanwhile(lambda: job_end(twin.pk, when=Q(), ending=Ending(JobState.SUCCESS)))
                )
                with pytest.raises(TimeoutError):
                    ended.result(timeout=0.3)
            assert ended.result(timeout=30)
        assert Job.objects.get(chain_id=former.chain_id, chain_position=3).state == JobState.PENDING
        assert not JobContinuation.objects.exists()


class TestAStepThatCannotBeWritten:
    def test_is_written_by_the_sweep_when_that_is_mended(self) -> None:
        with kind_known("later"):
            first = _chain(Step(PLAIN), Step("later"), Step(PLAIN))
        _work_all()
        assert read(first).state == JobState.SUCCESS
        assert JobContinuation.objects.get().after == first
        job_sweep()
        assert len(JobContinuation.objects.get().steps) == 2

        with kind_known("later"):
            job_sweep()
        assert _steps() == [(1, PLAIN, "SUCCESS"), (2, "later", "PENDING")]

    def test_is_written_once_by_eight_sweeps(self) -> None:
        with kind_known("later"):
            _chain(Step(PLAIN), Step("later"), Step(PLAIN))
        _work_all()
        with kind_known("later"):
            race(lambda _: job_sweep(), runners=8)
        assert Job.objects.filter(kind="later").count() == 1


class TestTwinsAtOnce:
    def test_neither_run_a_step_twice_nor_drop_one(self, queue: Queue) -> None:
        """Four chains, whose second step only one may do at once, ended and begun by four workers."""
        for _ in range(4):
            _chain(Step(PLAIN), Step(ALONE), Step(PLAIN, {"steps": 3}))
        race(lambda _: _work_all(), runners=4)
        _work_all()
        assert not Job.objects.exclude(state__in=ENDED_STATES).exists()
        assert Job.objects.filter(chain_position=3, state=JobState.SUCCESS).count() == 4
        assert not JobContinuation.objects.exists()
