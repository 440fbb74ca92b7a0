import pytest
from kombu import Queue as KombuQueue
from pytest_django import Settings

from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.enums import ACTIVE_STATES, JobState
from styleguide_example.jobs.exceptions import (
    JobAlreadyActiveError,
    JobKindUnknownError,
    JobNotAllowedError,
    JobStateConflictError,
)
from styleguide_example.jobs.kinds import nobody
from styleguide_example.jobs.models import Job, JobContinuation
from styleguide_example.jobs.services import (
    Options,
    Step,
    job_batch_start,
    job_cancel,
    job_chain_start,
    job_retry,
    job_start,
)
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, kind_known
from styleguide_example.jobs.tests.messages import message_ids, messages_work, read
from styleguide_example.jobs.tests.work import ALONE, CALL, PLAIN, RESUMING
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]

#: As they are when they were checked.
PARAMETERS = {"path": "", "gate": "", "steps": 1, "fails": False, "is_silent": False}


class TestJobRetry:
    @pytest.mark.parametrize("state", [JobState.FAILURE, JobState.REVOKED])
    def test_writes_a_new_row_linked_to_the_old_one(self, state: JobState) -> None:
        owner = user_confirmed()
        job = job_ended_make(
            state,
            kind=PLAIN,
            owner=owner,
            parameters={"steps": 3},
            priority=Priority.LOWEST,
            timeout_seconds=9,
            progress_current=7,
        )
        before = Job.objects.values().get()
        retry = job_retry(job=job)
        assert retry.pk != job.pk
        assert (retry.retry_of, retry.state, retry.owner, retry.kind) == (job, JobState.PENDING, owner, PLAIN)
        assert (retry.parameters, retry.priority, retry.timeout_seconds) == ({"steps": 3}, Priority.LOWEST, 9)
        assert (retry.attempts, retry.progress_current, retry.error_code) == (0, 0, "")
        assert Job.objects.values().get(pk=job.pk) == before

    def test_goes_on_from_where_it_stood_if_its_kind_may_resume(self) -> None:
        job = job_ended_make(JobState.REVOKED, kind=RESUMING, progress_current=7, progress_total=9)
        retry = job_retry(job=job)
        assert (retry.progress_current, retry.progress_total) == (7, 9)

    @pytest.mark.parametrize("state", [*ACTIVE_STATES, JobState.SUCCESS])
    def test_is_refused_when_there_is_nothing_to_do_again(self, state: JobState) -> None:
        with pytest.raises(JobStateConflictError):
            job_retry(job=JobFactory.create(kind=PLAIN, state=state))
        assert Job.objects.count() == 1

    def test_is_refused_while_it_is_being_done_again(self) -> None:
        job = job_ended_make(JobState.FAILURE, kind=PLAIN)
        retry = job_retry(job=job)
        with pytest.raises(JobAlreadyActiveError) as raised:
            job_retry(job=job)
        assert raised.value.job_id == retry.pk

    def test_is_refused_while_another_one_holds_the_key(self) -> None:
        former = job_start(kind=ALONE)
        job_cancel(job=former)
        other = job_start(kind=ALONE)
        with pytest.raises(JobAlreadyActiveError) as raised:
            job_retry(job=read(former))
        assert raised.value.job_id == other.pk
        job_cancel(job=other)
        assert job_retry(job=read(former)).once_key == former.once_key

    def test_asks_whether_the_person_may(self) -> None:
        job = job_ended_make(JobState.FAILURE, kind="guarded")
        with kind_known("guarded", may_start=nobody):
            with pytest.raises(JobNotAllowedError):
                job_retry(job=job, by=user_confirmed())
            assert job_retry(job=job).retry_of == job

    def test_is_refused_when_the_kind_is_gone(self) -> None:
        with pytest.raises(JobKindUnknownError):
            job_retry(job=job_ended_make(JobState.FAILURE, kind="gone"))

    def test_calls_a_task_that_is_no_kind_again(self) -> None:
        job = job_ended_make(JobState.FAILURE, kind=CALL, task=CALL, parameters={"path": ""})
        assert job_retry(job=job).parameters == {"path": ""}
        with pytest.raises(JobStateConflictError, match="no task"):
            job_retry(job=job_ended_make(JobState.FAILURE, kind="tests.gone", task="tests.gone"))

    @pytest.mark.django_db(transaction=True)
    def test_wakes_a_worker(self, queue: Queue) -> None:
        retry = job_retry(job=job_ended_make(JobState.FAILURE, kind=PLAIN))
        assert message_ids() == [str(retry.pk)]

    @pytest.mark.django_db(transaction=True)
    def test_asked_for_twice_at_once_is_one(self, queue: Queue) -> None:
        job = job_ended_make(JobState.FAILURE, kind=PLAIN)

        def retry(_: int) -> bool:
            try:
                return bool(job_retry(job=Job.objects.get(pk=job.pk)))
            except JobAlreadyActiveError:
                return False

        assert sum(race(retry, runners=8)) == 1
        assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queue")
