"""The list of e-mails in the admin: what it says, what is found, and what it asks of the database."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from time_machine import TimeMachineFixture

from styleguide_example.emails.bulk import NewEmail, email_create_all
from styleguide_example.emails.enums import CancelReason, FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_resend
from styleguide_example.emails.tests.admins import LIST, page_of, staff_make, text_of
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended, emails_left_behind
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody who may see e-mails."""
    client.force_login(staff_make("view_email", "change_email"))
    return client


def _written(at: datetime, **fields: str) -> Email:
    email = EmailFactory.create(**fields)
    Email.objects.filter(pk=email.pk).update(created_at=at)
    return email


class TestEmailList:
    @pytest.mark.parametrize("somebody", ["nobody", "not staff", "staff without permission"])
    def test_is_shown_to_nobody_else(self, client: Client, somebody: str) -> None:
        email = EmailFactory.create()
        if somebody != "nobody":
            client.force_login(staff_make() if somebody.startswith("staff") else user_onboarded())
        for url in (LIST, page_of(email), page_of(email, "letter")):
            response = client.get(url)
            assert response.status_code == (403 if somebody.startswith("staff") else 302)
            assert email.subject not in response.content.decode()

    def test_shows_the_newest_first(self, staff: Client) -> None:
        email_ended("sent", to=["Ada <ada@example.org>", "bob@example.org"], cc=["cc@example.org"], subject="First")
        email_asked_for(to=["eve@example.org"], subject="", category="welcome")
        page = text_of(staff.get(LIST))
        assert "Ada <ada@example.org>, bob@example.org and 1 more" in page
        assert page.index("(no subject)") < page.index("First")
        assert "welcome" in page

    def test_says_how_each_stands_in_a_word_a_symbol_and_a_reason(self, staff: Client) -> None:
        EmailFactory.create()
        email_asked_for(send_after=timezone.now() + timedelta(hours=3))
        held, again = email_asked_for(), email_asked_for()
        Email.objects.filter(pk=held.pk).update(lease_token=uuid.uuid4())
        Email.objects.filter(pk=again.pk).update(attempts=1, next_attempt_at=timezone.now() - timedelta(minutes=5))
        email_ended("sent")
        doubtful, failed, stopped = email_ended("failed"), email_ended("failed"), email_ended("cancelled")
        Email.objects.filter(pk=doubtful.pk).update(last_error_kind=FailureKind.UNKNOWN_OUTCOME)
        Email.objects.filter(pk=failed.pk).update(last_error_kind=FailureKind.PERMANENT)
        Email.objects.filter(pk=stopped.pk).update(cancel_reason=CancelReason.STOPPED)

        page = text_of(staff.get(LIST))

        for symbol, word, detail in (
            ("○", "Ready", "nobody has asked for it"),
            ("…", "Sending", "due in 2 h"),
            ("▶", "Sending", "a worker has it"),
            ("↻", "Sending", "due for 5 min"),
            ("✓", "Sent", ""),
            ("?", "Failed", "outcome unknown"),
            ("✕", "Failed", "for good"),
            ("⊘", "Cancelled", "with its batch"),
        ):
            assert f"{symbol}</span> {word}</span>" in page
            assert detail in page

    def test_says_what_to_do_when_there_is_nothing(self, staff: Client) -> None:
        assert "There is no e-mail yet" in text_of(staff.get(LIST))
        assert "Nothing matches" in text_of(staff.get(LIST, {"q": "nobody@example.org"}))

    def test_shows_what_people_wrote_as_text(self, staff: Client) -> None:
        attack = "<script>alert(1)</script>"
        to = [f'"{attack}" <ada@example.org>']
        email = EmailFactory.create(subject=attack, html=attack, plain_text=attack, to=to)
        for url in (LIST, page_of(email), page_of(email) + "?show=source"):
            assert attack not in staff.get(url).content.decode()


