import pytest

from styleguide_example.announcements.exceptions import AnnouncementAudienceError, AnnouncementStatusConflictError
from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.selectors import announcement_list
from styleguide_example.announcements.services import (
    announcement_preview,
    announcement_send,
    announcement_send_test,
)
from styleguide_example.announcements.tests.factories import (
    AnnouncementFactory,
    job_held,
    people_make,
    sender_make,
)
from styleguide_example.common.tests.brokers import message_priority, messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.core.enums import Priority, broker_priority
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import Email
from styleguide_example.jobs.exceptions import JobNotAllowedError, JobParametersInvalidError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_start
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender() -> User:
    return sender_make()


class TestAnnouncementSend:
    def test_fixes_the_audience_and_starts_a_job_that_its_sender_follows(self, queue: Queue, sender: User) -> None:
        people = people_make(3)
        announcement = AnnouncementFactory.create()

        job = announcement_send(announcement=announcement, by=sender)

        assert (job.kind, job.parameters, job.owner) == (
            "announcement-send",
            {"announcement_id": announcement.pk},
            sender,
        )
        saved = announcement_list().get()
        assert (saved.status, saved.job, saved.audience_total) == (Announcement.Status.SENDING, job, 4)
        assert saved.people_until == people[-1].pk
        (message,) = messages_take(celery_app)
        assert dict(message.headers)["id"] == str(job.pk)

    def test_is_done_once(self, queue: Queue, sender: User) -> None:
        announcement = AnnouncementFactory.create()
        announcement_send(announcement=announcement, by=sender)
        with pytest.raises(AnnouncementStatusConflictError, match="Write a new one"):
            announcement_send(announcement=announcement, by=sender)
        assert Job.objects.count() == 1

    def test_needs_the_permission(self, queue: Queue) -> None:
        announcement = AnnouncementFactory.create()
        with pytest.raises(JobNotAllowedError):
            announcement_send(announcement=announcement, by=user_staff())
        announcement.refresh_from_db()
        assert announcement.status is Announcement.Status.DRAFT
        assert not Job.objects.exists()

    def test_needs_somebody_to_write_to(self, queue: Queue, sender: User) -> None:
        announcement = AnnouncementFactory.create(audience="onboarded")
        with pytest.raises(AnnouncementAudienceError):
            announcement_send(announcement=announcement, by=sender)
        assert announcement.status is Announcement.Status.DRAFT

    def test_can_be_begun_by_its_kind_and_not_for_what_is_not_there_or_was_sent(
        self, queue: Queue, sender: User
    ) -> None:
        announcement = AnnouncementFactory.create()
        job_start(kind="announcement-send", parameters={"announcement_id": announcement.pk}, owner=sender)
        announcement_fan_out(announcement=announcement, job=job_held(announcement))
        for announcement_id in (announcement.pk, announcement.pk + 1, "x"):
            with pytest.raises(JobParametersInvalidError) as caught:
                job_start(kind="announcement-send", parameters={"announcement_id": announcement_id}, owner=sender)
            assert list(caught.value.errors) == ["announcement_id"]


class TestAnnouncementPreview:
    def test_shows_the_email_as_this_person_would_get_it_and_writes_nothing(self, sender: User) -> None:
        announcement = AnnouncementFactory.create()
        rendered = announcement_preview(announcement=announcement, user=sender)
        assert rendered.subject == "New this month"
        assert "Hello Grace Hopper," in rendered.html
        assert f"/unsubscribe/{announcement.pk}.{sender.pk}." in rendered.html
        assert not Email.objects.exists()

    def test_can_be_of_one_that_was_never_saved(self, sender: User) -> None:
        announcement = Announcement(subject="Typed", body="Just *now*", audience="everyone")
        assert "<em>now</em>" in announcement_preview(announcement=announcement, user=sender).html


class TestAnnouncementSendTest:
    def test_writes_to_one_person_marked_and_before_others(self, queue: Queue, sender: User) -> None:
        people_make(3)
        announcement = AnnouncementFactory.create()

        email = announcement_send_test(announcement=announcement, to=sender)

        assert (email.to, email.subject, email.status) == (
            [sender.email],
            "[Test] New this month",
            Email.Status.SENDING,
        )
        assert (email.priority, email.batch, email.idempotency_key) == (Priority.HIGH, None, None)
        assert email.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        (message,) = messages_take(celery_app)
        broker_url = celery_app.conf.broker_url
        assert message_priority(message) == broker_priority(Priority.HIGH, broker_url=broker_url)
        announcement.refresh_from_db()
        assert (announcement.status, announcement.written) == (Announcement.Status.DRAFT, 0)

    def test_may_be_repeated(self, queue: Queue, sender: User) -> None:
        announcement = AnnouncementFactory.create()
        emails = {announcement_send_test(announcement=announcement, to=sender).pk for _ in range(2)}
        assert len(emails) == 2

    def test_says_when_the_address_cannot_be_written_to(self, queue: Queue, sender: User) -> None:
        sender.email = "nobody"
        with pytest.raises(EmailInvalidError):
            announcement_send_test(announcement=AnnouncementFactory.create(), to=sender)
