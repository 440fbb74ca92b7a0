from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from styleguide_example.announcements.forms import version_of
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.admins import (
    LIST,
    failed_email,
    invalid_address,
    job_of,
    page_of,
    sending,
    sent,
    stopped,
    text_of,
)
from styleguide_example.announcements.tests.factories import AnnouncementFactory, people_make
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for, email_ended
from styleguide_example.jobs.enums import JobState

pytestmark = pytest.mark.django_db


class TestAnnouncementList:
    def test_says_what_an_announcement_is_and_how_it_stands(self, admin_client: Client) -> None:
        people_make(4)
        AnnouncementFactory.create(subject="A draft", audience="staff")
        Announcement.objects.filter(pk=sending(subject="On its way").pk).update(written=3)
        stopped(subject="Stopped")
        stopped(JobState.FAILURE, subject="Broken")
        sent(subject="All written", audience="joined-since", audience_parameters={"since": "2026-02-03"})

        page = text_of(admin_client.get(LIST))

        for words in (
            "✎</span> Draft",
            "▶</span> Sending",
            "✓</span> Sent",
            "⊘</span> Cancelled",
            "✕</span> Stopped by an error",
            "Everyone who joined since a date: 3 February 2026",
        ):
            assert words in page
        assert "60 %" in page

    def test_counts_what_became_of_the_emails(self, admin_client: Client) -> None:
        people = people_make(1200)
        announcement = sent()
        for number in range(2):
            email = email_ended(Email.Status.SENT, to=[f"reader-{number}@example.com"])
            Email.objects.filter(pk=email.pk).update(batch=announcement.batch)
        failed_email(announcement, "reader-3@example.com")
        invalid_address(announcement, people[4])
        Announcement.objects.update(written=3)

        page = text_of(admin_client.get(LIST))

        assert 'class="field-recipients">1,20' in page
        assert 'class="field-sent_count">2<' in page
        assert 'class="field-failed_count">2<' in page

    def test_says_of_one_that_is_written_how_many_are_sent(self, admin_client: Client) -> None:
        people_make(2)
        announcement = sent()
        emails = [email_asked_for(), email_ended(Email.Status.SENT)]
        Email.objects.filter(pk__in=[email.pk for email in emails]).update(batch=announcement.batch)
        page = text_of(admin_client.get(LIST))
        assert "▶</span> Going out" in page
        assert "1 of 3 sent" in page
        assert "Written at" in page

    def test_counts_nothing_of_what_the_clean_up_deleted(self, admin_client: Client) -> None:
        people_make(3)
        failed_email(sent(), "reader-0@example.com")
        page = text_of(admin_client.get(LIST))
        assert 'class="field-written_count">4<' in page
        assert 'class="field-sent_count"><' in page
        assert 'class="field-failed_count"><' in page

    def test_says_of_one_that_is_stopping_so(self, admin_client: Client) -> None:
        people_make(2)
        announcement = sending()
        job_of(announcement).update(cancel_requested_at="2026-11-20T12:00Z")
        assert "◼</span> Stopping" in text_of(admin_client.get(LIST))

    def test_leads_to_the_form_of_a_draft_and_to_the_account_of_others(self, admin_client: Client) -> None:
        people_make(2)
        draft, other = AnnouncementFactory.create(), sent()
        page = text_of(admin_client.get(LIST))
        assert f'href="{page_of(draft)}"' in page
        assert f'href="{page_of(other, "progress")}"' in page

    def test_asks_as_many_questions_for_twenty_as_for_two(
        self, admin_client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        people_make(2)
        for _ in range(2):
            sent()
        # Session, person, count, rows with their jobs, counts of their e-mails.
        with django_assert_num_queries(5):
            admin_client.get(LIST)
        for _ in range(18):
            sent()
        with django_assert_num_queries(5):
            admin_client.get(LIST)

    def test_offers_no_action_on_many(self, admin_client: Client) -> None:
        draft = AnnouncementFactory.create()
        data = {"action": "delete_selected", "_selected_action": [draft.pk], "post": "yes"}
        admin_client.post(LIST, data)
        assert Announcement.objects.exists()

    def test_invites_to_write_the_first(self, admin_client: Client) -> None:
        assert "Nothing was announced yet" in text_of(admin_client.get(LIST))

    def test_escapes_what_was_typed(self, admin_client: Client) -> None:
        AnnouncementFactory.create(subject="<img src=x onerror=alert(1)>")
        response: Any = admin_client.get(LIST)
        assert "<img src=x" not in response.content.decode()

    def test_bears_a_rule_that_is_gone(self, admin_client: Client) -> None:
        draft = AnnouncementFactory.create()
        Announcement.objects.filter(pk=draft.pk).update(audience="subscribers")
        assert "subscribers (there is no such rule any more)" in text_of(admin_client.get(LIST))
        assert "Who gets it" in text_of(admin_client.get(page_of(draft)))
        assert "there is no such rule any more" in text_of(admin_client.get(page_of(draft, "look")))
        assert "There is nobody to write to" in text_of(admin_client.get(page_of(draft, "send")))
        admin_client.post(page_of(draft, "send"), {"version": version_of(draft)})
        assert Announcement.objects.get().is_editable
