"""The page of one e-mail in the admin, and what is shown in its frame."""

import uuid

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.services import Attachment, email_resend
from styleguide_example.emails.tests.admins import page_of, staff_make, text_of
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended

pytestmark = [pytest.mark.once, pytest.mark.django_db]

LINK = "http://localhost:8000/unsubscribe/1.2.c3po/"
DARK = "<style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style>"


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody who may see and change e-mails."""
    client.force_login(staff_make("view_email", "change_email"))
    return client


class TestEmailPage:
    def test_tells_what_happened(self, staff: Client) -> None:
        email = email_asked_for(attachments=[Attachment("terms.pdf", b"%PDF")], to=["Ada <ada@example.org>", "b@x.org"])
        EmailAttempt.objects.create(
            email=email, number=1, kind="transient", phase="envelope", error="451 later", ended_at=timezone.now()
        )
        Email.objects.update(delivered_to=["ada@example.org"], refused={"b@x.org": "550 no"})
        page = text_of(staff.get(page_of(email)))
        for words in ("451 later", "terms.pdf", email.message_id, "Sending", "b@x.org: 550 no", "Attempt 1 failed"):
            assert words in page
        assert '["' not in page

    def test_says_above_the_letter_why_it_failed(self, staff: Client) -> None:
        email = email_ended(Email.Status.FAILED)
        Email.objects.update(last_error="The server refused it: 550 no such user")
        above, _, _ = text_of(staff.get(page_of(email))).partition("What it says")
        assert "550 no such user" in above

    @pytest.mark.parametrize(
        ("show", "words"),
        [
            ("html", "<iframe sandbox"),
            ("text", "The text of it"),
            ("headers", "X-A: 1"),
            ("source", "<b>Bold</b>"),
            ("message", "Content-Type: multipart/alternative"),
            ("nonsense", "<iframe sandbox"),
        ],
    )
    def test_shows_each_part(self, staff: Client, show: str, words: str) -> None:
        email = EmailFactory.create(html="<b>Bold</b>", plain_text="The text of it", headers={"X-A": "1"})
        assert words in text_of(staff.get(page_of(email), {"show": show}))

    def test_shows_the_text_of_one_that_has_no_html(self, staff: Client) -> None:
        email = EmailFactory.create(html="", plain_text="The text of it")
        page = text_of(staff.get(page_of(email)))
        assert "The text of it" in page
        assert "iframe" not in page
        assert staff.get(page_of(email, "letter")).status_code == 404

    def test_shows_nowhere_a_link_that_acts_for_its_reader(self, staff: Client) -> None:
        email = EmailFactory.create(
            html=f'<a href="{LINK}">Leave</a>', plain_text=LINK, headers={"List-Unsubscribe": f"<{LINK}>"}
        )
        shown = [
            text_of(staff.get(page_of(email), {"show": show})) for show in ("text", "headers", "source", "message")
        ]
        shown.append(text_of(staff.get(page_of(email, "letter"))))
        for page in shown:
            assert "/unsubscribe/[token]" in page
            assert "c3po" not in page

    def test_offers_what_can_be_done_with_it_now(self, staff: Client) -> None:
        for email, offered in (
            (EmailFactory.create(), {"send", "cancel"}),
            (email_asked_for(), {"cancel"}),
            (email_ended("sent"), {"resend"}),
            (email_ended("failed"), {"retry", "resend"}),
        ):
            page = text_of(staff.get(page_of(email)))
            acts = {act for act in ("send", "retry", "cancel", "resend") if f'name="action" value="{act}"' in page}
            assert acts == offered

    def test_leads_to_the_copies_and_back(self, staff: Client) -> None:
        email = email_ended("failed")
        copy = email_resend(email=email, reason="Again")
        assert page_of(copy) in text_of(staff.get(page_of(email)))
        assert page_of(email) in text_of(staff.get(page_of(copy)))

    def test_leads_to_its_log_lines(self, staff: Client, settings: Settings) -> None:
        email, task_id = email_ended("sent"), str(uuid.uuid4())
        Email.objects.update(task_id=task_id)
        settings.LOG_FORMAT, settings.LOG_SEARCH_URL = "console", ""
        page = text_of(staff.get(page_of(email)))
        assert f"<code>email_id={email.pk}</code>" in page
        assert f"<code>task_id={task_id}</code>" in page
        settings.LOG_FORMAT, settings.LOG_SEARCH_URL = "json", "https://logs.example.com/?q={query}&x=1"
        url = f'href="https://logs.example.com/?q=%22email_id%22%3A%20{email.pk}&x=1"'
        assert url in text_of(staff.get(page_of(email)))

    def test_can_change_nothing(self, staff: Client) -> None:
        email = EmailFactory.create(subject="As it was")
        before = Email.objects.values().get()
        staff.post(page_of(email), {"subject": "Changed", "status": "sent", "to": "[]"}, follow=True)
        assert Email.objects.values().get() == before

    def test_asks_few_questions(self, staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
        email = email_ended("failed", attachments=[Attachment("a", b"a"), Attachment("b", b"b")])
        for number in range(5):
            EmailAttempt.objects.create(email=email, number=number, kind="transient", ended_at=timezone.now())
            email_resend(email=email, reason="Again")
        with django_assert_max_num_queries(14):
            staff.get(page_of(email))


class TestLetter:
    def test_is_the_html_by_itself_and_harmless(self, staff: Client) -> None:
        response = staff.get(page_of(EmailFactory.create(html="<p>Hello</p>"), "letter"))
        assert response.content == b"<p>Hello</p>"
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert {"sandbox", "default-src 'none'", "form-action 'none'", "frame-ancestors 'self'"} <= {*policy}

    @pytest.mark.parametrize(("scheme", "answer"), [("dark", "(min-width: 0)"), ("light", "(max-width: 0)")])
    def test_is_in_the_scheme_that_one_asks_for(self, staff: Client, scheme: str, answer: str) -> None:
        html = f'<head><meta name="color-scheme" content="light dark">{DARK}</head><p>Hello</p>'
        url = page_of(EmailFactory.create(html=html), "letter")
        page = text_of(staff.get(url, {"scheme": scheme}))
        assert f"@media {answer} {{" in page
        assert f'content="{scheme}"' in page
        assert text_of(staff.get(url, {"scheme": "blue"})) == html


class TestAttachment:
    def test_is_saved_and_not_shown(self, staff: Client) -> None:
        email = EmailFactory.create(attachments=[Attachment("a/../é.html", b"<script>", "text/html")])
        response = staff.get(page_of(email, "attachment", 1))
        assert response.content == b"<script>"
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment; filename*=utf-8''%C3%A9.html"

    @pytest.mark.parametrize("number", [0, 2, 10**6])
    def test_is_not_there(self, staff: Client, number: int) -> None:
        email = EmailFactory.create(attachments=[Attachment("a", b"a")])
        assert staff.get(page_of(email, "attachment", number)).status_code == 404
