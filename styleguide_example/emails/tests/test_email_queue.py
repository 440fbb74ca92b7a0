from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from styleguide_example.common.tests.brokers import message_priority, messages_take
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.core.enums import Priority, broker_priority
from styleguide_example.emails.exceptions import EmailNotClaimedError, EmailStatusConflictError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_cancel, email_queue, email_send, email_sweep
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.celery import app as celery_app

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


class TestEmailQueue:
    def test_asks_for_it_now_and_wakes_a_worker(self, queue: Queue) -> None:
        email = email_queue(email=EmailFactory.create())

        assert email.status == Email.Status.SENDING
        for moment in (email.queued_at, email.next_attempt_at, email.woken_at):
            assert moment is not None
            assert abs(timezone.now() - moment) < MINUTE
        assert len(queue) == 1

    def test_says_nothing_but_the_number_of_the_row_to_the_broker(self, queue: Queue) -> None:
        email = email_asked_for(to=["ada@example.org"], priority=Priority.HIGH)

        (message,) = messages_take(celery_app)
        assert message.decode()[:2] == [[], {"email_id": email.pk}]
        assert message_priority(message) == broker_priority(Priority.HIGH, broker_url=str(celery_app.conf.broker_url))
        assert "example.org" not in f"{message.body!r} {message.headers} {message.properties}"

    def test_wakes_nobody_before_the_commit_and_nobody_after_a_rollback(self, queue: Queue) -> None:
        email = EmailFactory.create()
        with transaction.atomic():
            email_queue(email=email)
            assert len(queue) == 0
            transaction.set_rollback(True)

        assert len(queue) == 0
        email.refresh_from_db()
        assert email.status == Email.Status.READY

    def test_asks_once_when_asked_twice(self, queue: Queue) -> None:
        email = EmailFactory.create()
        first = email_queue(email=email).queued_at
        assert email_queue(email=email).queued_at == first
        assert email_queue(email=Email.objects.get()).queued_at == first
        assert len(queue) == 1

    def test_asks_once_when_asked_by_many_at_once(self, queue: Queue) -> None:
        email = EmailFactory.create()
        emails = race(lambda _: email_queue(email=Email.objects.get(pk=email.pk)), runners=4)
        assert {email.status for email in emails} == {Email.Status.SENDING}
        assert len(queue) == 1

    def test_trusts_the_row_and_not_the_object_that_it_was_given(self, queue: Queue) -> None:
        email = EmailFactory.create()
        stale = Email.objects.get()
        email_cancel(email=email)

        with pytest.raises(EmailStatusConflictError, match="cancelled"):
            email_queue(email=stale)
        assert len(queue) == 0

    def test_leaves_one_that_was_sent_as_it_is(self, queue: Queue) -> None:
        email = email_ended(Email.Status.SENT)
        sent_at = email.sent_at

        email = email_queue(email=email)

        assert (email.status, email.sent_at) == (Email.Status.SENT, sent_at)
        assert len(queue) == 0

    @pytest.mark.parametrize("status", [Email.Status.FAILED, Email.Status.CANCELLED])
    def test_refuses_one_that_ended_otherwise_and_says_what_to_do(self, queue: Queue, status: str) -> None:
        email = email_ended(status)
        with pytest.raises(EmailStatusConflictError, match=f"{email.pk} is {status}. Use email_retry .* email_resend"):
            email_queue(email=email)
        assert len(queue) == 0

    def test_is_no_error_and_loses_nothing_when_the_broker_is_down(
        self, broker: Broker, queue: Queue, smtp: SMTPServer
    ) -> None:
        with broker.down():
            email = email_asked_for()
        assert email.status == Email.Status.SENDING

        Email.objects.update(woken_at=timezone.now() - MINUTE)
        assert email_sweep().emails == [email]
        assert email_send(email=email).status == Email.Status.SENT


class TestEmailQueueWithSendAfter:
    def test_wakes_nobody_and_sends_nothing_before_its_time(self, queue: Queue, smtp: SMTPServer) -> None:
        later = timezone.now() + MINUTE
        email = email_asked_for(send_after=later)

        assert (email.status, email.next_attempt_at) == (Email.Status.SENDING, later)
        assert len(queue) == 0
        assert email_sweep().emails == []
        with pytest.raises(EmailNotClaimedError):
            email_send(email=email)
        assert smtp.received == []

    def test_is_found_by_the_sweep_as_soon_as_its_time_has_come(self, queue: Queue) -> None:
        email = email_asked_for(send_after=timezone.now() + MINUTE)
        Email.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        assert email_sweep().emails == [email]

    def test_is_as_good_as_none_when_its_time_is_over(self, queue: Queue) -> None:
        email = email_asked_for(send_after=timezone.now() - MINUTE)
        assert email.next_attempt_at is not None
        assert abs(timezone.now() - email.next_attempt_at) < MINUTE / 2
        assert len(queue) == 1
