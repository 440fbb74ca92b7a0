"""The message for a burst, called as a worker calls it."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from celery.exceptions import TimeLimitExceeded
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common import leases
from styleguide_example.common.tests.brokers import message_priority, messages_take
from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.core.enums import Priority, broker_priority
from styleguide_example.emails.delivery import emails_lost
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send_due
from styleguide_example.emails.tests.factories import emails_left_behind
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.celery import app as celery_app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def two_connections(settings: Settings) -> None:
    settings.EMAIL_SENDING_CONNECTIONS = 2  # so a burst takes eight at once


class TestEmailSendDueTask:
    def test_sends_what_is_due_under_its_own_id(self, smtp: SMTPServer, queue: Queue) -> None:
        emails_left_behind(3)
        owners: set[str] = set()

        def look(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
            if sql.startswith("UPDATE emails_email AS email"):
                owners.update(Email.objects.values_list("lease_owner", flat=True))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(look):
            assert email_send_due.apply(task_id="the-task").state == "SUCCESS"
        assert owners - {""} == {"the-task"}
        assert Email.objects.filter(status=Email.Status.SENT).count() == 3

    @pytest.mark.parametrize(("count", "messages"), [(0, 0), (7, 0), (8, 1), (50, 1)])
    def test_wakes_one_more_when_there_is_more_than_it_takes_at_once(
        self, smtp: SMTPServer, queue: Queue, count: int, messages: int
    ) -> None:
        emails_left_behind(count)
        email_send_due.apply()

        waiting = messages_take(celery_app)
        assert [dict(message.headers)["task"] for message in waiting] == [email_send_due.name] * messages
        # Behind everything else that waits, and not for ever: a long backlog leaves a place for other tasks.
        number = broker_priority(Priority.LOWEST, broker_url=str(celery_app.conf.broker_url))
        assert {message_priority(message) for message in waiting} <= {number}
        assert all(dict(message.headers)["expires"] for message in waiting)

    def test_sends_all_the_same_when_the_broker_is_down(self, broker: Broker, queue: Queue, smtp: SMTPServer) -> None:
        emails_left_behind(20)
        with broker.down():
            assert email_send_due.apply().state == "SUCCESS"
        assert Email.objects.filter(status=Email.Status.SENT).count() == 20

    def test_does_nothing_when_its_message_comes_twice(self, smtp: SMTPServer, queue: Queue) -> None:
        emails = emails_left_behind(5)
        for _ in range(3):
            assert email_send_due.apply().state == "SUCCESS"
        assert smtp.copies() == {email.message_id: 1 for email in emails}

    def test_gives_way_to_what_somebody_waits_for(self) -> None:
        assert email_send_due.default_priority == Priority.LOW


def _held(owner: str, *, on_wire: bool = False) -> Email:
    (email,) = emails_left_behind(1)
    changes = {"on_wire_at": timezone.now()} if on_wire else {}
    assert leases.lease_claim(Email.objects.filter(pk=email.pk), owner=owner, seconds=60, **changes)
    return email


def _failed(error: Exception) -> None:
    """What Celery does when the task ``the-task`` has failed."""
    task: Any = email_send_due
    task.on_failure(error, "the-task", (), {}, None)


class TestEmailSendDueFailure:
    def test_releases_all_that_a_killed_burst_held(self) -> None:
        on_wire, waiting = _held("the-task", on_wire=True), [_held("the-task") for _ in range(3)]
        other = _held("another", on_wire=True)
        before = Email.objects.filter(pk=other.pk).values().get()

        _failed(TimeLimitExceeded(200))

        for email in on_wire, *waiting:
            email.refresh_from_db()
            assert (email.status, email.lease_token, email.attempts) == (Email.Status.SENDING, None, 1)
            assert email.next_attempt_at is not None
            assert email.next_attempt_at <= timezone.now()
        assert on_wire.failed_attempts.get().kind == FailureKind.UNKNOWN_OUTCOME
        assert {email.failed_attempts.get().kind for email in waiting} == {FailureKind.LOST}
        assert Email.objects.filter(pk=other.pk).values().get() == before

    def test_leaves_to_a_burst_that_lives_what_it_holds(self) -> None:
        """Its senders may still hear an answer, which they record."""
        _held("the-task", on_wire=True)
        before = list(Email.objects.values())
        _failed(ValueError("x"))
        assert list(Email.objects.values()) == before

    def test_survives_a_database_that_is_away_and_leaves_it_to_the_sweep(self) -> None:
        _held("the-task")
        with connection.execute_wrapper(DatabaseAway(100)), capture_logs() as lines:
            _failed(TimeLimitExceeded(200))
        assert lines[-1]["event"] == "email_send_due_failure_not_recorded"

    def test_of_nobody_releases_nothing(self) -> None:
        emails_left_behind(1)
        Email.objects.update(lease_token=uuid.uuid4(), lease_expires_at=timezone.now())
        before = list(Email.objects.values())
        emails_lost(owner="the-task")
        assert list(Email.objects.values()) == before
