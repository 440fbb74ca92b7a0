import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.selectors import (
    announcement_account,
    announcement_emails_failed,
    announcement_get,
)
from styleguide_example.announcements.tests.factories import (
    AnnouncementFactory,
    announcement_begun,
    job_held,
    people_make,
)
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_cancel, email_send
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import JobFactory, job_ended_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def announcement(queue: Queue) -> Announcement:
    """One that was written to six of eight people."""
    people_make(7)
    people_make(1, start=7, email="nobody")
    suppression_add(address="reader-0@example.com", reason=SuppressionReason.UNSUBSCRIBED)
    announcement = announcement_begun()
    announcement_fan_out(announcement=announcement, job=job_held(announcement))
    return announcement


def _ended(status: str, count: int) -> list[Email]:
    emails = list(Email.objects.filter(status=Email.Status.SENDING).order_by("pk")[:count])
    now = timezone.now()
    Email.objects.filter(pk__in=[email.pk for email in emails]).update(
        status=status, ended_at=now, sent_at=now if status == "sent" else None, next_attempt_at=None
    )
    return emails


class TestAnnouncementAccount:
    def test_says_what_became_of_everybody(
        self, announcement: Announcement, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        _ended("sent", 2)
        failed = _ended("failed", 1)
        email_cancel(email=Email.objects.filter(status=Email.Status.SENDING)[0])

        with django_assert_num_queries(2):
            account = announcement_account(announcement=announcement)

        assert (account.recipients, account.dealt_with) == (8, 8)
        assert (account.written, account.suppressed, account.invalid) == (6, 1, 1)
        assert (account.sent, account.failed, account.cancelled, account.waiting) == (2, 1, 1, 2)
        assert (account.to_do, account.to_go, account.goal) == (0, 2, 6)
        assert list(announcement_emails_failed(announcement=announcement)) == failed

    def test_counts_those_who_unsubscribed_while_it_waited_as_suppressed(
        self, announcement: Announcement, smtp: SMTPServer
    ) -> None:
        suppression_add(address="reader-3@example.com", reason=SuppressionReason.UNSUBSCRIBED)
        for email in Email.objects.all():
            email_send(email=email)
        account = announcement_account(announcement=announcement)
        assert (account.written, account.sent, account.suppressed, account.invalid) == (6, 5, 2, 1)
        assert (account.cancelled, account.waiting, account.deleted, account.dealt_with) == (0, 0, 0, 8)
        assert len(smtp.received) == 5
        assert announcement.status is Announcement.Status.SENT

    def test_stays_true_when_the_clean_up_deleted_the_emails(self, announcement: Announcement) -> None:
        Email.objects.all().delete()
        account = announcement_account(announcement=announcement)
        assert (account.written, account.sent, account.deleted) == (6, 0, 6)

    def test_is_empty_for_a_draft(self) -> None:
        account = announcement_account(announcement=AnnouncementFactory.create())
        assert (account.recipients, account.dealt_with, account.waiting) == (0, 0, 0)


class TestAnnouncementStatus:
    @pytest.mark.parametrize(
        ("state", "status"),
        [
            (Job.State.PENDING, "sending"),
            (Job.State.STARTED, "sending"),
            (Job.State.PROGRESS, "sending"),
            (Job.State.RETRY, "sending"),
            (Job.State.FAILURE, "failed"),
            (Job.State.REVOKED, "cancelled"),
            (None, "cancelled"),
        ],
    )
    def test_follows_the_job_until_everybody_has_been_dealt_with(self, state: str | None, status: str) -> None:
        people_make(1)
        announcement = announcement_begun()
        job = None
        if state is not None:
            job = job_ended_make(state) if state in {"FAILURE", "REVOKED"} else JobFactory.create(state=state)
        Announcement.objects.update(job=job)
        fetched = announcement_get(announcement_id=announcement.pk)
        assert fetched is not None
        assert fetched.status == status

    def test_is_going_out_while_written_emails_wait(self, announcement: Announcement) -> None:
        statuses = [announcement.status_label]
        for status, count in (("sent", 5), ("failed", 1)):
            _ended(status, count)
            statuses.append(announcement.status_label)
        assert statuses == ["Going out", "Going out", "Sent"]

    def test_is_sent_whatever_becomes_of_the_job(self, announcement: Announcement) -> None:
        _ended("sent", 6)
        assert announcement.status is Announcement.Status.SENT
        assert announcement.status_label == "Sent"
        Job.objects.all().delete()
        announcement.refresh_from_db()
        assert announcement.status is Announcement.Status.SENT

    def test_is_draft_at_first(self) -> None:
        assert AnnouncementFactory.create().status is Announcement.Status.DRAFT
        assert announcement_get(announcement_id=0) is None