class TestJobRetryOfAStep:
    def test_takes_the_rest_of_the_chain_along(self) -> None:
        steps = [Step(PLAIN, {"fails": True}), Step(PLAIN, {"steps": 2})]
        first = job_chain_start(steps=steps, owner=user_confirmed())
        messages_work()
        assert read(first).state == JobState.FAILURE
        Job.objects.update(parameters={**read(first).parameters, "fails": False})

        retry = job_retry(job=first)
        assert (retry.chain_id, retry.chain_position) == (first.chain_id, 1)
        assert JobContinuation.objects.get().after == retry
        while messages_work():
            pass
        assert Job.objects.get(chain_position=2).state == JobState.SUCCESS
        assert not JobContinuation.objects.exists()

    def test_is_for_the_step_behind_which_the_rest_waits(self) -> None:
        first = job_chain_start(steps=[Step(PLAIN), Step(PLAIN)])
        retry = job_retry(job=job_cancel(job=first))
        job_cancel(job=retry)
        with pytest.raises(JobStateConflictError, match=str(retry.pk)):
            job_retry(job=first)
        last = job_retry(job=retry)
        assert JobContinuation.objects.get().after == last


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queue")
class TestJobRetryOfABatch:
    def test_does_what_did_not_succeed(self) -> None:
        batch = batch_make(
            JobState.SUCCESS,
            JobState.FAILURE,
            JobState.REVOKED,
            parent={"kind": PLAIN, "state": JobState.FAILURE},
            kind=PLAIN,
            parameters=PARAMETERS,
        )
        retry = job_retry(job=batch)
        assert (retry.retry_of, retry.is_batch, retry.children_total) == (batch, True, 2)
        assert list(retry.children.values_list("parameters", "state")) == [(PARAMETERS, JobState.PENDING)] * 2
        messages_work()
        assert read(retry).state == JobState.SUCCESS
        assert read(batch).state == JobState.FAILURE

    def test_keeps_how_the_batch_was_dispatched(self, settings: Settings) -> None:
        settings.CELERY_TASK_QUEUES = [KombuQueue("slow")]
        options = Options(priority=Priority.LOW, queue="slow", timeout_seconds=7)
        batch = job_batch_start(kind=PLAIN, children=[{}], options=options)
        job_cancel(job=batch)
        (child,) = job_retry(job=batch).children.all()
        assert (child.priority, child.queue, child.timeout_seconds) == (Priority.LOW, "slow", 7)

    def test_goes_to_the_kinds_queue_when_the_former_one_is_gone(self) -> None:
        batch = batch_make(JobState.FAILURE, kind=PLAIN, parent={"kind": PLAIN, "state": "FAILURE", "queue": "gone"})
        (child,) = job_retry(job=batch).children.all()
        assert child.queue == ""

    def test_is_for_the_last_one_alone(self) -> None:
        """What the first retry did would be done twice."""
        batch = batch_make(
            JobState.FAILURE, kind=PLAIN, parameters=PARAMETERS, parent={"kind": PLAIN, "state": "FAILURE"}
        )
        retry = job_retry(job=batch)
        messages_work()
        assert read(retry).state == JobState.SUCCESS
        with pytest.raises(JobStateConflictError, match=str(retry.pk)):
            job_retry(job=batch)

    def test_does_not_do_a_part_alone(self) -> None:
        batch = batch_make(JobState.FAILURE, parent={"kind": PLAIN, "state": JobState.FAILURE}, kind=PLAIN)
        with pytest.raises(JobStateConflictError, match=str(batch.pk)):
            job_retry(job=batch.children.get())
