from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from styleguide_example.announcements import services
from styleguide_example.announcements.enums import AnnouncementStatus
from styleguide_example.announcements.forms import version_of
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.admins import page_of, sending, sent, staff_make, stopped, text_of
from styleguide_example.announcements.tests.factories import AnnouncementFactory, people_make
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Email
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_start
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return staff_make("send_announcement")


@pytest.fixture
def sender(client: Client, person: User) -> Client:
    """Signed in as somebody who may send announcements."""
    client.force_login(person)
    return client


@pytest.fixture
def draft() -> Announcement:
    people_make(3)
    return AnnouncementFactory.create()


def _now(announcement: Announcement) -> Announcement:
    return Announcement.objects.select_related("job").get(pk=announcement.pk)


def _history() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def _send(client: Client, announcement: Announcement) -> Any:
    return client.post(page_of(announcement, "send"), {"version": version_of(announcement)}, follow=True)


class TestLook:
    def test_shows_the_email_for_two_widths_its_subject_and_its_plain_text(self, sender: Client) -> None:
        people_make(3)
        suppression_add(address="reader-0@example.com", reason=SuppressionReason.BOUNCED)
        draft = AnnouncementFactory.create(body="Three things are **better**.")
        page = text_of(sender.get(page_of(draft, "look")))
        assert page.count(f'<iframe sandbox src="{page_of(draft, "letter")}"') == 2
        assert "4</strong> people, of whom 1 is skipped" in page
        assert "Hello Grace Hopper, Three things are **better**." in page

    def test_escapes_what_was_typed(self, sender: Client) -> None:
        draft = AnnouncementFactory.create(subject="<script>a</script>", body="</pre><script>b</script>")
        for name in ("look", "send", "letter", "change"):
            response: Any = sender.get(page_of(draft, name))
            page = response.content.decode()
            assert "<script>a" not in page
            assert "<script>b" not in page


class TestLetter:
    def test_is_the_email_as_it_would_be_written(self, sender: Client, person: User, draft: Announcement) -> None:
        response: Any = sender.get(page_of(draft, "letter"))
        assert response.content.decode() == services.announcement_preview(announcement=draft, user=person).html

    def test_runs_nothing_and_is_shown_by_this_site_alone(self, sender: Client, draft: Announcement) -> None:
        headers = sender.get(page_of(draft, "letter")).headers
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in headers["Cache-Control"]


class TestSendATest:
    def test_writes_to_the_person_who_asks_and_to_nobody_else(
        self, sender: Client, person: User, draft: Announcement
    ) -> None:
        page = text_of(sender.post(page_of(draft, "test"), follow=True))
        assert "A test is on its way to your own address." in page
        assert list(Email.objects.values_list("to", "subject")) == [([person.email], "[Test] New this month")]
        assert _now(draft).status is AnnouncementStatus.DRAFT
        assert _history() == ["Sent a test to themselves."]


