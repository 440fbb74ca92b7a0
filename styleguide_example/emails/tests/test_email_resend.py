import pytest
from django.db import transaction

from styleguide_example.common.tests.processes import Queue
from styleguide_example.core.enums import Priority
from styleguide_example.emails.exceptions import EmailInvalidError, EmailStatusConflictError
from styleguide_example.emails.models import AttachmentContent, Email
from styleguide_example.emails.services import Attachment, email_queue, email_resend, email_retry, email_send
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)


class TestEmailResend:
    def test_writes_a_linked_copy_and_asks_for_it(self, queue: Queue) -> None:
        fields = {
            "to": ["ada@example.org"],
            "cc": ["cc@example.org"],
            "bcc": ["bcc@example.org"],
            "from_email": "sender@example.org",
            "reply_to": ["reply@example.org"],
            "headers": {"X-A": "1"},
            "subject": "Hello",
            "html": "<p>Hello</p>",
            "plain_text": "Hello",
            "category": "greeting",
            "priority": Priority.LOW,
        }
        old = email_ended("sent", idempotency_key="k", **fields)

        new = email_resend(email=old, reason=" She lost it. ")

        assert {name: getattr(new, name) for name in fields} == fields
        assert (new.status, new.resend_of, new.resend_reason) == (Email.Status.SENDING, old, "She lost it.")
        assert new.message_id != old.message_id
        assert (new.idempotency_key, new.expires_at, new.send_after, new.attempts) == (None, None, None, 0)
        assert (new.sent_at, new.delivered_to, new.smtp_reply) == (None, [], "")
        assert len(queue) == 1

    def test_leaves_the_old_one_as_it_is(self, smtp: SMTPServer) -> None:
        old = email_send(email=email_asked_for())
        before = Email.objects.values().get(pk=old.pk)

        new = email_send(email=email_resend(email=old, reason="Again"))

        assert Email.objects.values().get(pk=old.pk) == before
        assert smtp.copies() == {old.message_id: 1, new.message_id: 1}

    def test_sends_the_same_attachments_without_storing_them_again(self, smtp: SMTPServer) -> None:
        old = email_ended("sent", attachments=[Attachment("a.pdf", b"%PDF", "application/pdf"), Attachment("b", b"b")])

        email_send(email=email_resend(email=old, reason="Again"))

        (received,) = smtp.received
        names = [part.get_filename() for part in received.message.iter_attachments()]
        assert names == ["a.pdf", "b"]
        assert AttachmentContent.objects.count() == 2

    @pytest.mark.parametrize("status", ["sent", "failed", "cancelled"])
    def test_works_for_any_that_ended(self, queue: Queue, status: str) -> None:
        email_resend(email=email_ended(status), reason="Again")
        assert len(queue) == 1

    def test_refuses_one_that_has_not_ended(self, queue: Queue) -> None:
        for email in (EmailFactory.create(), email_asked_for()):
            with pytest.raises(EmailStatusConflictError, match="has not ended"):
                email_resend(email=email, reason="Again")
        assert Email.objects.count() == 2

    def test_trusts_the_row_and_not_the_object_that_it_was_given(self, queue: Queue) -> None:
        """Else an e-mail that somebody is just retrying would arrive twice."""
        email = email_ended("failed")
        stale = Email.objects.get()
        email_retry(email=email)

        with pytest.raises(EmailStatusConflictError, match="is sending"):
            email_resend(email=stale, reason="Again")
        assert Email.objects.count() == 1

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_refuses_without_a_reason(self, queue: Queue, reason: str) -> None:
        with pytest.raises(EmailInvalidError, match="Say why"):
            email_resend(email=email_ended("sent"), reason=reason)
        assert Email.objects.count() == 1

    def test_shortens_a_reason_that_has_no_room(self, queue: Queue) -> None:
        assert email_resend(email=email_ended("sent"), reason="x" * 300).resend_reason == "x" * 255

    def test_can_be_done_to_a_copy_too(self, queue: Queue) -> None:
        copy = email_resend(email=email_ended("sent"), reason="Again")
        Email.objects.filter(pk=copy.pk).update(status="failed", ended_at=copy.queued_at)
        copy.refresh_from_db()
        assert email_resend(email=copy, reason="Again").resend_of == copy

    def test_is_undone_with_the_callers_transaction(self, queue: Queue) -> None:
        email = email_ended("sent")
        with transaction.atomic():
            email_resend(email=email, reason="Again")
            transaction.set_rollback(True)
        assert Email.objects.count() == 1
        assert len(queue) == 0
        assert email_queue(email=email).status == Email.Status.SENT
