import uuid
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.announcements import fanout
from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.rendering import Letter
from styleguide_example.announcements.tests.batches import account_of, addresses, after_batch, everyone
from styleguide_example.announcements.tests.factories import (
    announcement_begun,
    job_held,
    people_make,
)
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Email
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.jobs.exceptions import JobCancelledError, JobLeaseLostError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_cancel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_batches(settings: Settings, queue: Queue) -> None:
    """Batches of three, and every report of progress is written."""
    settings.ANNOUNCEMENT_BATCH_SIZE = 3
    settings.JOB_PROGRESS_SECONDS = 0


class TestAnnouncementFanOutStopped:
    def test_by_a_cancel_stops_between_two_batches_and_goes_on_at_the_cursor(self) -> None:
        people_make(8)
        announcement = announcement_begun()
        job = job_held(announcement)

        cancel = partial(job_cancel, job=Job.objects.get(pk=job.pk))
        with after_batch(2, cancel), pytest.raises(JobCancelledError):
            announcement_fan_out(announcement=announcement, job=job)
        assert (account_of(announcement), Email.objects.count()) == ((6, 0, 0), 6)
        assert announcement.sent_at is None

        result = announcement_fan_out(announcement=announcement, job=job_held(announcement))
        assert result["written"] == 8
        assert addresses() == everyone()

    def test_by_a_cancel_after_the_last_batch_is_sent_all_the_same(self) -> None:
        people_make(3)
        announcement = announcement_begun()
        job = job_held(announcement)
        cancel = partial(job_cancel, job=Job.objects.get(pk=job.pk))

        def cancelled(execute: Any, sql: str, *rest: Any) -> Any:
            answer = execute(sql, *rest)
            if sql.startswith('UPDATE "announcements_announcement"') and '"sent_at"' in sql.partition("WHERE")[0]:
                cancel()
            return answer

        with connection.execute_wrapper(cancelled):
            assert announcement_fan_out(announcement=announcement, job=job)["written"] == 3
        assert Job.objects.get(pk=job.pk).is_cancel_requested
        assert announcement.status is Announcement.Status.GOING_OUT

    def test_by_a_kill_in_the_middle_of_a_batch_leaves_nothing_of_that_batch(self) -> None:
        people_make(8)
        suppression_add(address="reader-4@example.com", reason=SuppressionReason.UNSUBSCRIBED)
        announcement = announcement_begun()
        job = job_held(announcement)

        def killed(execute: Any, sql: str, *rest: Any) -> Any:
            if sql.startswith('INSERT INTO "announcements_announcementskip"'):
                raise KeyboardInterrupt  # the second batch's e-mails are written, and not committed
            return execute(sql, *rest)

        with connection.execute_wrapper(killed), pytest.raises(KeyboardInterrupt):
            announcement_fan_out(announcement=announcement, job=job)
        assert (account_of(announcement), Email.objects.count()) == ((3, 0, 0), 3)

        announcement_fan_out(announcement=announcement, job=job)
        assert account_of(announcement) == (7, 1, 0)
        assert sum(addresses().values()) == len(addresses()) == 7

    def test_by_a_lost_lease_changes_nothing_more(self) -> None:
        people_make(8)
        announcement = announcement_begun()
        job = job_held(announcement)
        after_first: dict[str, Any] = {}

        def lose() -> None:
            Job.objects.filter(pk=job.pk).update(lease_token=uuid.uuid4())
            after_first.update(Announcement.objects.values().get(pk=announcement.pk))

        with after_batch(1, lose), pytest.raises(JobLeaseLostError):
            announcement_fan_out(announcement=announcement, job=job)
        assert Announcement.objects.values().get(pk=announcement.pk) == after_first
        assert Email.objects.count() == 3

    def test_by_a_lease_lost_before_the_commit_writes_nothing_of_the_batch(self) -> None:
        people_make(3)
        announcement = announcement_begun()
        job = job_held(announcement)
        batch = fanout._next_batch(announcement)
        assert batch is not None
        Job.objects.filter(pk=job.pk).update(lease_token=None, state=Job.State.RETRY, next_attempt_at=timezone.now())
        with pytest.raises(JobLeaseLostError):
            fanout._write(announcement, job, Letter(announcement), batch)
        assert not Email.objects.exists()

    def test_by_a_connection_lost_at_the_commit_counts_a_batch_once(self) -> None:
        people_make(3)
        announcement = announcement_begun()
        job = job_held(announcement)
        batch = fanout._next_batch(announcement)
        assert batch is not None
        before = Announcement.objects.get(pk=announcement.pk)
        fanout._write(announcement, job, Letter(announcement), batch)
        # The commit went through and the answer did not: it is done again with what was known before.
        fanout._write(before, job, Letter(announcement), batch)
        assert (account_of(announcement), Email.objects.count()) == ((3, 0, 0), 3)
        assert before.cursor == announcement.cursor