class TestSend:
    def test_asks_first_naming_subject_audience_and_people(self, sender: Client) -> None:
        people_make(3)
        suppression_add(address="reader-0@example.com", reason=SuppressionReason.UNSUBSCRIBED)
        page = text_of(sender.get(page_of(AnnouncementFactory.create(), "send")))
        assert "<dd>New this month</dd>" in page
        assert "<dd>Everyone</dd>" in page
        assert "4</strong> people, of whom 1 is skipped" in page
        assert "Send it to 3 people" in page

    def test_starts_the_job_and_leads_to_its_progress(
        self,
        sender: Client,
        person: User,
        draft: Announcement,
        queue: Queue,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            response = _send(sender, draft)
        assert response.redirect_chain[-1][0] == page_of(draft, "progress")
        assert _now(draft).status is AnnouncementStatus.SENDING
        assert Job.objects.get().owner == person
        assert len(queue) == 1
        assert _history() == ["Began the sending."]

    def test_sends_once_however_often_it_is_clicked(self, sender: Client, draft: Announcement) -> None:
        _send(sender, draft)
        response = _send(sender, draft)
        assert "Its sending has begun already" in text_of(response)
        assert response.redirect_chain[-1][0] == page_of(draft, "progress")
        assert Job.objects.count() == 1
        assert _history() == ["Began the sending."]

    def test_sends_what_was_looked_at(self, sender: Client, draft: Announcement) -> None:
        seen = version_of(draft)
        services.announcement_update(announcement=draft, data={"subject": "Something else"})
        response = sender.post(page_of(draft, "send"), {"version": seen}, follow=True)
        assert "It was changed since you looked at it" in text_of(response)
        assert _now(draft).status is AnnouncementStatus.DRAFT

    def test_sends_nothing_that_somebody_else_saves_at_this_moment(self, sender: Client, draft: Announcement) -> None:
        row = Announcement.objects.filter(pk=draft.pk)

        def saved(execute: Any, sql: str, *rest: Any) -> Any:
            if sql.startswith("SAVEPOINT"):  # after the page has compared, before the row is locked
                row.update(subject="Something else", updated_at=timezone.now())
            return execute(sql, *rest)

        with connection.execute_wrapper(saved):
            response = sender.post(page_of(draft, "send"), {"version": version_of(draft)}, follow=True)
        assert "It had changed meanwhile" in text_of(response)
        assert _now(draft).status is AnnouncementStatus.DRAFT
        assert not Job.objects.exists()

    def test_refuses_an_empty_audience(self, sender: Client) -> None:
        draft = AnnouncementFactory.create(audience="onboarded")
        assert "There is nobody to write to" in text_of(sender.get(page_of(draft, "send")))
        assert "There is nobody in this audience." in text_of(_send(sender, draft))
        assert _now(draft).status is AnnouncementStatus.DRAFT
        assert _history() == []

    @pytest.mark.parametrize(
        "change",
        [{"audience": "joined-since"}, {"audience": "gone"}, {"audience_parameters": {"before": "2026-01-01"}}],
    )
    def test_refuses_a_rule_that_has_changed(self, sender: Client, draft: Announcement, change: dict[str, Any]) -> None:
        Announcement.objects.filter(pk=draft.pk).update(**change)
        assert "There is nobody to write to" in text_of(sender.get(page_of(draft, "send")))
        assert "audience" in text_of(_send(sender, draft))
        assert _now(draft).status is AnnouncementStatus.DRAFT
        assert _history() == []

    def test_is_not_asked_again(self, sender: Client) -> None:
        people_make(1)
        announcement = sending()
        response: Any = sender.get(page_of(announcement, "send"))
        assert response.url == page_of(announcement, "progress")


class TestCancel:
    def test_stops_it(self, sender: Client, draft: Announcement) -> None:
        _send(sender, draft)
        page = text_of(sender.post(page_of(draft, "cancel"), follow=True))
        assert _now(draft).status is AnnouncementStatus.CANCELLED
        assert "Resume</button>" in page
        assert _history() == ["Began the sending.", "Stopped what had not gone out."]

    def test_asks_one_that_runs_to_stop(self, sender: Client) -> None:
        people_make(1)
        announcement = sending()
        page = text_of(sender.post(page_of(announcement, "cancel"), follow=True))
        assert "Stopping after the batch that is being written" in page
        assert 'id="cancel"' not in page
        assert _now(announcement).job.is_cancel_requested  # type: ignore[union-attr]  # it has one

    def test_stops_what_waits_after_the_writing_and_resumes_it(self, sender: Client) -> None:
        people_make(1)
        announcement = sent()
        Email.objects.filter(pk=email_asked_for().pk).update(batch=announcement.batch)
        page = text_of(sender.post(page_of(announcement, "cancel"), follow=True))
        assert _now(announcement).status is AnnouncementStatus.CANCELLED
        assert "⊘</span> Cancelled" in page
        assert 'id="cancel"' not in page
        page = text_of(sender.post(page_of(announcement, "resume"), follow=True))
        assert _now(announcement).status is AnnouncementStatus.GOING_OUT
        assert "Stop the 1 that has not gone out" in page
        assert _history() == ["Stopped what had not gone out.", "Resumed the sending."]

    def test_says_when_it_had_ended(self, sender: Client) -> None:
        people_make(1)
        announcement = stopped()
        page = text_of(sender.post(page_of(announcement, "cancel"), follow=True))
        assert "It had changed meanwhile" in page
        assert _history() == []


class TestResume:
    def test_goes_on(self, sender: Client) -> None:
        people_make(1)
        announcement = stopped()
        former = announcement.job
        text_of(sender.post(page_of(announcement, "resume"), follow=True))
        now = _now(announcement)
        assert now.status is AnnouncementStatus.SENDING
        assert now.job is not None
        assert now.job.retry_of == former
        assert _history() == ["Resumed the sending."]

    def test_resumes_once_however_often_it_is_clicked(self, sender: Client) -> None:
        people_make(1)
        announcement = stopped()
        for _ in range(2):
            page = text_of(sender.post(page_of(announcement, "resume"), follow=True))
        assert "It had changed meanwhile" in page
        assert Job.objects.count() == 2
        assert _history() == ["Resumed the sending."]

    def test_says_that_the_same_is_being_done(self, sender: Client) -> None:
        people_make(1)
        announcement = stopped()
        # Started over the API, say: the announcement does not know of it yet.
        job_start(
            kind="announcement-send",
            parameters={"announcement_id": announcement.pk},
            owner=User.objects.get(is_staff=True),
        )
        page = text_of(sender.post(page_of(announcement, "resume"), follow=True))
        assert "It is being sent already" in page
