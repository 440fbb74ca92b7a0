from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.pages import FAILURES_PER_PAGE
from styleguide_example.announcements.tests.admins import (
    failed_email,
    invalid_address,
    job_failed,
    job_of,
    live_of,
    page_of,
    sending,
    sent,
    staff_make,
    stopped,
    text_of,
)
from styleguide_example.announcements.tests.factories import AnnouncementFactory, people_make
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for, email_ended
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.services import Level, notification_send
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return staff_make("send_announcement", full_name="")


@pytest.fixture
def sender(client: Client, person: User) -> Client:
    """Signed in as somebody who may send announcements; the jobs are somebody else's."""
    client.force_login(person)
    return client


class TestProgress:
    def test_shows_bar_and_account_of_somebody_elses_job(self, sender: Client) -> None:
        people_make(7)  # with the sender: 8
        announcement = sending()
        Announcement.objects.filter(pk=announcement.pk).update(
            cursor=F("people_until"), written=4, suppressed=1, invalid=1
        )
        for page in (page_of(announcement, "progress"), live_of(announcement)):
            text = text_of(sender.get(page))
            assert '<progress max="8" value="6"' in text
            assert "<dt>Recipients</dt><dd>8</dd>" in text
            assert "<dt>Written</dt><dd>4</dd>" in text
            assert "Suppressed</dt><dd>1</dd>" in text
            assert "Invalid</dt><dd>1</dd>" in text
            assert "Stop the 2 that have not gone out</button>" in text

    def test_is_one_fragment_for_the_script_and_refreshes_itself_without_one(self, sender: Client) -> None:
        people_make(2)
        announcement = sending()
        page = text_of(sender.get(page_of(announcement, "progress")))
        assert f'data-progress-url="{live_of(announcement)}"' in page
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
        assert "<html" not in text_of(sender.get(live_of(announcement)))

    def test_goes_on_until_the_written_emails_are_sent(self, sender: Client) -> None:
        people_make(2)
        announcement = sent()
        Email.objects.filter(pk=email_asked_for().pk).update(batch=announcement.batch)
        page = text_of(sender.get(page_of(announcement, "progress")))
        assert 'data-active="1"' in page.split("watch")[1]
        assert "refresh" in page

        Email.objects.update(status="sent", sent_at=timezone.now(), ended_at=timezone.now())
        page = text_of(sender.get(page_of(announcement, "progress")))
        assert 'http-equiv="refresh"' not in page
        assert "What became of it" in page
        assert 'id="cancel"' not in page

    def test_says_how_many_of_the_written_emails_are_sent(self, sender: Client) -> None:
        people_make(2000)
        announcement = sent()  # with the sender: 2001
        waiting, done = email_asked_for(), email_ended(Email.Status.SENT)
        Email.objects.filter(pk__in=[waiting.pk, done.pk]).update(batch=announcement.batch)
        Announcement.objects.update(written=2)
        for page in (page_of(announcement, "progress"), live_of(announcement)):
            text = text_of(sender.get(page))
            assert "▶</span> Going out" in text
            assert '<progress max="2" value="1"' in text
            assert "1 of 2 sent" in text
            assert 'data-say="Announcement: Going out, 1 of 2 sent, 0 failed"' in text
            assert "Done" not in text
            assert "Stop the 1 that has not gone out</button>" in text
        assert "▶</span> Going out" in text_of(sender.get(page_of(announcement)))
        Email.objects.filter(pk=waiting.pk).update(status="sent", sent_at=timezone.now(), ended_at=timezone.now())
        assert "✓</span> Sent" in text_of(sender.get(live_of(announcement)))

    def test_shows_no_message_beside_numbers_that_are_newer(self, sender: Client) -> None:
        people_make(2)
        announcement = sending()
        job_of(announcement).update(progress_message="E-mails written: 220.")
        assert "E-mails written: 220." not in text_of(sender.get(live_of(announcement)))

    def test_never_goes_back_when_it_is_resumed(self, sender: Client) -> None:
        people_make(3)
        announcement = stopped()
        Announcement.objects.filter(pk=announcement.pk).update(written=2)
        page = text_of(sender.post(page_of(announcement, "resume"), follow=True))
        assert '<progress max="4" value="2"' in page
        assert Job.objects.get(retry_of=announcement.job).state == JobState.PENDING

    def test_says_why_it_failed_and_offers_to_go_on(self, sender: Client) -> None:
        people_make(1)
        announcement = stopped(JobState.FAILURE)
        job_failed(announcement, "Its worker was lost <3 times>.")
        page = text_of(sender.get(page_of(announcement, "progress")))
        assert "Its worker was lost <3 times>." in page
        assert "Resume</button>" in page

    def test_survives_a_job_that_was_cleaned_up(self, sender: Client) -> None:
        people_make(1)
        announcement = stopped()
        Job.objects.all().delete()
        page = text_of(sender.get(page_of(announcement, "progress")))
        assert "Cancelled" in page
        assert "Resume</button>" in page

    def test_says_how_many_emails_were_cleaned_up(self, sender: Client) -> None:
        people_make(2)
        announcement = sent()
        failed_email(announcement, "reader-0@example.com")
        page = text_of(sender.get(page_of(announcement, "progress")))
        assert "Written</dt><dd>3</dd>" in page
        assert "Deleted since</dt><dd>2</dd>" in page
        assert '<rect class="done"' not in page

    def test_of_a_draft_is_how_it_will_look(self, sender: Client) -> None:
        draft = AnnouncementFactory.create()
        response: Any = sender.get(page_of(draft, "progress"))
        assert response.url == page_of(draft, "look")
        assert sender.get(live_of(draft)).status_code == 404

    def test_marks_as_seen_what_told_of_its_end(self, sender: Client, person: User) -> None:
        people_make(1)
        announcement = sent()
        notification_send(user_id=person.pk, level=Level.SUCCESS, title="x", url=page_of(announcement, "progress"))

        sender.get(live_of(announcement))  # a tab in the background
        assert Notification.objects.filter(read_at=None).exists()
        sender.get(f"{live_of(announcement)}?seen=1")
        assert not Notification.objects.filter(read_at=None).exists()

    def test_asks_as_many_questions_for_many_failures_as_for_few(
        self, sender: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        people = people_make(12)
        announcement = sending()
        failed_email(announcement, "reader-0@example.com")
        invalid_address(announcement, people[1])
        # Session, person, permissions (2), announcement, account (2), failures (2 counts and 2 pages).
        with django_assert_num_queries(11):
            sender.get(live_of(announcement))
        for number in range(2, 12):
            failed_email(announcement, f"reader-{number}@example.com")
        with django_assert_num_queries(11):
            sender.get(live_of(announcement))


class TestFailures:
    def test_name_the_recipient_and_the_reason_in_words(self, sender: Client) -> None:
        people = people_make(3)
        announcement = sent()
        failed_email(announcement, "reader-0@example.com", last_error="550 <b>No such user</b>")
        invalid_address(announcement, people[1])

        response: Any = sender.get(page_of(announcement, "progress"))

        page = text_of(response)
        assert "Not reached: 2" in page
        assert "reader-0@example.com" in page
        assert "For good: the server or the message will not change its mind" in page
        assert "<b>" not in response.content.decode()
        assert "reader-1@example.com" in page
        assert "The address cannot be written to" in page

    def test_lead_to_the_email_for_those_who_may_see_it(self, sender: Client, admin_client: Client) -> None:
        people = people_make(2)
        announcement = sent()
        email = failed_email(announcement, "reader-0@example.com")
        invalid_address(announcement, people[1])
        links = (f"/admin/emails/email/{email.pk}/change/", f"/admin/users/user/{people[1].pk}/change/")
        for link in links:
            assert link not in text_of(sender.get(page_of(announcement, "progress")))
            assert link in text_of(admin_client.get(page_of(announcement, "progress")))

    def test_are_shown_page_by_page(self, sender: Client) -> None:
        people = people_make(3)
        announcement = sent()
        for person in people:
            invalid_address(announcement, person)
        for number in range(FAILURES_PER_PAGE - 1):
            failed_email(announcement, f"refused-{number:02}@example.com")

        first = text_of(sender.get(page_of(announcement, "progress")))
        second = text_of(sender.get(f"{page_of(announcement, 'progress')}?page=2"))

        assert "Page 1 of 2" in first
        assert first.count('class="recipient"') == FAILURES_PER_PAGE
        assert second.count('class="recipient"') == 2
        assert [f"reader-{number}@" in first for number in range(3)] == [True] * 3
        assert ("refused-00@" in second, "refused-01@" in second, "refused-02@" in second) == (True, True, False)
        assert f'data-progress-url="{live_of(announcement, 2)}"' in second
        assert second.count('class="recipient"') == text_of(sender.get(live_of(announcement, 2))).count(
            'class="recipient"'
        )

    @pytest.mark.parametrize("page", ["0", "99", "x", ""])
    def test_bear_a_page_that_is_none(self, sender: Client, page: str) -> None:
        people_make(1)
        assert "Recipients" in text_of(sender.get(f"{page_of(sent(), 'progress')}?page={page}"))
