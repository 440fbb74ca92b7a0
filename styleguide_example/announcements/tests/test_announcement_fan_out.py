from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.announcements.enums import SkipReason
from styleguide_example.announcements.exceptions import AnnouncementAudienceError
from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.selectors import announcement_skips
from styleguide_example.announcements.tests.batches import addresses, everyone
from styleguide_example.announcements.tests.factories import (
    AnnouncementFactory,
    announcement_begun,
    job_held,
    people_make,
)
from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.core.enums import Priority
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_sweep
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.jobs.exceptions import JobCancelledError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import job_ended_make
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_batches(settings: Settings, queue: Queue) -> None:
    """Batches of three, and every report of progress is written."""
    settings.ANNOUNCEMENT_BATCH_SIZE = 3
    settings.JOB_PROGRESS_SECONDS = 0


class TestAnnouncementFanOut:
    def test_writes_to_each_in_their_language(self) -> None:
        ada, grace = people_make(2, full_name="Ada")
        User.objects.filter(pk=grace.pk).update(language="de")
        announcement = announcement_begun()

        announcement_fan_out(announcement=announcement, job=job_held(announcement))

        texts = [Email.objects.get(to=[user.email]).plain_text for user in (ada, grace)]
        assert [text.split(",")[0] for text in texts] == ["Hello Ada", "Guten Tag Ada"]

    def test_writes_each_person_one_email_that_is_asked_for(self) -> None:
        people = people_make(7, full_name="Ada")
        announcement = announcement_begun()

        result = announcement_fan_out(announcement=announcement, job=job_held(announcement))

        assert result == {"recipients": 7, "written": 7, "suppressed": 0, "invalid": 0}
        assert addresses() == everyone()
        email = Email.objects.get(idempotency_key=f"announcement:{announcement.pk}:{people[0].pk}")
        assert (email.status, email.batch, email.category) == (
            Email.Status.SENDING,
            f"announcement:{announcement.pk}",
            "announcement",
        )
        assert (email.to, email.subject, email.priority) == (["reader-0@example.com"], "New this month", Priority.LOW)
        assert "Hello Ada," in email.html
        assert announcement.status is Announcement.Status.GOING_OUT
        assert announcement.dealt_with == announcement.audience_total == 7

    def test_skips_those_who_left_or_cannot_be_reached_and_lists_them(self) -> None:
        people = people_make(7)
        suppression_add(address="reader-1@example.com", reason=SuppressionReason.UNSUBSCRIBED)
        suppression_add(address="reader-5@example.com", reason=SuppressionReason.BOUNCED)
        User.objects.filter(pk=people[3].pk).update(email="no address")
        announcement = announcement_begun()

        result = announcement_fan_out(announcement=announcement, job=job_held(announcement))

        assert result == {"recipients": 7, "written": 4, "suppressed": 2, "invalid": 1}
        assert addresses() == Counter(f"reader-{number}@example.com" for number in (0, 2, 4, 6))
        skips = [(skip.user_id, skip.reason) for skip in announcement_skips(announcement=announcement)]
        assert skips == [
            (people[1].pk, SkipReason.SUPPRESSED),
            (people[3].pk, SkipReason.INVALID),
            (people[5].pk, SkipReason.SUPPRESSED),
        ]
        assert announcement_skips(announcement=announcement, reason=SkipReason.INVALID).count() == 1

    def test_leaves_those_who_join_meanwhile_for_the_next_one(self) -> None:
        people_make(4)
        announcement = announcement_begun()
        people_make(2, start=10)
        assert announcement_fan_out(announcement=announcement, job=job_held(announcement))["written"] == 4

    def test_counts_those_whose_account_was_closed_meanwhile_no_more(self) -> None:
        people = people_make(4)
        announcement = announcement_begun()
        User.objects.filter(pk=people[1].pk).update(is_active=False)
        User.objects.filter(pk=people[2].pk).delete()
        job = job_held(announcement)
        assert announcement_fan_out(announcement=announcement, job=job)["recipients"] == 2
        job.refresh_from_db()
        assert (job.progress_current, job.progress_total) == (2, 2)

    def test_wakes_a_burst_once_for_each_batch_and_nobody_for_each_email(self, queue: Queue) -> None:
        people_make(7)
        announcement = announcement_begun()
        announcement_fan_out(announcement=announcement, job=job_held(announcement))
        tasks = [dict(message.headers)["task"] for message in messages_take(celery_app)]
        assert tasks == ["styleguide_example.emails.tasks.email_send_due"] * 3

    def test_is_overtaken_by_a_sign_ups_email(self) -> None:
        people_make(5)
        announcement = announcement_begun()
        announcement_fan_out(announcement=announcement, job=job_held(announcement))
        confirmation = email_asked_for(priority=Priority.HIGH)
        welcome = email_asked_for()
        Email.objects.update(woken_at=None)
        assert email_sweep().emails[:2] == [confirmation, welcome]

    def test_takes_the_same_number_of_queries_for_each_batch(self, settings: Settings) -> None:
        people_make(40)
        suppression_add(address="reader-1@example.com", reason=SuppressionReason.UNSUBSCRIBED)

        def queries(size: int) -> int:
            settings.ANNOUNCEMENT_BATCH_SIZE = size
            announcement = announcement_begun()
            job = job_held(announcement)
            with CaptureQueriesContext(
                connection,
            ) as captured:
                announcement_fan_out(announcement=announcement, job=job)
            return len(captured)

        one_batch, four_batches, two_batches = queries(40), queries(10), queries(20)
        per_batch = two_batches - one_batch
        # Two reads; the fence, cursor, e-mails, counts, a look; begin, commit, savepoints; progress.
        assert per_batch <= 16
        assert four_batches - two_batches <= 2 * per_batch

    def test_names_nobody_in_the_logs(self) -> None:
        people_make(3, full_name="Ada Lovelace")
        announcement = announcement_begun()
        with capture_logs() as logs:
            announcement_fan_out(announcement=announcement, job=job_held(announcement))
        assert "reader-" not in str(logs)
        assert "Ada" not in str(logs)

    def test_begins_itself_when_its_job_was_started_by_its_kind(self) -> None:
        people_make(4)
        announcement = AnnouncementFactory.create()
        job = job_held(announcement)
        assert announcement_fan_out(announcement=announcement, job=job)["written"] == 4
        announcement.refresh_from_db()
        assert (announcement.job, announcement.status) == (job, Announcement.Status.GOING_OUT)

    def test_writes_nothing_for_nobody(self) -> None:
        announcement = AnnouncementFactory.create(audience="staff")
        with pytest.raises(AnnouncementAudienceError):
            announcement_fan_out(announcement=announcement, job=job_held(announcement))
        announcement.refresh_from_db()
        assert announcement.status is Announcement.Status.DRAFT

    def test_of_one_that_was_sent_writes_nothing_more(self) -> None:
        people_make(4)
        announcement = announcement_begun()
        job = job_held(announcement)
        first = announcement_fan_out(announcement=announcement, job=job)
        sent_at = announcement.sent_at
        people_make(2, start=10)
        assert announcement_fan_out(announcement=announcement, job=job) == first
        assert (Email.objects.count(), announcement.sent_at) == (4, sent_at)

    def test_is_followed_by_its_job_from_the_beginning(self) -> None:
        people_make(4)
        announcement = announcement_begun()
        Announcement.objects.update(job=job_ended_make(Job.State.FAILURE))
        again = job_held(announcement)  # "Try again" on the page of the job
        Job.objects.filter(pk=again.pk).update(cancel_requested_at=timezone.now())  # no batch comes after that
        with pytest.raises(JobCancelledError):
            announcement_fan_out(announcement=announcement, job=again)
        announcement.refresh_from_db()
        assert (announcement.job, announcement.written) == (again, 0)
