import json
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.jobs.claims import job_running
from styleguide_example.jobs.ending import CANCELLED, Ending, job_end
from styleguide_example.jobs.enums import ENDED_STATES, AtOnce, ErrorCode, JobState
from styleguide_example.jobs.exceptions import JobNotAllowedError, JobParametersInvalidError, JobStateConflictError
from styleguide_example.jobs.kinds import nobody
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Once, Options, job_batch_start, job_cancel, job_sweep
from styleguide_example.jobs.tests.factories import batch_make, kind_known
from styleguide_example.jobs.tests.messages import message_work, messages_work, read
from styleguide_example.jobs.tests.work import PLAIN, kind_doing
from styleguide_example.notifications.models import Notification
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = [
    pytest.mark.no_services,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("kinds", "queue"),
]

#: Nobody has begun it.
_WAITING = Q(lease_token__isnull=True, state=JobState.PENDING)
DONE = Ending(JobState.SUCCESS)
FAILED = Ending(JobState.FAILURE, code="failed")


def _batch(number: int, *, fails: Collection[int] = (), **arguments: Any) -> Job:
    children = ({"fails": child in fails} for child in range(number))
    return job_batch_start(kind=PLAIN, children=children, **arguments)


def _end_child(child: Job, ending: Ending = DONE) -> bool:
    """End one as its worker does."""
    token = uuid.uuid4()
    soon = timezone.now() + timedelta(minutes=1)
    Job.objects.filter(pk=child.pk).update(state=JobState.STARTED, lease_token=token, lease_expires_at=soon)
    return job_end(child.pk, when=Q(lease_token=token), ending=ending)


def _end_one_of(children: Sequence[Job], number: int) -> bool:
    """End one that nobody has begun."""
    return job_end(children[number].pk, when=_WAITING, ending=DONE)


def _open(batch: Job) -> int:
    """How many children may begin."""
    return batch.children.filter(state=JobState.PENDING, next_attempt_at__isnull=False).count()


