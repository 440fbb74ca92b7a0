import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.jobs.enums import ACTIVE_STATES, ControlAction, JobState
from styleguide_example.jobs.models import ControlEntry, Job, JobContinuation
from styleguide_example.jobs.services import job_cleanup, job_retry
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make, kind_known

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keeping(settings: Settings) -> None:
    settings.JOB_KEEP_DAYS = 30
    settings.JOB_KEEP_FAILED_DAYS = 180


def _old_batch(*states: str, days_ago: float = 100, **parent: Any) -> Job:
    ended_at = timezone.now() - timedelta(days=days_ago)
    times = {"created_at": ended_at, "finished_at": ended_at}
    return batch_make(*states, parent={"state": JobState.SUCCESS, **times, **parent}, **times)


class TestJobCleanup:
    @pytest.mark.parametrize(
        ("state", "days_ago", "stays"),
        [
            ("SUCCESS", 29, True),
            ("SUCCESS", 31, False),
            ("REVOKED", 29, True),
            ("REVOKED", 31, False),
            ("FAILURE", 31, True),
            ("FAILURE", 179, True),
            ("FAILURE", 181, False),
        ],
    )
    def test_deletes_what_ended_long_enough_ago(self, state: str, days_ago: float, stays: object) -> None:
        job = job_ended_make(state, days_ago=days_ago)
        assert job_cleanup() == (0 if stays else 1)
        assert Job.objects.filter(pk=job.pk).exists() == stays

    def test_never_deletes_what_is_active(self) -> None:
        for state in ACTIVE_STATES:
            JobFactory.create(state=state, created_at=timezone.now() - timedelta(days=3000))
        assert job_cleanup() == 0
        assert Job.objects.count() == len(ACTIVE_STATES)

    def test_goes_by_when_it_ended_and_not_by_when_it_was_written(self) -> None:
        job = job_ended_make(days_ago=1000)
        Job.objects.filter(pk=job.pk).update(finished_at=timezone.now())
        assert job_cleanup() == 0

    def test_deletes_a_batch_at_a_time_until_all_are_gone(self) -> None:
        for _ in range(7):
            job_ended_make(days_ago=100)
        kept = job_ended_make(days_ago=1)

        with CaptureQueriesContext(connection) as queries:
            assert job_cleanup(batch_size=3) == 7

        deleted = [query["sql"] for query in queries if query["sql"].startswith('DELETE FROM "jobs_job" ')]
        assert len(deleted) == 3
        assert list(Job.objects.all()) == [kept]

    def test_takes_the_parts_along_however_they_ended(self) -> None:
        _old_batch(JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED, days_ago=31)
        assert job_cleanup() == 4
        assert not Job.objects.exists()

    def test_keeps_the_parts_as_long_as_their_batch(self) -> None:
        active = batch_make(JobState.PENDING)
        failed = _old_batch(JobState.SUCCESS, state=JobState.FAILURE, days_ago=100)
        for batch in (active, failed):
            job_ended_make(parent=batch, days_ago=3000)
        assert job_cleanup() == 0

    def test_keeps_a_batch_of_which_a_part_is_at_work(self) -> None:
        batch = _old_batch(JobState.SUCCESS)
        job_running_make(parent=batch)
        assert job_cleanup() == 0
        assert Job.objects.filter(pk=batch.pk).exists()

    @pytest.mark.parametrize("parts", [0, 9, 10, 11, 35])
    def test_deletes_a_large_batch_in_bounded_steps(self, parts: int) -> None:
        batch = _old_batch(*[JobState.SUCCESS] * parts)
        left: list[int] = []

        def listen(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
            before = Job.objects.count() if sql.startswith('DELETE FROM "jobs_job" ') else 0
            result = execute(sql, params, many, context)
            if before:
                left.append(before - Job.objects.count())
            return result

        with connection.execute_wrapper(listen):
            assert job_cleanup(batch_size=10) == parts + 1

        assert not Job.objects.filter(pk=batch.pk).exists()
        assert max(left) <= 10
        assert sum(left) == parts + 1

    def test_deletes_batches_and_others_together(self) -> None:
        _old_batch(JobState.SUCCESS, JobState.SUCCESS)
        job_ended_make(days_ago=100)
        _old_batch(JobState.SUCCESS)
        assert job_cleanup(batch_size=2) == 6

    def test_takes_along_what_was_to_come_after(self) -> None:
        job = job_ended_make(JobState.FAILURE, days_ago=400)
        JobContinuation.objects.create(after=job, steps=[{}], position=2, chain_id=job.pk, priority=5)
        job_cleanup()
        assert not JobContinuation.objects.exists()

    def test_keeps_the_retry_of_what_it_deletes(self) -> None:
        old = job_ended_make(JobState.FAILURE, days_ago=400)
        retry = JobFactory.create(retry_of=old)
        job_cleanup()
        retry.refresh_from_db()
        assert retry.retry_of is None

    def test_keeps_the_audit_for_a_year(self) -> None:
        now = timezone.now()
        for days in (364, 366, 367, 368):
            ControlEntry.objects.create(
                action=ControlAction.PURGE, target="kind count", done_at=now - timedelta(days=days)
            )
        job_cleanup(batch_size=2)
        assert ControlEntry.objects.get().done_at == now - timedelta(days=364)

    def test_does_not_load_what_it_deletes(self) -> None:
        _old_batch(JobState.SUCCESS)
        job_ended_make(days_ago=100)
        with CaptureQueriesContext(connection) as queries:
            job_cleanup()
        selects = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
        assert selects
        assert not [sql for sql in selects if '"jobs_job"."parameters"' in sql or '"jobs_job"."traceback"' in sql]

    def test_logs_numbers_alone(self) -> None:
        job_ended_make(days_ago=100)
        with capture_logs() as lines:
            job_cleanup()
        assert lines == [{"event": "jobs_cleaned_up", "jobs": 1, "control_entries": 0, "log_level": "info"}]


@pytest.mark.django_db(transaction=True)
class TestJobCleanupAtOnce:
    def test_counts_each_once(self) -> None:
        for _ in range(20):
            job_ended_make(days_ago=100)
        assert sum(race(lambda _: job_cleanup(batch_size=5), runners=2)) == 20
        assert not Job.objects.exists()

    def test_keeps_one_that_is_retried_at_this_moment(self) -> None:
        job = job_ended_make(JobState.FAILURE, days_ago=400)
        retried, cleaned = threading.Event(), threading.Event()

        @transaction.atomic
        def retry() -> None:
            job_retry(job=Job.objects.get())
            retried.set()
            # Where a row is locked the cleanup goes past it; where the whole database is, it waits for us.
            cleaned.wait(1)

        with kind_known("count"), meanwhile(retry) as retrying:
            assert retried.wait(10)
            job_cleanup()
            cleaned.set()

        assert retrying.exception() is None
        assert Job.objects.filter(state=JobState.PENDING).count() == 1
        assert not Job.objects.filter(pk=job.pk, state=JobState.PENDING).exists()
