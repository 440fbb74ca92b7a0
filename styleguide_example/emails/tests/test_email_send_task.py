"""The message that sends one e-mail, called as a worker calls it."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)


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


class Killed:
    """A mail backend at which the process ends."""

    def __init__(self, **_: Any) -> None:
        raise SystemExit
