import pytest

from styleguide_example.common import leases
from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.emails import connections
from styleguide_example.emails.bulk import NewEmail, email_batch_cancel, email_batch_resume, email_create_all
from styleguide_example.emails.enums import CancelReason, EmailStatus
from styleguide_example.emails.exceptions import EmailNotClaimedError
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import BatchCounts, email_batch_counts
from styleguide_example.emails.services import email_cancel, email_send, email_sweep
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.celery import app as celery_app

pytestmark = pytest.mark.django_db(transaction=True)


def _batch(count: int, name: str = "news:7") -> list[Email]:
    emails = [
        NewEmail(idempotency_key=f"{name}:{number}", to=f"p{number}@example.org", subject="x", html="", plain_text="x")
        for number in range(count)
    ]
    email_create_all(emails=emails, batch=name)
    return list(Email.objects.filter(batch=name).order_by("pk"))


def _counts(name: str = "news:7") -> BatchCounts:
    return email_batch_counts(batch=name)


class TestEmailBatchCancel:
    def test_stops_what_waits_of_this_batch_alone(self, queue: Queue, smtp: SMTPServer) -> None:
        emails = _batch(3)
        Email.objects.filter(pk=emails[0].pk).update(status=EmailStatus.READY)
        _batch(2, "news:70")
        other = email_asked_for()

        assert email_batch_cancel(batch="news:7") == 3

        assert _counts() == BatchCounts(stopped=3)
        assert _counts("news:70") == BatchCounts(sending=2)
        assert Email.objects.get(pk=other.pk).status == EmailStatus.SENDING
        with pytest.raises(EmailNotClaimedError):
            email_send(email=emails[1])
        assert smtp.received == []

    def test_leaves_what_a_worker_holds_and_what_has_ended(self, queue: Queue, smtp: SMTPServer) -> None:
        first, second, _ = _batch(3)
        email_send(email=first)
        leases.lease_claim(Email.objects.filter(pk=second.pk), owner="worker", seconds=60)
        assert email_batch_cancel(batch="news:7") == 1
        assert _counts() == BatchCounts(sent=1, sending=1, stopped=1)

    def test_takes_no_more_at_once_than_it_is_told(self, queue: Queue) -> None:
        _batch(5)
        assert [email_batch_cancel(batch="news:7", limit=2) for _ in range(4)] == [2, 2, 1, 0]


class TestEmailBatchResume:
    def test_asks_again_for_the_same_rows_and_wakes_a_burst(self, queue: Queue) -> None:
        emails = _batch(3)
        email_batch_cancel(batch="news:7")
        messages_take(celery_app)

        assert email_batch_resume(batch="news:7") == 3

        assert _counts() == BatchCounts(sending=3)
        assert {email.pk for email in email_sweep().emails} == {email.pk for email in emails}
        assert [dict(message.headers)["task"] for message in messages_take(celery_app)] == [
            "styleguide_example.emails.tasks.email_send_due"
        ]
        assert email_batch_resume(batch="news:7") == 0

    def test_leaves_what_was_sent_cancelled_by_a_person_or_suppressed(self, queue: Queue, smtp: SMTPServer) -> None:
        sent, cancelled, suppressed, _ = _batch(4)
        email_send(email=sent)
        email_cancel(email=cancelled)
        email_cancel(email=suppressed)
        Email.objects.filter(pk=suppressed.pk).update(cancel_reason=CancelReason.SUPPRESSED)
        email_batch_cancel(batch="news:7")
        assert email_batch_resume(batch="news:7") == 1
        assert _counts() == BatchCounts(sent=1, cancelled=1, suppressed=1, sending=1)


class TestEmailBatchAtOnce:
    def test_each_is_sent_or_stopped_and_after_a_resume_sent_once(self, queue: Queue, smtp: SMTPServer) -> None:
        emails = _batch(24)

        def send(_: int) -> None:
            for email in emails:
                try:
                    email_send(email=email)
                except EmailNotClaimedError:
                    continue
            connections.connection_close()

        def stop_and_resume(_: int) -> None:
            for _again in range(6):
                while email_batch_cancel(batch="news:7", limit=5):
                    pass
                email_batch_resume(batch="news:7")

        race(lambda number: (send if number else stop_and_resume)(number), runners=3)

        counts = _counts()
        assert counts.sent + counts.sending == 24
        assert len(smtp.received) == counts.sent
        send(0)
        assert _counts() == BatchCounts(sent=24)
        assert set(smtp.copies().values()) == {1}
