from contextlib import suppress
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.announcements import fanout, stops
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
    people_make,
    sender_make,
)
from styleguide_example.common import leases
from styleguide_example.common.tests.processes import Queue, wait_until
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.bulk import email_batch_cancel
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_send, email_sweep
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.jobs.exceptions import (
    JobCancelledError,
)
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import job_ended_make
from styleguide_example.users.models import User

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


class TestAnnouncementCancel:
    def test_stops_one_that_waits(self, queue: Queue, sender: User) -> None:
        announcement = AnnouncementFactory.create()
        announcement_send(announcement=announcement, by=sender)
        assert announcement_cancel(announcement=announcement).status is Announcement.Status.CANCELLED

    def test_asks_one_that_runs(self) -> None:
        people_make(1)
        announcement = announcement_begun()
        job = job_held(announcement)
        Announcement.objects.update(job=job)
        assert announcement_cancel(announcement=announcement).status is Announcement.Status.SENDING
        job.refresh_from_db()
        assert job.is_cancel_requested

    def test_stops_the_emails_that_wait_after_the_writing(self, queue: Queue, smtp: SMTPServer) -> None:
        announcement = _written()
        email_send(email=Email.objects.earliest("pk"))

        announcement_cancel(announcement=announcement)

        assert announcement.status is Announcement.Status.CANCELLED
        account = announcement_account(announcement=announcement)
        assert (account.sent, account.cancelled, account.waiting, account.to_go) == (1, 3, 0, 0)
        assert email_sweep().emails == []

    def test_leaves_what_is_on_the_wire_and_stops_it_when_it_is_asked_for_again(self, queue: Queue) -> None:
        announcement = _written()
        on_the_wire = Email.objects.filter(pk=Email.objects.earliest("pk").pk)
        token = leases.lease_claim(on_the_wire, owner="worker", seconds=60)
        assert token is not None
        announcement_cancel(announcement=announcement)
        assert announcement_account(announcement=announcement).waiting == 1

        leases.lease_release(on_the_wire, token=token)  # it was refused for now, and would be tried again
        announcement_cancel(announcement=announcement)
        assert announcement_account(announcement=announcement).cancelled == 4

    def test_is_refused_for_what_has_nothing_to_stop(self, queue: Queue) -> None:
        sent = _written(1)
        Email.objects.update(status="sent", sent_at=timezone.now(), ended_at=timezone.now())
        for announcement in (AnnouncementFactory.create(), _stopped(), sent):
            with pytest.raises(AnnouncementStatusConflictError, match="nothing to stop"):
                announcement_cancel(announcement=announcement)

    def test_that_comes_too_late_for_everything_is_no_stop(self, queue: Queue) -> None:
        announcement = _written(1)
        leases.lease_claim(Email.objects.all(), owner="worker", seconds=60)
        with pytest.raises(AnnouncementStatusConflictError, match="too late"):
            announcement_cancel(announcement=announcement)
        announcement.refresh_from_db()
        assert (announcement.stopped_at, announcement.status) == (None, Announcement.Status.GOING_OUT)

    def test_that_was_cut_off_half_way_can_be_asked_for_again(self, queue: Queue) -> None:
        announcement = _written()
        stops.stop_ask(announcement)
        email_batch_cancel(batch=announcement.batch, limit=2)
        announcement_cancel(announcement=announcement)
        assert announcement_account(announcement=announcement).cancelled == 4


class TestAnnouncementCancelAndTheFanOut:
    def test_stop_between_two_batches_leaves_nothing_that_waits(self, queue: Queue, settings: Settings) -> None:
        settings.ANNOUNCEMENT_BATCH_SIZE = 3
        people_make(8)
        announcement = announcement_begun()
        job = job_held(announcement)
        Announcement.objects.update(job=job)
        cancel = partial(announcement_cancel, announcement=Announcement.objects.get(pk=announcement.pk))
        with after_batch(2, cancel), pytest.raises(JobCancelledError):
            announcement_fan_out(announcement=announcement, job=job)
        account = announcement_account(announcement=announcement)
        assert (account.written, account.cancelled, account.waiting) == (6, 6, 0)

    def test_that_has_read_a_batch_before_the_stop_writes_nothing_of_it(self, queue: Queue) -> None:
        people_make(3)
        announcement = announcement_begun()
        job = job_held(announcement)
        batch = fanout._next_batch(announcement)
        assert batch is not None
        stops.stop_ask(announcement)  # and the process was killed before it asked the job
        with pytest.raises(JobCancelledError):
            fanout._write(announcement, job, Letter(announcement), batch)
        assert not Email.objects.exists()
        with pytest.raises(JobCancelledError):
            announcement_fan_out(announcement=announcement, job=job)
        assert not Email.objects.exists()

    def test_at_once_leave_nothing_that_waits_and_a_resume_reaches_everybody(
        self, queue: Queue, settings: Settings, sender: User
    ) -> None:
        settings.ANNOUNCEMENT_BATCH_SIZE = 2
        people_make(30)
        announcement = announcement_begun()
        job = job_held(announcement)
        Announcement.objects.update(job=job)

        def act(number: int) -> None:
            if not number:
                with suppress(JobCancelledError):
                    announcement_fan_out(announcement=Announcement.objects.get(pk=announcement.pk), job=job)
                return
            wait_until(Email.objects.exists, every=0.001)
            announcement_cancel(announcement=Announcement.objects.get(pk=announcement.pk))

        race(act, runners=2)

        account = announcement_account(announcement=announcement)
        assert (account.waiting, account.cancelled) == (0, account.written)
        Job.objects.update(state=Job.State.REVOKED, lease_token=None, lease_expires_at=None, finished_at=timezone.now())
        again = announcement_resume(announcement=announcement, by=sender)
        if again is not None:  # the fan-out had not written everything
            announcement_fan_out(announcement=announcement, job=job_held(announcement))
        assert addresses() == everyone()
        assert announcement_account(announcement=announcement).waiting == 31

    def test_stop_and_resume_at_once_end_in_one_of_the_two(self, queue: Queue, sender: User) -> None:
        announcement = _written(20)
        announcement_cancel(announcement=announcement)

        def act(number: int) -> None:
            row = Announcement.objects.get(pk=announcement.pk)
            with suppress(AnnouncementStatusConflictError):
                (announcement_cancel if number % 2 else partial(announcement_resume, by=sender))(announcement=row)

        for _ in range(5):
            race(act, runners=4)
            announcement.refresh_from_db()
            account = announcement_account(announcement=announcement)
            assert (account.waiting, account.cancelled) == ((0, 21) if announcement.stopped_at else (21, 0))
