from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.common import leases
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.services import Attachment
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db

LIST = reverse("admin:emails_email_changelist")


def _person(*, staff: bool = True, permissions: tuple[str, ...] = ()) -> User:
    user: User = get_user_model().objects.create_user("person@example.com", "correct horse battery staple")
    User.objects.filter(pk=user.pk).update(is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody who may see and change e-mails."""
    client.force_login(_person(permissions=("view_email", "change_email")))
    return client


@pytest.fixture
def reader(client: Client) -> Client:
    """Signed in as somebody who may only see e-mails."""
    client.force_login(_person(permissions=("view_email",)))
    return client


def _page(email: Email) -> str:
    return reverse("admin:emails_email_change", args=[email.pk])


def _text(response: Any) -> str:
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    return unescape(response.content.decode())


def _act(client: Client, action: str, *emails: Email) -> str:
    data = {"action": action, "_selected_action": [str(email.pk) for email in emails]}
    return _text(client.post(LIST, data, follow=True))


class TestEmailAdminPages:
    @pytest.mark.parametrize("somebody", [None, "not staff", "staff without permission"])
    def test_are_shown_to_nobody_else(self, client: Client, somebody: str | None) -> None:
        email = EmailFactory.create()
        if somebody:
            client.force_login(_person(staff=somebody.startswith("staff")))

        for url in (LIST, _page(email)):
            response = client.get(url)
            assert response.status_code == (403 if somebody == "staff without permission" else 302)
            assert email.subject not in response.content.decode()

    def test_list_what_there_is(self, staff: Client) -> None:
        email_ended("sent", to=["Ada <ada@example.org>", "bob@example.org"], cc=["cc@example.org"], subject="First")
        email_asked_for(to=["eve@example.org"], subject="Second")

        page = _text(staff.get(LIST))

        assert "Ada <ada@example.org>, bob@example.org and 1 more" in page
        assert page.index("Second") < page.index("First")

    def test_ask_the_database_no_more_for_more_rows(
        self, staff: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        EmailFactory.create()
        with CaptureQueriesContext(connection) as first:
            staff.get(LIST)
        for _ in range(20):
            EmailFactory.create()
        with django_assert_num_queries(len(first)):
            staff.get(LIST)

    @pytest.mark.parametrize("query", ["ada@example.org", "ADA@", "Welc", "the message id"])
    def test_find_one_by_recipient_subject_or_message_id(self, staff: Client, query: str) -> None:
        EmailFactory.create(to=["bob@example.org"], subject="Other")
        email = EmailFactory.create(to=["Ada <ada@example.org>"], subject="Welcome")

        page = _text(staff.get(LIST, {"q": email.message_id if query == "the message id" else query}))

        assert "ada@example.org" in page
        assert "bob@example.org" not in page

    @pytest.mark.parametrize("query", ["%", "'", '"', "\\", "é", "x" * 1000])
    def test_survive_whatever_is_searched_for(self, staff: Client, query: str) -> None:
        EmailFactory.create()
        _text(staff.get(LIST, {"q": query}))

    def test_filter_by_status(self, staff: Client) -> None:
        email_ended("failed", subject="Broken")
        EmailFactory.create(subject="Fine")
        page = _text(staff.get(LIST, {"status__exact": "failed"}))
        assert "Broken" in page
        assert "Fine" not in page

    def test_tell_what_happened(self, staff: Client) -> None:
        email = email_asked_for(attachments=[Attachment("terms.pdf", b"%PDF")], plain_text="The text of it")
        EmailAttempt.objects.create(
            email=email, number=1, kind="transient", phase="envelope", error="451 later", ended_at=timezone.now()
        )
        page = _text(staff.get(_page(email)))
        for words in ("The text of it", "451 later", "terms.pdf", email.message_id, "Sending"):
            assert words in page

    def test_are_written_down_for_people(self, staff: Client) -> None:
        email = EmailFactory.create(to=["Ada <ada@example.org>", "bob@example.org"], server="")
        Email.objects.update(
            delivered_to=["ada@example.org"], refused={"bob@example.org": "550 no"}, smtp_reply="250 taken"
        )
        page = _text(staff.get(_page(email)))
        assert "Ada <ada@example.org><br>bob@example.org" in page
        assert "bob@example.org: 550 no" in page
        assert "SMTP reply:" in page
        assert '["' not in page
        for heading in ("Failed attempts", "Attachments"):
            assert heading not in page

    def test_show_what_people_wrote_as_text(self, staff: Client) -> None:
        attack = "<script>alert(1)</script>"
        email = EmailFactory.create(
            subject=attack, html=attack, plain_text=attack, to=['"<script>alert(1)</script>" <ada@example.org>']
        )
        for url in (LIST, _page(email)):
            assert attack not in staff.get(url).content.decode()

    def test_show_no_link_that_unsubscribes(self, staff: Client) -> None:
        link = "http://localhost:8000/unsubscribe/1.2.c3po/"
        headers = {"X-A": "1", "List-Unsubscribe": f"<{link}>"}
        email = EmailFactory.create(html=f'<a href="{link}">Leave</a>', plain_text=link, headers=headers)
        page = _text(staff.get(_page(email)))
        assert "X-A: 1" in page
        assert "c3po" not in page

    def test_filter_by_batch(self, staff: Client) -> None:
        Email.objects.filter(pk=EmailFactory.create(subject="News").pk).update(batch="announcement:1")
        EmailFactory.create(subject="Fine")
        page = _text(staff.get(LIST, {"batch__exact": "announcement:1"}))
        assert "News" in page
        assert "Fine" not in page

    def test_show_no_link_that_signs_in(self, staff: Client) -> None:
        link = "http://localhost:8000/confirm/MQ/cx8-5f3/"
        email = EmailFactory.create(html=f'<a href="{link}">Confirm</a>', plain_text=f"Confirm: {link}")
        page = _text(staff.get(_page(email)))
        assert "Confirm" in page
        assert "cx8-5f3" not in page

    def test_can_change_nothing(self, staff: Client) -> None:
        email = EmailFactory.create(subject="As it was")
        before = Email.objects.values().get()

        staff.post(_page(email), {"subject": "Changed", "status": "sent", "to": "[]"}, follow=True)

        assert 'name="subject"' not in _text(staff.get(_page(email)))
        after = Email.objects.values().get()
        assert {**after, "updated_at": None} == {**before, "updated_at": None}

    @pytest.mark.parametrize("page", ["admin:emails_email_add", "admin:emails_email_delete"])
    def test_neither_add_nor_delete(self, admin_client: Client, page: str) -> None:
        email = EmailFactory.create()
        url = reverse(page, args=[email.pk] if "delete" in page else [])
        assert admin_client.get(url).status_code == 403
        assert admin_client.post(url, {"post": "yes"}).status_code == 403
        assert Email.objects.count() == 1


class TestEmailAdminActions:
    def test_send_asks_for_the_ready_ones(self, staff: Client) -> None:
        ready, sent = EmailFactory.create(), email_ended("sent")

        page = _act(staff, "send", ready, sent)

        assert "1 asked for; the others are not ready and were left alone." in page
        ready.refresh_from_db()
        assert ready.status == Email.Status.SENDING

    def test_retry_says_for_each_why_not(self, staff: Client) -> None:
        failed, sent, cancelled = (email_ended(status) for status in ("failed", "sent", "cancelled"))

        page = _act(staff, "retry", failed, sent, cancelled)

        assert "1 retried." in page
        assert f"E-mail {sent.pk} is sent" in page
        assert f"E-mail {cancelled.pk} is cancelled" in page
        failed.refresh_from_db()
        assert failed.status == Email.Status.SENDING

    def test_retry_refuses_what_has_expired(self, staff: Client) -> None:
        email = email_ended("failed", expires_at=timezone.now() - timedelta(seconds=1))
        assert "has expired" in _act(staff, "retry", email)

    def test_cancel_leaves_alone_what_a_worker_holds(self, staff: Client) -> None:
        ready, held = EmailFactory.create(), email_asked_for()
        leases.lease_claim(Email.objects.filter(pk=held.pk), owner="worker", seconds=60)

        page = _act(staff, "cancel", ready, held)

        assert "1 cancelled." in page
        assert "a worker is sending it right now" in page
        ready.refresh_from_db()
        held.refresh_from_db()
        assert (ready.status, held.status) == (Email.Status.CANCELLED, Email.Status.SENDING)

    def test_resend_writes_a_copy_and_says_who_asked(self, staff: Client) -> None:
        email = email_ended("sent", html="<p>Body</p>")

        page = _act(staff, "resend", email)

        assert "1 sent again as a copy." in page
        copy = Email.objects.get(resend_of=email)
        assert copy.html == "<p>Body</p>"
        assert copy.resend_reason == f"Resent in the admin by user {User.objects.get().pk}"

    @pytest.mark.parametrize(
        ("action", "status", "words"),
        [("send", "ready", "asked for"), ("retry", "failed", "retried"), ("resend", "sent", "sent again as a copy")],
    )
    def test_leave_a_line_in_the_history(self, staff: Client, action: str, status: str, words: str) -> None:
        email = EmailFactory.create() if status == "ready" else email_ended(status)
        _act(staff, action, email)

        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.user) == (str(email.pk), User.objects.get())
        assert words in entry.get_change_message()

    @pytest.mark.parametrize("action", ["send", "retry", "cancel", "resend", "delete_selected"])
    def test_are_refused_to_somebody_who_may_only_read(self, reader: Client, action: str) -> None:
        emails = [EmailFactory.create(), email_ended("failed"), email_ended("sent")]
        before = list(Email.objects.order_by("pk").values())

        reader.post(LIST, {"action": action, "_selected_action": [str(email.pk) for email in emails]}, follow=True)

        assert list(Email.objects.order_by("pk").values()) == before
        assert not LogEntry.objects.exists()
        assert f'value="{action}"' not in _text(reader.get(LIST))

    @pytest.mark.django_db(transaction=True)
    def test_wake_workers_after_the_commit(self, queue: Queue, staff: Client) -> None:
        ready, failed = EmailFactory.create(), email_ended("failed")
        _act(staff, "send", ready)
        _act(staff, "retry", failed)
        assert len(queue) == 2
