import pytest
from pytest_django import Settings

from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.services import announcement_send
from styleguide_example.announcements.tests.factories import AnnouncementFactory, job_worked, people_make, sender_make
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.models import Email
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.kinds import job_kind_get
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_cancel, job_start
from styleguide_example.notifications.models import Notification

pytestmark = pytest.mark.django_db(transaction=True)


class TestAnnouncementSendTask:
    def test_does_the_work_and_its_sender_is_told(self, queue: Queue) -> None:
        people_make(4)
        sender = sender_make()
        announcement = AnnouncementFactory.create()

        job = job_worked(announcement_send(announcement=announcement, by=sender))

        assert job.state == JobState.SUCCESS
        assert job.result == {"recipients": 5, "written": 5, "suppressed": 0, "invalid": 0}
        assert (job.progress_current, job.progress_total) == (5, 5)
        assert job.progress_message == "E-mails written: 5. People skipped: 0."
        notification = Notification.objects.get()
        assert (notification.user_id, notification.text) == (sender.pk, "E-mails written: 5. People skipped: 0.")
        assert notification.url == f"/admin/announcements/announcement/{announcement.pk}/progress/"

    def test_does_nothing_for_one_that_was_cancelled_before_it_began(self, queue: Queue) -> None:
        announcement = AnnouncementFactory.create()
        job = announcement_send(announcement=announcement, by=sender_make())
        job_cancel(job=job)
        assert job_worked(job).state == JobState.REVOKED
        assert not Email.objects.exists()

    def test_fails_with_words_for_its_owner_when_there_is_nothing_to_send(
        self, queue: Queue, settings: Settings
    ) -> None:
        sender = sender_make()
        gone, nobody = AnnouncementFactory.create(), AnnouncementFactory.create(audience="onboarded")
        changed = AnnouncementFactory.create()
        jobs = [
            job_start(kind="announcement-send", parameters={"announcement_id": announcement.pk}, owner=sender)
            for announcement in (gone, nobody, changed)
        ]
        Announcement.objects.filter(pk=gone.pk).delete()
        Announcement.objects.filter(pk=changed.pk).update(audience="joined-since")  # without its date
        Job.objects.update(next_attempt_at="2026-01-01T00:00:00Z")  # no jitter

        ended = [job_worked(job) for job in jobs]

        assert [(job.state, job.error_code, job.error_message) for job in ended] == [
            (JobState.FAILURE, "announcement_gone", "This announcement was deleted."),
            (JobState.FAILURE, "audience_unusable", "There is nobody in this audience."),
            (
                JobState.FAILURE,
                "audience_unusable",
                "The rule of this audience has changed: choose the audience anew.",
            ),
        ]

    def test_may_be_begun_again_after_a_kill_more_often_than_other_kinds(self) -> None:
        kind = job_kind_get("announcement-send")
        assert kind.may_resume
        assert kind.attempts_max > 3
        assert kind.key == ("announcement_id",)
