"""The messages of this app, each called as a worker calls it."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from celery.exceptions import TimeLimitExceeded
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common import leases
from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.core.enums import Priority
from styleguide_example.emails import connections
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_cleanup, email_send, email_sweep
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended, email_made_due
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.celery import app as celery_app

pytestmark = pytest.mark.django_db(transaction=True)


class DatabaseAway:
    """The database's answer to the next ``times`` statements."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        if self.times:
            self.times -= 1
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)


class Killed:
    """A mail backend at which the process ends."""

    def __init__(self, **_: Any) -> None:
        raise SystemExit


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """What is really written, after everything that the settings put between."""
    (handler,) = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    lines = StringIO()
    former = handler.setStream(lines)
    yield lines
    handler.setStream(former)


def _failed(kwargs: Mapping[str, Any], *, args: Sequence[Any] = (), error: Exception | None = None) -> None:
    """What Celery does when the task ``the-task`` has failed."""
    task: Any = email_send
    task.on_failure(error or ValueError("x"), "the-task", args, kwargs, None)


class TestEmailSendTask:
    def test_sends_the_email_of_its_number(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        other = email_asked_for()

        assert email_send.apply(kwargs={"email_id": email.pk}).state == "SUCCESS"

        assert smtp.copies() == {email.message_id: 1}
        other.refresh_from_db()
        assert other.status == Email.Status.SENDING

    def test_holds_the_lease_under_its_own_id(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.Killed"
        email = email_asked_for()
        with pytest.raises(SystemExit):
            email_send.apply(kwargs={"email_id": email.pk}, task_id="the-task")
        email.refresh_from_db()
        assert email.lease_owner == "the-task"

    def test_does_nothing_when_its_message_comes_twice(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        for _ in range(3):
            assert email_send.apply(kwargs={"email_id": email.pk}).state == "SUCCESS"
        assert smtp.copies() == {email.message_id: 1}

    def test_does_nothing_when_the_email_is_gone(self, smtp: SMTPServer) -> None:
        with capture_logs() as lines:
            assert email_send.apply(kwargs={"email_id": 10**6}).state == "SUCCESS"
        assert {"event": "email_gone", "email_id": 10**6, "log_level": "warning"} in lines

    def test_goes_on_until_the_server_takes_it(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_BACKOFF_SECONDS = 0
        smtp.fail("mail", "451 later", "451 later")
        email = email_asked_for()

        email_send.apply(kwargs={"email_id": email.pk})

        email.refresh_from_db()
        assert (email.status, email.attempts) == (Email.Status.SENT, 3)

    def test_leaves_an_attempt_that_is_far_away_to_the_row(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_BACKOFF_SECONDS = settings.EMAIL_SENDING_BACKOFF_MAX_SECONDS = 10**7
        settings.EMAIL_SENDING_MAX_AGE_SECONDS = 10**8
        smtp.fail("mail", "451 later")
        email = email_asked_for()

        email_send.apply(kwargs={"email_id": email.pk})

        email.refresh_from_db()
        assert (email.status, email.attempts) == (Email.Status.SENDING, 1)
        assert email.next_attempt_at is not None
        assert email.next_attempt_at > timezone.now() + timedelta(minutes=1)

    def test_ends_the_email_that_was_refused_for_good(self, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", "550 no such user")
        email = email_asked_for()

        assert email_send.apply(kwargs={"email_id": email.pk}).state == "FAILURE"

        email.refresh_from_db()
        assert email.status == Email.Status.FAILED

    def test_writes_no_traceback_for_an_email_that_was_refused_for_good(
        self, smtp: SMTPServer, log_lines: StringIO
    ) -> None:
        smtp.fail("rcpt", "550 no such user")
        email_send.apply(kwargs={"email_id": email_asked_for().pk})
        assert "email_attempt_failed" in log_lines.getvalue()
        assert "Traceback" not in log_lines.getvalue()

    def test_ends_the_email_at_its_last_attempt(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_BACKOFF_SECONDS = 0
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 3
        smtp.fail("mail", *["451 later"] * 5)
        email = email_asked_for()

        email_send.apply(kwargs={"email_id": email.pk})

        email.refresh_from_db()
        assert (email.status, email.attempts) == (Email.Status.FAILED, 3)

    @pytest.mark.parametrize("times", [1, 3])
    def test_comes_back_when_the_database_was_away(self, smtp: SMTPServer, times: int) -> None:
        email = email_asked_for()
        with connection.execute_wrapper(DatabaseAway(times)):
            email_send.apply(kwargs={"email_id": email.pk})
        email.refresh_from_db()
        assert email.status == Email.Status.SENT

    def test_is_called_by_name_alone(self, queue: Queue) -> None:
        with pytest.raises(TypeError):
            email_send.delay(7)
        assert len(queue) == 0
        assert email_send.apply(args=(7,)).state == "FAILURE"

    def test_does_not_end_the_transaction_of_somebody_who_calls_it_in_place(self) -> None:
        with transaction.atomic():
            email = EmailFactory.create()
            email_send.apply(kwargs={"email_id": 10**6})
            email_send.apply(args=(7,))
        assert Email.objects.get() == email


class TestEmailSendFailure:
    def test_survives_whatever_the_message_said(self) -> None:
        email = email_asked_for()
        Email.objects.update(next_attempt_at=None)
        numbers: list[Any] = [None, "7", -1, 10**30, [], 1.5]

        for args in ((), (7,), [None], ["a", "b"]):
            for kwargs in ({}, {"x": 1}, *({"email_id": number} for number in numbers)):
                with capture_logs() as lines:
                    _failed(kwargs, args=args)
                assert [line["event"] for line in lines] == ["email_send_failure_without_email"]

        email.refresh_from_db()
        assert email.status == Email.Status.SENDING

    def test_ends_the_email_that_is_named(self) -> None:
        email, other = email_asked_for(), email_asked_for()
        Email.objects.update(next_attempt_at=None)

        _failed({"email_id": email.pk}, args=(other.pk,))

        assert list(Email.objects.filter(status=Email.Status.FAILED)) == [email]

    def test_leaves_an_email_alone_that_has_a_next_attempt_or_a_holder_or_ended(self) -> None:
        held = email_asked_for()
        leases.lease_claim(Email.objects.all(), owner="other", seconds=60)
        emails = [held, email_asked_for(), email_ended("sent"), EmailFactory.create()]
        before = list(Email.objects.order_by("pk").values())

        for email in emails:
            _failed({"email_id": email.pk}, error=TimeLimitExceeded(75))

        assert list(Email.objects.order_by("pk").values()) == before

    @pytest.mark.parametrize(("on_wire", "kind"), [(True, FailureKind.UNKNOWN_OUTCOME), (False, FailureKind.LOST)])
    def test_gives_back_what_the_killed_task_held(self, on_wire: object, kind: FailureKind) -> None:
        email = email_asked_for()
        leases.lease_claim(
            Email.objects.all(), owner="the-task", seconds=60, on_wire_at=timezone.now() if on_wire else None
        )

        _failed({"email_id": email.pk}, error=TimeLimitExceeded(75))

        email.refresh_from_db()
        assert (email.status, email.lease_token) == (Email.Status.SENDING, None)
        assert email.next_attempt_at is not None
        assert email.next_attempt_at <= timezone.now()
        assert email.failed_attempts.get().kind == kind

    def test_ends_what_the_killed_task_held_when_that_was_its_last_attempt(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 1
        email = email_asked_for()
        leases.lease_claim(Email.objects.all(), owner="the-task", seconds=60)

        _failed({"email_id": email.pk}, error=TimeLimitExceeded(75))

        email.refresh_from_db()
        assert email.status == Email.Status.FAILED

    def test_survives_a_database_that_is_away_and_leaves_it_to_the_sweep(self) -> None:
        email = email_asked_for()
        Email.objects.update(next_attempt_at=None)

        with connection.execute_wrapper(DatabaseAway(100)), capture_logs() as lines:
            _failed({"email_id": email.pk})

        assert lines[-1]["event"] == "email_send_failure_not_recorded"
        email_sweep.apply()
        email.refresh_from_db()
        assert email.status == Email.Status.FAILED


class TestEmailSweepTask:
    def test_wakes_a_worker_for_each_that_was_left_behind(self, queue: Queue) -> None:
        emails = [email_made_due(email_asked_for(priority=priority)) for priority in (Priority.LOW, Priority.HIGH)]
        queue.purge()

        email_sweep.apply()

        messages = messages_take(celery_app)
        assert [message.decode()[1] for message in messages] == [{"email_id": email.pk} for email in reversed(emails)]

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


class TestLogs:
    def test_hold_no_address_whatever_goes_wrong(
        self, smtp: SMTPServer, settings: Settings, log_lines: StringIO
    ) -> None:
        settings.EMAIL_SENDING_BACKOFF_SECONDS = 0
        smtp.fail("rcpt", "550 <ada@example.org> is nobody", "451 <ada@example.org> is busy")
        for subject in ("a", "b"):
            email = email_asked_for(to=["Ada <ada@example.org>"], subject=subject)
            email_send.apply(kwargs={"email_id": email.pk})
        broken = email_asked_for(to=["ada@example.org"])
        Email.objects.filter(pk=broken.pk).update(to=["Ada <ada@example.org> and more"])
        email_send.apply(kwargs={"email_id": broken.pk})
        connections.connection_close()
        settings.EMAIL_BACKEND = f"{__name__}.Talkative"
        email_send.apply(kwargs={"email_id": email_asked_for(to=["ada@example.org"]).pk})

        written = log_lines.getvalue()
        for event in ("email_attempt_failed", "email_sent", "email_send_bug", "Traceback"):
            assert event in written
        assert "example.org" not in written


class Talkative:
    """A mail backend that fails with all that it knows."""

    def __init__(self, **_: Any) -> None:
        raise KeyError("ada@example.org")
