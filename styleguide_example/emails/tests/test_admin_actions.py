"""What staff do with e-mails: asked first, reported for each, written into the history, and never by GET."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from styleguide_example.common import leases
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.actions import EMAILS_MAX, LINES_MAX
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.admins import ACT, LIST, act, choose, page_of, staff_make, text_of
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended, emails_left_behind
from styleguide_example.users.models import User

pytestmark = [pytest.mark.once, pytest.mark.django_db]

ACTIONS = ["send", "retry", "cancel", "resend"]


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody who may see and change e-mails."""
    client.force_login(staff_make("view_email", "change_email"))
    return client


def _rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Email.objects.order_by("pk").values()]


class TestEmailActions:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_ask_before_anything_is_done(self, staff: Client, action: str) -> None:
        emails = [EmailFactory.create(subject="The ready one"), email_ended("failed"), email_ended("sent")]
        before = _rows()
        page = choose(staff, action, *emails)
        assert "of those that you chose" in page
        assert 'name="reason"' in page or action != "resend"
        assert _rows() == before

    def test_send_asks_for_the_ready_ones_alone(self, staff: Client) -> None:
        ready, sent = EmailFactory.create(), email_ended("sent")
        page = act(staff, "send", ready, sent)
        assert "1 e-mail asked for, 1 left alone." in page
        assert f"E-mail {ready.pk}: Asked for it to be sent." in page
        assert f"E-mail {sent.pk} is sent: only one that is ready can be sent." in page
        ready.refresh_from_db()
        assert ready.status == Email.Status.SENDING

    @pytest.mark.parametrize("action", ["send", "retry", "cancel"])
    def test_never_send_again_what_was_sent(self, staff: Client, action: str) -> None:
        sent = email_ended("sent")
        before = _rows()
        assert f"E-mail {sent.pk} is sent" in act(staff, action, sent)
        assert _rows() == before
        assert not LogEntry.objects.exists()

    def test_retry_says_for_each_why_not(self, staff: Client) -> None:
        failed, cancelled = email_ended("failed"), email_ended("cancelled")
        expired = email_ended("failed", expires_at=timezone.now() - timedelta(seconds=1))
        page = act(staff, "retry", failed, cancelled, expired)
        assert "1 e-mail tried again, 2 left alone." in page
        assert f"E-mail {cancelled.pk} is cancelled" in page
        assert f"E-mail {expired.pk} is failed, or has expired" in page
        failed.refresh_from_db()
        assert failed.status == Email.Status.SENDING

    def test_cancel_leaves_alone_what_a_worker_holds(self, staff: Client) -> None:
        ready, held = EmailFactory.create(), email_asked_for()
        leases.lease_claim(Email.objects.filter(pk=held.pk), owner="worker", seconds=60)
        assert "a worker is sending it right now" in act(staff, "cancel", ready, held)
        statuses = Email.objects.order_by("pk").values_list("status", flat=True)
        assert list(statuses) == [Email.Status.CANCELLED, Email.Status.SENDING]

    def test_resend_writes_a_copy_with_the_reason(self, staff: Client) -> None:
        email = email_ended("sent", html="<p>Body</p>")
        act(staff, "resend", email, reason="Her mailbox was full")
        copy = Email.objects.get(resend_of=email)
        assert (copy.html, copy.resend_reason) == ("<p>Body</p>", "Her mailbox was full")
        assert set(LogEntry.objects.values_list("object_id", "change_message")) == {
            (str(email.pk), f"Resent it as e-mail {copy.pk}: Her mailbox was full"),
            (str(copy.pk), f"Written as a resend of e-mail {email.pk}: Her mailbox was full"),
        }

    def test_resend_once_however_often_the_form_is_sent(self, staff: Client) -> None:
        email, once = email_ended("sent"), str(uuid.uuid4())
        pages = [act(staff, "resend", email, reason="Lost", once=once) for _ in range(2)]
        copy = Email.objects.get(resend_of=email)
        assert f"was resent by this form already, as e-mail {copy.pk}" in pages[1]
        assert LogEntry.objects.count() == 2

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_resend_nothing_without_a_reason(self, staff: Client, reason: str) -> None:
        page = act(staff, "resend", email_ended("sent"), reason=reason)
        assert "This field is required." in page
        assert Email.objects.count() == 1

    def test_leave_a_sentence_in_the_history(self, staff: Client) -> None:
        email = EmailFactory.create()
        act(staff, "send", email)
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.user) == (str(email.pk), User.objects.get())
        assert entry.get_change_message() == "Asked for it to be sent."
        assert "Asked for it to be sent." in text_of(staff.get(page_of(email, "history")))

    def test_report_some_one_by_one_and_the_others_by_their_number(self, staff: Client) -> None:
        page = act(staff, "cancel", *emails_left_behind(LINES_MAX + 5))
        assert f"{LINES_MAX + 5} e-mails cancelled." in page
        assert page.count("Cancelled it: it will not be sent.") == LINES_MAX
        assert "… and 5 more." in page

    def test_act_on_so_many_at_most(self, staff: Client) -> None:
        emails = emails_left_behind(EMAILS_MAX + 1)
        assert f"Only the first {EMAILS_MAX}" in choose(staff, "cancel", *emails)

    def test_lead_back_to_where_one_came_from(self, staff: Client) -> None:
        email = EmailFactory.create()
        data = {"action": "cancel", "confirmed": "1", "key": str(email.pk)}
        assert staff.post(ACT, {**data, "page": str(email.pk)}).headers["Location"] == page_of(email)
        back = staff.post(ACT, {**data, "list": "status__exact=ready"}).headers["Location"]
        assert back == f"{LIST}?status__exact=ready"

    @pytest.mark.parametrize("data", [{}, {"action": "delete_selected"}, {"action": "send", "key": ["x", "9" * 40]}])
    def test_refuse_what_no_button_says(self, staff: Client, data: dict[str, Any]) -> None:
        email = EmailFactory.create()
        assert staff.post(ACT, {"key": str(email.pk), "confirmed": "1", **data}).status_code == 404
        assert staff.get(ACT, {"action": "send", "key": str(email.pk), "confirmed": "1"}).status_code == 405
        assert Email.objects.get().status == Email.Status.READY

    @pytest.mark.parametrize("action", [*ACTIONS, "delete_selected"])
    def test_are_refused_to_somebody_who_may_only_read(self, client: Client, action: str) -> None:
        client.force_login(staff_make("view_email"))
        emails = [EmailFactory.create(), email_ended("failed"), email_ended("sent")]
        keys = [str(email.pk) for email in emails]
        before = _rows()
        client.post(LIST, {"action": action, "_selected_action": keys}, follow=True)
        assert client.post(ACT, {"action": action, "key": keys, "confirmed": "1", "reason": "x"}).status_code == 403
        assert _rows() == before
        assert not LogEntry.objects.exists()
        for page in (client.get(LIST), client.get(page_of(emails[0]))):
            assert f'value="{action}"' not in text_of(page)

    @pytest.mark.django_db(transaction=True)
    def test_wake_workers_after_the_commit(self, queue: Queue, staff: Client) -> None:
        act(staff, "send", EmailFactory.create())
        act(staff, "retry", email_ended("failed"))
        assert len(queue) == 2

    @pytest.mark.parametrize("page", ["admin:emails_email_add", "admin:emails_email_delete"])
    def test_are_neither_to_add_nor_to_delete(self, admin_client: Client, page: str) -> None:
        email = EmailFactory.create()
        url = reverse(page, args=[email.pk] if "delete" in page else [])
        assert admin_client.get(url).status_code == 403
        assert admin_client.post(url, {"post": "yes"}).status_code == 403
        assert Email.objects.count() == 1
