"""The messages that beat sends, called as a worker calls them."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.core.enums import Priority
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_cleanup, email_send, email_send_due, email_sweep
from styleguide_example.emails.tests.factories import (
    email_asked_for,
    email_ended,
    email_made_due,
    emails_left_behind,
)
from styleguide_example.tasks.celery import app as celery_app

pytestmark = pytest.mark.django_db(transaction=True)


class TestEmailSweepTask:
    def test_wakes_a_worker_for_each_that_was_left_behind(self, queue: Queue) -> None:
        emails = [email_made_due(email_asked_for(priority=priority)) for priority in (Priority.LOW, Priority.HIGH)]
        queue.purge()

        email_sweep.apply()

        messages = messages_take(celery_app)
        assert [message.decode()[1] for message in messages] == [{"email_id": email.pk} for email in reversed(emails)]

    def test_wakes_a_burst_for_many_and_a_worker_for_each_that_must_be_alone(
        self, queue: Queue, settings: Settings
    ) -> None:
        settings.EMAIL_SENDING_BURST_FROM = 2
        emails = emails_left_behind(4)
        Email.objects.filter(pk=emails[0].pk).update(last_error_kind=FailureKind.LOST)

        email_sweep.apply()

        alone, burst = messages_take(celery_app)  # which is less urgent
        assert [dict(message.headers)["task"] for message in (alone, burst)] == [email_send.name, email_send_due.name]
        assert alone.decode()[1] == {"email_id": emails[0].pk}

    def test_asks_for_a_burst_by_a_message_that_does_not_wait_for_ever(self, queue: Queue, settings: Settings) -> None:
        """Each sweep asks again, so a queue that nobody serves does not grow by one message for each."""
        settings.EMAIL_SENDING_BURST_FROM = 1
        emails_left_behind(2)

        email_sweep.apply()

        (message,) = messages_take(celery_app)
        expires = datetime.fromisoformat(dict(message.headers)["expires"])
        assert timedelta() < expires - timezone.now() <= timedelta(seconds=30)

    def test_asks_for_no_burst_when_the_queue_is_full(self, queue: Queue, settings: Settings) -> None:
        settings.EMAIL_SENDING_SWEEP_LIMIT = settings.EMAIL_SENDING_BURST_FROM = 1
        emails_left_behind(2)
        email_asked_for()
        assert len(queue) == 1
        email_sweep.apply()
        assert len(queue) == 1

    def test_fills_the_queue_no_further_than_the_limit(self, queue: Queue, settings: Settings) -> None:
        """A backlog of a million is not published again every ten seconds."""
        settings.EMAIL_SENDING_SWEEP_LIMIT = 2
        settings.EMAIL_SENDING_WAKE_AGAIN_SECONDS = 0
        for _ in range(3):
            email_made_due(email_asked_for())
        queue.purge()

        for _ in range(3):
            email_sweep.apply()
            assert len(queue) == 2

    def test_goes_on_with_the_rest_when_there_is_room_again(self, queue: Queue, settings: Settings) -> None:
        settings.EMAIL_SENDING_SWEEP_LIMIT = 2
        emails = [email_made_due(email_asked_for()) for _ in range(3)]
        queue.purge()

        woken = []
        for _ in range(2):
            email_sweep.apply()
            woken += [message.decode()[1]["email_id"] for message in messages_take(celery_app)]
        assert woken == [email.pk for email in emails]

    def test_ends_what_has_to_end_even_when_the_queue_is_full(self, queue: Queue, settings: Settings) -> None:
        settings.EMAIL_SENDING_SWEEP_LIMIT = 1
        email = email_asked_for()
        Email.objects.update(next_attempt_at=None)
        assert len(queue) == 1

        email_sweep.apply()

        email.refresh_from_db()
        assert email.status == Email.Status.FAILED

    def test_leaves_everything_to_the_next_one_when_the_broker_is_down(self, broker: Broker, queue: Queue) -> None:
        email = email_made_due(email_asked_for())
        queue.purge()
        with broker.down():
            assert email_sweep.apply().state == "SUCCESS"
        assert email_sweep.apply().state == "SUCCESS"
        assert [message.decode()[1] for message in messages_take(celery_app)] == [{"email_id": email.pk}]

    def test_is_served_before_everything_else(self) -> None:
        assert email_sweep.default_priority == Priority.RESERVED
        assert email_cleanup.default_priority == Priority.LOWEST


class TestEmailCleanupTask:
    def test_deletes_what_ended_long_ago(self) -> None:
        email_ended("sent")
        Email.objects.update(ended_at=timezone.now() - timedelta(days=1000))
        assert email_cleanup.apply().state == "SUCCESS"
        assert not Email.objects.exists()