class TestJobBatchStart:
    def test_writes_a_parent_and_its_children(self) -> None:
        owner = user_confirmed()
        batch = _batch(3, owner=owner)
        assert (batch.is_batch, batch.state, batch.owner, batch.children_total, batch.progress_total) == (
            True,
            JobState.PENDING,
            owner,
            3,
            3,
        )
        children = Job.objects.filter(parent=batch)
        assert {(child.kind, child.task, child.owner, child.state) for child in children} == {
            (PLAIN, batch.task, owner, JobState.PENDING)
        }

    def test_puts_a_window_into_the_broker_however_many_there_are(self, settings: Settings, queue: Queue) -> None:
        settings.JOB_BATCH_WINDOW = 7
        batch = _batch(2500)
        assert len(queue) == 7
        assert _open(batch) == 7
        assert batch.children_total == Job.objects.filter(parent=batch).count() == 2500

    def test_sends_no_message_for_the_parent(self) -> None:
        batch = _batch(2)
        assert str(batch.pk) not in {message.headers["id"] for message in messages_take(celery_app)}

    def test_reads_the_children_one_by_one_and_writes_nothing_when_one_does_not_fit(self, queue: Queue) -> None:
        with pytest.raises(JobParametersInvalidError):
            job_batch_start(kind=PLAIN, children=({"steps": step} for step in (1, 2, "x")))
        assert not Job.objects.exists()
        assert len(queue) == 0

    def test_refuses_a_child_that_is_too_large(self, settings: Settings) -> None:
        settings.JOB_PARAMETERS_MAX_BYTES = 200
        with pytest.raises(JobParametersInvalidError):
            job_batch_start(kind=PLAIN, children=[{}, {"path": "x" * 200}])
        assert not Job.objects.exists()

    def test_refuses_no_children(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            _batch(0)
        assert not Job.objects.exists()

    def test_refuses_who_may_not(self) -> None:
        with kind_known("guarded", may_start=nobody), pytest.raises(JobNotAllowedError):
            job_batch_start(kind="guarded", children=[{}], owner=user_confirmed())

    @pytest.mark.parametrize(
        "options", [Options(once=Once()), Options(debounce_seconds=1), Options(delay_seconds=1)], ids=str
    )
    def test_refuses_what_it_would_not_heed(self, options: Options) -> None:
        with pytest.raises(ValueError, match="begins at once"):
            _batch(1, options=options)

    def test_refuses_a_kind_of_which_not_many_may_be_active(self) -> None:
        with kind_known("single", at_once=AtOnce.ONE), pytest.raises(ValueError, match="single runs ONE at a time"):
            job_batch_start(kind="single", children=[{}])


class TestTheEndOfAChild:
    def test_is_counted_by_how_it_ended(self) -> None:
        batch = _batch(3)
        for child, ending in zip(batch.children.all(), (DONE, FAILED, CANCELLED), strict=True):
            assert _end_child(child, ending)
        batch = read(batch)
        assert (batch.children_done, batch.children_failed, batch.children_cancelled) == (1, 1, 1)
        assert (batch.state, batch.error_code) == (JobState.FAILURE, ErrorCode.PARTIAL_FAILURE)
        assert batch.result == {"total": 3, "done": 1, "failed": 1, "cancelled": 1}
        assert (batch.progress_current, batch.progress_total) == (3, 3)
        assert batch.finished_at is not None

    def test_makes_the_batch_run_and_the_last_one_ends_it(self) -> None:
        batch = _batch(2)
        first, last = batch.children.all()
        _end_child(first)
        assert read(batch).state == JobState.PROGRESS
        assert read(batch).started_at is not None
        _end_child(last)
        assert read(batch).state == JobState.SUCCESS

    def test_counts_once_however_often_it_is_told(self) -> None:
        batch = _batch(3)
        child = batch.children.all()[0]
        assert [_end_child(child)] + [job_end(child.pk, when=_WAITING, ending=FAILED) for _ in range(2)] == [
            True,
            False,
            False,
        ]
        assert (read(batch).children_done, read(batch).children_failed) == (1, 0)

    def test_lets_the_next_one_begin(self, settings: Settings, queue: Queue) -> None:
        settings.JOB_BATCH_WINDOW = 2
        batch = _batch(5)
        windows = []
        while child := batch.children.filter(state=JobState.PENDING, next_attempt_at__isnull=False).first():
            _end_child(child)
            windows.append(_open(batch))
        assert windows == [2, 2, 2, 1, 0]
        assert read(batch).state == JobState.SUCCESS
        assert len(queue) == 5

    def test_that_fails_stops_no_other(self, settings: Settings) -> None:
        settings.JOB_BATCH_WINDOW = 10
        batch = _batch(100, fails={17})
        while messages_work():
            assert _open(batch) <= 10
        batch = read(batch)
        assert (batch.children_done, batch.children_failed) == (99, 1)
        assert (batch.state, batch.error_message) == (JobState.FAILURE, "1 of 100 parts failed.")
        failed = batch.children.get(state=JobState.FAILURE)
        assert failed.error_code == "one_of_those"

    def test_takes_as_many_statements_in_a_large_batch_as_in_a_small_one(self, settings: Settings) -> None:
        settings.JOB_BATCH_WINDOW = 5
        counts = []
        for number in (10, 1000):
            batch = _batch(number)
            child = batch.children.filter(next_attempt_at__isnull=False).first()
            assert child is not None
            with CaptureQueriesContext(connection) as queries:
                _end_child(child)
            counts.append(len(queries))
            assert "COUNT" not in json.dumps([query["sql"] for query in queries])
        assert counts[0] == counts[1]

    def test_tells_the_owner_once_at_the_end_of_the_batch(self) -> None:
        batch = _batch(3, fails={1}, owner=user_confirmed())
        while messages_work():
            pass
        assert read(batch).state == JobState.FAILURE
        assert Notification.objects.get().text == "1 of 3 parts failed."

    def test_that_was_not_in_the_window_opens_none(self, settings: Settings) -> None:
        settings.JOB_BATCH_WINDOW = 2
        batch = _batch(5)
        closed = batch.children.filter(next_attempt_at__isnull=True).first()
        assert closed is not None
        job_cancel(job=closed)
        assert _open(batch) == 2


class TestChildrenAtOnce:
    def test_ended_by_eight_are_each_counted_once(self, settings: Settings) -> None:
        settings.JOB_BATCH_WINDOW = 8
        batch = _batch(80)

        def work(number: int) -> None:
            while opened := list(batch.children.filter(_WAITING, next_attempt_at__isnull=False)):
                child = opened[number % len(opened)]
                job_end(child.pk, when=_WAITING, ending=FAILED if child.pk.int % 20 == 0 else DONE)

        race(work, runners=8)
        batch = read(batch)
        failed = batch.children.filter(state=JobState.FAILURE).count()
        assert not batch.children.exclude(state__in=ENDED_STATES).exists()
        assert (batch.children_done, batch.children_failed, batch.progress_current) == (80 - failed, failed, 80)
        assert batch.state == (JobState.FAILURE if failed else JobState.SUCCESS)

    def test_ended_by_eight_while_it_is_cancelled_are_each_counted_once(self, settings: Settings) -> None:
        settings.JOB_BATCH_WINDOW = 20
        batch = _batch(60)
        children = list(batch.children.all())

        def act(number: int) -> None:
            if number == 0:
                with suppress(JobStateConflictError):  # the others were quicker
                    job_cancel(job=Job.objects.get(pk=batch.pk))
                return
            for child in children[number - 1 :: 7]:
                job_end(child.pk, when=_WAITING, ending=DONE)

        race(act, runners=8)
        batch = read(batch)
        states = list(batch.children.values_list("state", flat=True))
        assert (batch.children_done, batch.children_cancelled) == (states.count("SUCCESS"), states.count("REVOKED"))
        assert batch.children_done + batch.children_cancelled == 60
        assert batch.state == (JobState.REVOKED if batch.children_cancelled else JobState.SUCCESS)

    def test_sharing_one_last_place_end_the_batch_once(self) -> None:
        for _ in range(5):
            batch = _batch(4, owner=user_confirmed())
            race(partial(_end_one_of, list(batch.children.all())), runners=4)
            assert read(batch).state == JobState.SUCCESS
        assert Notification.objects.count() == 5


class TestWindowsRefill:
    def test_opens_what_is_missing(self, settings: Settings) -> None:
        """A child that lost its place without opening the next: nobody would ever begin the rest."""
        settings.JOB_BATCH_WINDOW = 3
        batch = _batch(6)
        opened = batch.children.filter(next_attempt_at__isnull=False)
        Job.objects.filter(pk__in=list(opened.values_list("pk", flat=True)[:2])).update(
            next_attempt_at=None, woken_at=None
        )
        job_sweep()
        assert _open(batch) == 3
        job_sweep()
        assert _open(batch) == 3

    def test_counts_those_that_run(self, settings: Settings) -> None:
        settings.JOB_BATCH_WINDOW = 2
        batch = batch_make(JobState.STARTED, JobState.RETRY, JobState.SUCCESS, kind=PLAIN)
        closed = batch_make(JobState.PENDING).children.get()
        Job.objects.filter(pk=closed.pk).update(parent=batch, next_attempt_at=None)
        job_sweep()
        assert _open(batch) == 0

    def test_opens_none_of_a_cancelled_batch(self, settings: Settings) -> None:
        batch = batch_make(JobState.STARTED, parent={"cancel_requested_at": timezone.now()})
        closed = batch_make(JobState.PENDING).children.get()
        Job.objects.filter(pk=closed.pk).update(parent=batch, next_attempt_at=None)
        job_sweep()
        assert _open(batch) == 0

    def test_brings_back_a_child_that_was_begun_again(self, settings: Settings) -> None:
        settings.JOB_BATCH_WINDOW = 1
        begun = []

        def _part(*, job_id: str) -> None:
            begun.append(job_running(job_id=job_id).attempts)

        with kind_doing(_part, may_resume=True):
            batch = job_batch_start(kind="doing", children=[{}, {}])
            (message,) = messages_take(celery_app)
            child = batch.children.get(next_attempt_at__isnull=False)
            past = timezone.now() - timedelta(seconds=1)
            Job.objects.filter(pk=child.pk).update(
                state=JobState.STARTED, lease_token=uuid.uuid4(), lease_expires_at=past, attempts=1, started_at=past
            )
            job_sweep()
            message_work(message)
            while messages_work():
                pass
            assert begun[0] == 2
            job_sweep()
            while messages_work():
                pass
        assert read(batch).state == JobState.SUCCESS
