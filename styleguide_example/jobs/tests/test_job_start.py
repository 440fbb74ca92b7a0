import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from styleguide_example.common.tests.brokers import message_priority, messages_take
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.core.enums import Priority, broker_priority
from styleguide_example.jobs.enums import AtOnce, JobState, OnDuplicate
from styleguide_example.jobs.exceptions import (
    JobAlreadyActiveError,
    JobKindUnknownError,
    JobNotAllowedError,
    JobParametersInvalidError,
)
from styleguide_example.jobs.kinds import nobody
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Once, Options, job_start
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.jobs.tests.work import PLAIN, WORK, WorkParameters
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]

SOON = Options(person_waits=True)


class TestJobStart:
    def test_writes_a_row_that_waits_and_is_due(self) -> None:
        owner = user_confirmed()
        job = job_start(kind=PLAIN, parameters={"steps": "3"}, owner=owner)
        assert (job.state, job.kind, job.task, job.owner, job.attempts) == (JobState.PENDING, PLAIN, WORK, owner, 0)
        assert job.parameters == {"path": "", "gate": "", "steps": 3, "fails": False, "is_silent": False}
        assert job.next_attempt_at == job.woken_at
        assert [job.started_at, job.finished_at, job.lease_token, job.expires_at, job.once_key] == [None] * 5

    def test_knows_the_id_before_the_commit_and_the_message_has_it_after(
        self, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            job = job_start(kind=PLAIN, options=SOON)
            assert isinstance(job.pk, uuid.UUID)
            assert len(queue) == 0
        (message,) = messages_take(celery_app)
        assert message.headers["id"] == str(job.pk)
        assert len(callbacks) == 1

    @pytest.mark.django_db(transaction=True)
    def test_publishes_nothing_when_the_transaction_is_rolled_back(self, queue: Queue) -> None:
        with transaction.atomic():
            job_start(kind=PLAIN, options=SOON)
            transaction.set_rollback(True)
        assert len(queue) == 0
        assert not Job.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_succeeds_while_the_broker_is_down(self, broker: Broker, queue: Queue) -> None:
        with broker.down():
            job = job_start(kind=PLAIN, options=SOON)
        assert Job.objects.get().pk == job.pk

    def test_refuses_an_unknown_kind(self) -> None:
        with pytest.raises(JobKindUnknownError):
            job_start(kind="unheard-of")

    def test_refuses_who_may_not(self) -> None:
        with kind_known("guarded", may_start=nobody), pytest.raises(JobNotAllowedError):
            job_start(kind="guarded", owner=user_confirmed())
        assert not Job.objects.exists()

    def test_asks_nobody_for_the_systems_own(self) -> None:
        with kind_known("guarded", may_start=nobody):
            assert job_start(kind="guarded").owner is None

    def test_says_field_by_field_what_does_not_fit(self) -> None:
        with pytest.raises(JobParametersInvalidError) as raised:
            job_start(kind=PLAIN, parameters={"steps": "many", "fails": "perhaps"})
        assert set(raised.value.errors) == {"steps", "fails"}

    def test_refuses_parameters_for_a_kind_that_takes_none(self) -> None:
        with kind_known("bare"), pytest.raises(JobParametersInvalidError) as raised:
            job_start(kind="bare", parameters={"steps": 3})
        assert set(raised.value.errors) == {"steps"}

    def test_keeps_parameters_up_to_the_limit_and_no_byte_more(self, settings: Settings) -> None:
        fitting = job_start(kind=PLAIN, parameters={"path": "x" * 100})
        settings.JOB_PARAMETERS_MAX_BYTES = len(json.dumps(fitting.parameters))
        job_start(kind=PLAIN, parameters={"path": "x" * 100})
        with pytest.raises(JobParametersInvalidError):
            job_start(kind=PLAIN, parameters={"path": "x" * 101})

    def test_does_not_take_another_error_for_a_taken_key(self) -> None:
        with kind_known("guarded", priority=-1), pytest.raises(IntegrityError, match="priority"):
            job_start(kind="guarded")

    def test_takes_a_handful_of_statements(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        """Two savepoints of two statements, the row, and the row read again for the database's times."""
        with django_assert_num_queries(6):
            job_start(kind=PLAIN)


class TestJobStartOptions:
    def test_are_the_kinds_own_when_nothing_is_asked(self) -> None:
        with kind_known("urgent", priority=Priority.HIGHEST, timeout_seconds=50):
            job = job_start(kind="urgent")
        assert (job.priority, job.timeout_seconds, job.queue) == (Priority.HIGHEST, 50, "")

    def test_go_before_the_kinds_own(self, settings: Settings) -> None:
        options = Options(
            priority=Priority.LOWEST, queue=settings.CELERY_TASK_DEFAULT_QUEUE, timeout_seconds=7, delay_seconds=120
        )
        job = job_start(kind=PLAIN, owner=user_confirmed(), options=options)
        assert (job.priority, job.queue, job.timeout_seconds) == (
            Priority.LOWEST,
            settings.CELERY_TASK_DEFAULT_QUEUE,
            7,
        )
        assert job.next_attempt_at is not None
        assert abs(job.next_attempt_at - job.created_at - timedelta(seconds=120)) < timedelta(seconds=10)

    @pytest.mark.django_db(transaction=True)
    def test_travel_with_the_message(self, queue: Queue) -> None:
        job_start(kind=PLAIN, options=Options(priority=Priority.LOWEST, timeout_seconds=7, person_waits=True))
        (message,) = messages_take(celery_app)
        assert message_priority(message) == broker_priority(Priority.LOWEST, broker_url=str(celery_app.conf.broker_url))
        limits: Any = message.headers["timelimit"]
        assert limits == [17, 7]

    @pytest.mark.django_db(transaction=True)
    def test_leave_what_is_due_much_later_in_the_database(self, queue: Queue) -> None:
        job = job_start(kind=PLAIN, options=Options(delay_seconds=61, person_waits=True))
        assert len(queue) == 0
        assert job.woken_at is None

    @pytest.mark.parametrize(
        "options", [Options(debounce_seconds=1), Options(once=Once(on_duplicate=OnDuplicate.SKIP))], ids=str
    )
    def test_refuse_what_has_more_than_one_outcome(self, options: Options) -> None:
        with pytest.raises(ValueError, match="job_dispatch"):
            job_start(kind=PLAIN, options=options)

    def test_refuse_a_second_one_where_once_was_asked(self) -> None:
        first = job_start(kind=PLAIN, parameters={"steps": 1, "path": "a"}, options=Options(once=Once(keys=("steps",))))
        job_start(kind=PLAIN, parameters={"steps": 2, "path": "a"}, options=Options(once=Once(keys=("steps",))))
        with pytest.raises(JobAlreadyActiveError) as raised:
            job_start(kind=PLAIN, parameters={"steps": 1, "path": "b"}, options=Options(once=Once(keys=("steps",))))
        assert raised.value.job_id == first.pk


class TestJobStartOneAtATime:
    def test_refuses_a_second_one_and_names_the_first(self) -> None:
        with kind_known("single", at_once=AtOnce.ONE):
            first = job_start(kind="single")
            with pytest.raises(JobAlreadyActiveError) as raised:
                job_start(kind="single")
        assert raised.value.job_id == first.pk
        assert Job.objects.count() == 1

    def test_is_one_for_each_owner_where_the_kind_says_so(self) -> None:
        ada, bob = user_confirmed(), user_confirmed()
        with kind_known("single", at_once=AtOnce.ONE_PER_OWNER):
            for owner in (ada, bob, None):
                job_start(kind="single", owner=owner)
            for owner in (ada, bob, None):
                with pytest.raises(JobAlreadyActiveError):
                    job_start(kind="single", owner=owner)

    def test_is_one_for_each_key_where_the_kind_says_so(self) -> None:
        with kind_known("single", at_once=AtOnce.ONE_PER_KEY, key=("path",), parameters=WorkParameters):
            job_start(kind="single", parameters={"path": "a"})
            job_start(kind="single", parameters={"path": "b"})
            with pytest.raises(JobAlreadyActiveError):
                job_start(kind="single", parameters={"path": "a", "steps": 9})

    def test_takes_a_key_that_was_left_away_for_one_of_its_own(self) -> None:
        class Optional(WorkParameters):
            where = WorkParameters().fields["path"].__class__(required=False)

        with kind_known("single", at_once=AtOnce.ONE_PER_KEY, key=("where",), parameters=Optional):
            job_start(kind="single")
            job_start(kind="single", parameters={"where": "a"})
            with pytest.raises(JobAlreadyActiveError):
                job_start(kind="single")
