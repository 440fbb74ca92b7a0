from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.announcements import fanout
from styleguide_example.announcements.exceptions import AnnouncementStatusConflictError
from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.rendering import Letter
from styleguide_example.announcements.selectors import announcement_account
from styleguide_example.announcements.services import (
    announcement_cancel,
    announcement_resume,
    announcement_send,
)
from styleguide_example.announcements.tests.batches import addresses, after_batch, everyone
from styleguide_example.announcements.tests.factories import (
    AnnouncementFactory,
    announcement_begun,
    job_held,
    job_worked,
    people_make,
    sender_make,
)
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_cancel, email_send
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.jobs.exceptions import (
    JobAlreadyActiveError,
    JobCancelledError,
    JobNotAllowedError,
)
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_cancel, job_retry
from styleguide_example.jobs.tests.factories import job_ended_make
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender() -> User:
    return sender_make()


def _stopped(state: str = Job.State.REVOKED) -> Announcement:
    """One whose job has ended before everybody was dealt with."""
    announcement = announcement_begun()
    job = job_ended_make(state, kind="announcement-send", parameters={"announcement_id": announcement.pk})
    Announcement.objects.filter(pk=announcement.pk).update(job=job)
    announcement.refresh_from_db()
    return announcement


def _written(people: int = 4) -> Announcement:
    """One of which everything is written, and waits; its job has succeeded."""
    people_make(people)
    announcement = announcement_begun()
    announcement_fan_out(announcement=announcement, job=job_held(announcement))
    Job.objects.update(state=Job.State.SUCCESS, lease_token=None, lease_expires_at=None, finished_at=timezone.now())
    announcement.refresh_from_db()
    return announcement


class TestAnnouncementResume:
    @pytest.mark.parametrize("state", [Job.State.REVOKED, Job.State.FAILURE])
    def test_starts_a_job_that_goes_on(self, queue: Queue, sender: User, state: str) -> None:
        announcement = _stopped(state)
        job = announcement_resume(announcement=announcement, by=sender)
        assert job is not None
        assert job.retry_of_id is not None
        assert (announcement.job, announcement.status) == (job, Announcement.Status.SENDING)

    def test_starts_one_also_when_the_former_was_deleted(self, queue: Queue, sender: User) -> None:
        announcement = _stopped()
        Job.objects.all().delete()
        job = announcement_resume(announcement=announcement, by=sender)
        assert (announcement.job, announcement.status) == (job, Announcement.Status.SENDING)

    def test_is_refused_for_what_is_not_stopped(self, queue: Queue, sender: User) -> None:
        draft, sending, sent = AnnouncementFactory.create(), AnnouncementFactory.create(), announcement_begun()
        announcement_send(announcement=sending, by=sender)
        announcement_fan_out(announcement=sent, job=job_held(sent))
        for announcement in (draft, sending, sent):
            with pytest.raises(AnnouncementStatusConflictError):
                announcement_resume(announcement=announcement, by=sender)

    def test_is_refused_while_somebody_else_retries_its_job(self, queue: Queue, sender: User) -> None:
        announcement = _stopped()
        assert announcement.job is not None
        job_retry(job=announcement.job, by=sender)
        with pytest.raises(JobAlreadyActiveError):
            announcement_resume(announcement=announcement, by=sender)

    def test_needs_the_permission(self, queue: Queue) -> None:
        people_make(1)
        with pytest.raises(JobNotAllowedError):
            announcement_resume(announcement=_stopped(), by=user_staff())

    def test_after_a_cancel_goes_on_where_it_stopped(self, queue: Queue, sender: User, settings: Settings) -> None:
        people_make(5)
        announcement = AnnouncementFactory.create()
        job_cancel(job=announcement_send(announcement=announcement, by=sender))
        announcement_resume(announcement=announcement, by=sender)
        announcement_fan_out(announcement=announcement, job=job_held(announcement))
        assert Email.objects.count() == 6

    def test_asks_again_for_the_emails_that_were_stopped(self, queue: Queue, sender: User, smtp: SMTPServer) -> None:
        announcement = _written()
        sent, by_hand, *_ = Email.objects.order_by("pk")
        email_send(email=sent)
        email_cancel(email=by_hand)
        announcement_cancel(announcement=announcement)

        assert announcement_resume(announcement=announcement, by=sender) is None

        assert announcement.status is Announcement.Status.GOING_OUT
        account = announcement_account(announcement=announcement)
        assert (account.sent, account.waiting, account.cancelled) == (1, 3, 1)
        assert Job.objects.count() == 1

    def test_of_emails_alone_needs_the_permission_too(self, queue: Queue) -> None:
        announcement = announcement_cancel(announcement=_written())
        with pytest.raises(JobNotAllowedError):
            announcement_resume(announcement=announcement, by=user_staff())
        assert announcement_account(announcement=announcement).waiting == 0

    def test_of_emails_alone_is_done_once(self, queue: Queue, sender: User) -> None:
        announcement = announcement_cancel(announcement=_written())

        def resume(_: int) -> str:
            try:
                announcement_resume(announcement=Announcement.objects.get(pk=announcement.pk), by=sender)
            except AnnouncementStatusConflictError:
                return "refused"
            return "resumed"

        assert sorted(race(resume, runners=3)) == ["refused", "refused", "resumed"]

    def test_with_all_that_was_stopped_goes_on_writing_and_sending(
        self, queue: Queue, sender: User, settings: Settings
    ) -> None:
        settings.ANNOUNCEMENT_BATCH_SIZE = 3
        people_make(8)
        announcement = announcement_begun()
        job = job_held(announcement)
        Announcement.objects.update(job=job)
        cancel = partial(announcement_cancel, announcement=Announcement.objects.get(pk=announcement.pk))
        with after_batch(1, cancel), pytest.raises(JobCancelledError):
            announcement_fan_out(announcement=announcement, job=job)
        Job.objects.update(state=Job.State.REVOKED, lease_token=None, lease_expires_at=None, finished_at=timezone.now())

        again = announcement_resume(announcement=announcement, by=sender)

        assert again is not None
        assert announcement_account(announcement=announcement).waiting == 3
        Job.objects.filter(pk=again.pk).update(next_attempt_at=timezone.now())
        assert job_worked(again).state == Job.State.SUCCESS
        assert addresses() == everyone()
        assert set(Email.objects.values_list("status", flat=True)) == {"sending"}

    def test_is_what_trying_its_job_again_is(self, queue: Queue, sender: User) -> None:
        people_make(4)
        announcement = announcement_begun()
        job = job_held(announcement, owner=sender)
        Announcement.objects.update(job=job)
        batch = fanout._next_batch(announcement)
        assert batch is not None
        fanout._write(announcement, job, Letter(announcement), batch)
        announcement_cancel(announcement=announcement)
        Job.objects.update(state=Job.State.REVOKED, lease_token=None, lease_expires_at=None, finished_at=timezone.now())
        assert announcement_account(announcement=announcement).cancelled == 5

        again = job_retry(job=job, by=sender)  # on the page of the job
        assert job_worked(again).state == Job.State.SUCCESS

        announcement.refresh_from_db()
        assert (announcement.job, announcement.stopped_at) == (again, None)
        assert announcement_account(announcement=announcement).waiting == 5
