"""Emptying a queue or a kind."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu import Queue
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from styleguide_example.common.leases import lease_claim
from styleguide_example.common.tests.processes import Queue as Messages
from styleguide_example.common.tests.racing import race
from styleguide_example.jobs.enums import ControlAction, ErrorCode, JobState, Scope
from styleguide_example.jobs.exceptions import JobKindUnknownError, QueueUnknownError
from styleguide_example.jobs.models import ControlEntry, Job, JobContinuation
from styleguide_example.jobs.services import job_purge
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make, kind_known
from styleguide_example.notifications.models import Notification
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"), kind_known("other"):
        yield


def _states(**filters: object) -> list[str]:
    return sorted(Job.objects.filter(**filters).values_list("state", flat=True))


class TestJobPurge:
    def test_ends_what_waits_and_says_how_many(self) -> None:
        JobFactory.create(), JobFactory.create(state=JobState.RETRY)
        later = JobFactory.create(next_attempt_at=timezone.now() + timedelta(days=1))
        assert job_purge(scope=Scope.KIND, name="count") == 3
        assert _states() == [JobState.REVOKED] * 3
        later.refresh_from_db()
        assert later.error_code == ErrorCode.PURGED
        assert later.finished_at is not None
        assert later.next_attempt_at is None

    def test_leaves_alone_what_runs_what_has_ended_and_what_is_of_another_kind(self) -> None:
        untouched = [job_running_make(), job_ended_make(), job_ended_make(JobState.FAILURE)]
        untouched += [JobFactory.create(kind="other")]
        before = list(Job.objects.order_by("pk").values())
        assert job_purge(scope=Scope.KIND, name="count") == 0
        assert list(Job.objects.order_by("pk").values()) == before

    def test_empties_a_queue(self, settings: Settings) -> None:
        settings.CELERY_TASK_QUEUES = [Queue("slow")]
        JobFactory.create(queue="slow"), JobFactory.create(queue="slow", kind="other"), JobFactory.create()
        assert job_purge(scope=Scope.QUEUE, name="slow") == 2
        assert _states(queue="") == [JobState.PENDING]

    def test_empties_the_default_queue(self, settings: Settings) -> None:
        default = settings.CELERY_TASK_DEFAULT_QUEUE
        JobFactory.create(), JobFactory.create(queue=default), JobFactory.create(queue="gone")
        assert job_purge(scope=Scope.QUEUE, name=default) == 2

    def test_empties_what_was_removed_from_the_code(self) -> None:
        JobFactory.create(kind="gone", queue="gone")
        assert job_purge(scope=Scope.QUEUE, name="gone") == 1

    @pytest.mark.parametrize(("scope", "error"), [(Scope.KIND, JobKindUnknownError), (Scope.QUEUE, QueueUnknownError)])
    def test_refuses_what_does_not_exist(self, scope: Scope, error: type[Exception]) -> None:
        with pytest.raises(error):
            job_purge(scope=scope, name="no-such-thing")
        assert not ControlEntry.objects.exists()

    def test_is_entered_in_the_audit(self) -> None:
        ada = UserFactory.create()
        JobFactory.create(), JobFactory.create()
        job_purge(scope=Scope.KIND, name="count", by=ada, reason="Sent by mistake")
        entry = ControlEntry.objects.get()
        assert (entry.action, entry.target, entry.count) == (ControlAction.PURGE, "kind count", 2)
        assert (entry.done_by, entry.reason) == (ada, "Sent by mistake")

    def test_goes_in_batches_and_counts_along(self) -> None:
        for _ in range(7):
            JobFactory.create()
        counts: list[int] = []

        def listen(execute: object, sql: str, params: object, many: object, context: object) -> object:
            if sql.startswith('UPDATE "jobs_controlentry"'):
                counts.append(ControlEntry.objects.get().count)
            return execute(sql, params, many, context)  # type: ignore[operator]

        with connection.execute_wrapper(listen):
            assert job_purge(scope=Scope.KIND, name="count", batch_size=3) == 7
        assert counts == [0, 3, 6]
        assert ControlEntry.objects.get().count == 7

    def test_ends_no_more_than_its_limit(self) -> None:
        batch_make(*[JobState.PENDING] * 4)
        for _ in range(4):
            JobFactory.create()
        assert job_purge(scope=Scope.KIND, name="count", limit=5, batch_size=3) == 5
        assert Job.objects.filter(state=JobState.PENDING).count() == 3
        assert job_purge(scope=Scope.KIND, name="count", limit=5, batch_size=3) == 3

    def test_frees_the_key_of_what_it_ends(self) -> None:
        JobFactory.create(once_key="count")
        job_purge(scope=Scope.KIND, name="count")
        JobFactory.create(once_key="count")

    def test_tells_the_owner(self) -> None:
        job = JobFactory.create(owner=UserFactory.create())
        job_purge(scope=Scope.KIND, name="count")
        notification = Notification.objects.get()
        assert notification.user == job.owner
        assert "Do count" in notification.title

    def test_begins_no_next_step_of_a_chain(self) -> None:
        job = JobFactory.create()
        step = {"kind": "other", "parameters": {}}
        JobContinuation.objects.create(after=job, steps=[step], position=2, chain_id=job.pk, priority=5)
        job_purge(scope=Scope.KIND, name="count")
        assert not Job.objects.filter(kind="other").exists()

    def test_ends_what_its_message_will_not_begin(self, queue: Messages) -> None:
        """The message stays in the broker; the row decides."""
        job = JobFactory.create()
        job_purge(scope=Scope.KIND, name="count")
        rows = Job.objects.filter(pk=job.pk, state=JobState.PENDING)
        assert lease_claim(rows, owner="late", seconds=60, state=JobState.STARTED) is None


class TestJobPurgeOfBatches:
    def test_counts_the_parts_in_their_batch_and_ends_it(self) -> None:
        batch = batch_make(*[JobState.PENDING] * 5, JobState.SUCCESS)
        assert job_purge(scope=Scope.KIND, name="count", batch_size=2) == 5
        batch.refresh_from_db()
        assert (batch.state, batch.error_code) == (JobState.REVOKED, ErrorCode.PURGED)
        assert (batch.children_cancelled, batch.children_done) == (5, 1)

    def test_ends_a_batch_that_had_not_begun(self) -> None:
        batch = batch_make(JobState.PENDING, parent={"state": JobState.PENDING})
        job_purge(scope=Scope.KIND, name="count")
        batch.refresh_from_db()
        assert batch.state == JobState.REVOKED

    def test_leaves_a_batch_open_while_a_part_of_it_runs(self) -> None:
        batch = batch_make(JobState.PENDING, JobState.STARTED)
        job_purge(scope=Scope.KIND, name="count")
        batch.refresh_from_db()
        assert batch.state == JobState.PROGRESS
        assert (batch.children_cancelled, batch.progress_current) == (1, 1)

    def test_tells_the_owner_of_the_batch_once(self) -> None:
        ada = UserFactory.create()
        batch_make(*[JobState.PENDING] * 3, parent={"owner": ada}, owner=ada)
        job_purge(scope=Scope.KIND, name="count")
        assert Notification.objects.count() == 1

    def test_sends_no_message_for_parts_that_it_will_end(
        self, queue: Messages, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        batch = batch_make(*[JobState.PENDING] * 2)
        for _ in range(10):
            JobFactory.create(parent=batch, next_attempt_at=None)
        Job.objects.filter(pk=batch.pk).update(children_total=12)
        with django_capture_on_commit_callbacks(execute=True):
            assert job_purge(scope=Scope.KIND, name="count", batch_size=3) == 12
        assert len(queue) == 0

    def test_ends_those_outside_the_window_first(self) -> None:
        batch = batch_make(JobState.PENDING)
        closed = [JobFactory.create(parent=batch, next_attempt_at=None) for _ in range(3)]
        Job.objects.filter(pk=batch.pk).update(children_total=4)
        job_purge(scope=Scope.KIND, name="count", limit=3)
        assert set(Job.objects.filter(state=JobState.REVOKED)) == set(closed)

    def test_costs_no_more_for_more_parts_of_a_batch(self) -> None:
        def queries(parts: int) -> int:
            batch_make(*[JobState.PENDING] * parts)
            with CaptureQueriesContext(connection) as captured:
                job_purge(scope=Scope.KIND, name="count")
            return len(captured)

        assert queries(3) == queries(60)


@pytest.mark.django_db(transaction=True)
class TestJobPurgeAtOnce:
    def test_and_claims_share_the_jobs_between_them(self) -> None:
        batch = batch_make(*[JobState.PENDING] * 20)
        for _ in range(20):
            JobFactory.create()
        keys = list(Job.objects.filter(is_batch=False).order_by("?").values_list("pk", flat=True))

        def act(number: int) -> int:
            if number < 2:
                return job_purge(scope=Scope.KIND, name="count", batch_size=4)
            return sum(
                lease_claim(
                    Job.objects.filter(pk=pk, state=JobState.PENDING), owner="w", seconds=60, state=JobState.STARTED
                )
                is not None
                for pk in keys[number - 2 :: 4]
            )

        first, second, *claimed = race(act, runners=6)

        jobs = Job.objects.filter(is_batch=False)
        assert jobs.filter(state=JobState.REVOKED).count() == first + second
        assert jobs.filter(state=JobState.STARTED).count() == sum(claimed)
        assert first + second + sum(claimed) == 40
        batch.refresh_from_db()
        assert batch.children_cancelled == jobs.filter(parent=batch, state=JobState.REVOKED).count()
        assert sum(ControlEntry.objects.values_list("count", flat=True)) == first + second