class TestEmailListQueries:
    def test_are_few_however_many_rows_there_are(
        self, staff: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        emails_left_behind(3)
        with CaptureQueriesContext(connection) as first:
            staff.get(LIST)
        emails_left_behind(60)
        assert len(first) <= 8
        with django_assert_num_queries(len(first)):
            staff.get(LIST)

    def test_neither_read_bodies_nor_count_everything(self, staff: Client) -> None:
        emails_left_behind(3)
        with CaptureQueriesContext(connection) as asked:
            staff.get(LIST, {"day": "week", "error": "4xx", "template": "welcome", "status__exact": "failed"})
        about_emails = [query["sql"] for query in asked if "emails_email" in query["sql"]]
        assert about_emails
        for statement in about_emails:
            assert '"html"' not in statement
            assert '"plain_text"' not in statement
            assert "COUNT(" not in statement or "LIMIT" in statement


class TestEmailSearch:
    @pytest.mark.parametrize(
        "words", ["ada@example.org", " ADA@Example.ORG ", "Ada <ada@example.org>", "its id", "its message id", "bare"]
    )
    def test_finds_one_by_id_message_id_or_first_recipient(self, staff: Client, words: str) -> None:
        EmailFactory.create(to=["bob@example.org", "ada@example.org"])
        email = EmailFactory.create(to=["Ada <Ada@example.org>"])
        known = {"its id": str(email.pk), "its message id": email.message_id, "bare": email.message_id.strip("<>")}
        page = text_of(staff.get(LIST, {"q": known.get(words, words)}))
        assert "Ada@example.org" in page
        assert "bob@example.org" not in page

    @pytest.mark.parametrize("words", ["ada@example.org", "its message id"])
    def test_finds_one_that_a_worker_holds_at_this_moment(self, staff: Client, words: str) -> None:
        emails_left_behind(1)
        email = email_asked_for(to=["ada@example.org"])
        Email.objects.filter(pk=email.pk).update(lease_token=uuid.uuid4())
        page = text_of(staff.get(LIST, {"q": words if "@" in words else email.message_id}))
        assert page.count("field-status_shown") == 1
        assert "ada@example.org" in page

    def test_finds_copies_and_those_of_a_batch_too(self, staff: Client) -> None:
        email_resend(email=email_ended("sent", to=["Ada <ada@example.org>"]), reason="Again")
        news = NewEmail(idempotency_key="news:1", to="ada@Example.org", subject="News", html="", plain_text="News")
        email_create_all(emails=[news], batch="news")
        assert text_of(staff.get(LIST, {"q": "ada@example.org"})).count("field-status_shown") == 3

    def test_survives_whatever_is_looked_for(self, staff: Client) -> None:
        EmailFactory.create()
        for words in ("%", "'", "\\", "é@ü", "x" * 1000, "9" * 30, "²", "<>@"):
            assert "Nothing matches" in text_of(staff.get(LIST, {"q": words}))
        assert "Null characters are not allowed." in text_of(staff.get(LIST, {"q": "a\x00@b"}))


class TestEmailFilters:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"status__exact": "failed"}, {"Refused", "Busy"}),
            ({"template": "welcome"}, {"Refused"}),
            ({"error": "permanent"}, {"Refused"}),
            ({"error": "5xx"}, {"Refused"}),
            ({"error": "4xx"}, {"Busy"}),
            ({"error": "nonsense\x00"}, set()),
            ({"template": "nonsense\x00"}, set()),
            ({"batch__exact": "news:7"}, {"Sent"}),
        ],
    )
    def test_find_what_they_say(self, staff: Client, query: dict[str, str], found: set[str]) -> None:
        errors = {"Refused": ("permanent", "550 no"), "Busy": ("transient", "451 later")}
        for subject, (kind, reply) in errors.items():
            email = email_ended("failed", subject=subject, category="welcome" if subject == "Refused" else "")
            Email.objects.filter(pk=email.pk).update(last_error_kind=kind, smtp_reply=reply)
        Email.objects.filter(pk=email_ended("sent", subject="Sent").pk).update(batch="news:7", smtp_reply="250 ok")
        page = text_of(staff.get(LIST, query))
        assert {subject for subject in (*errors, "Sent") if f">{subject}</a>" in page} - {"Sent"} == found - {"Sent"}
        assert page.count("field-status_shown") == len(found)

    def test_offer_the_templates_that_there_are(self, staff: Client) -> None:
        EmailFactory.create(category="long-gone")
        page = text_of(staff.get(LIST))
        assert "template=welcome" in page
        assert "template=long-gone" not in page

    @pytest.mark.parametrize(
        ("day", "found"),
        [
            ("today", {"today"}),
            ("yesterday", {"yesterday"}),
            ("week", {"today", "yesterday"}),
            ("2026-03-01", {"long ago"}),
            ("2026-02-31", set()),
            ("9999-12-31", set()),
            ("0001-01-01", set()),
            ("soon", set()),
        ],
    )
    def test_find_a_day(self, staff: Client, time_machine: TimeMachineFixture, day: str, found: set[str]) -> None:
        time_machine.move_to("2026-05-20 12:00:00Z", tick=False)
        now = timezone.now()
        _written(now - timedelta(days=80, hours=4), subject="long ago")
        _written(now - timedelta(hours=13), subject="yesterday")
        _written(now - timedelta(hours=11), subject="today")
        page = text_of(staff.get(LIST, {"day": day}))
        assert {subject for subject in ("long ago", "yesterday", "today") if f">{subject}</a>" in page} == found

    def test_keep_the_others_when_a_day_is_typed(self, staff: Client) -> None:
        page = text_of(staff.get(LIST, {"day": "2026-03-01", "status__exact": "failed", "q": "7"}))
        assert '<input type="hidden" name="status__exact" value="failed">' in page
        assert '<input type="hidden" name="q" value="7">' in page
        assert 'name="day" value="2026-03-01"' in page
