import pytest

from styleguide_example.common.tests.processes import Worker
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_retry
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.flows.helpers import sweep_until, wait_for_status
from styleguide_example.emails.tests.flows.ways import Way
from styleguide_example.emails.tests.smtp_server import HANG_UP, SMTPServer

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]


class TestRetry:
    def test_is_asked_for_by_the_task_itself(self, worker: Worker, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", "450 mailbox busy", "450 mailbox busy")
        worker.start()
        email = wait_for_status(email_asked_for(), Email.Status.SENT)  # nobody sweeps

        assert email.attempts == 3
        assert [attempt.smtp_code for attempt in email.failed_attempts.all()] == [450, 450]
        assert smtp.copies() == {email.message_id: 1}


class TestSMTPErrors:
    """With sweeps: a server that has too much is left alone for a while, which may be longer than a task waits."""

    def test_that_are_transient_are_tried_again_until_it_works(
        self, worker: Worker, way: Way, smtp: SMTPServer
    ) -> None:
        smtp.fail("message", "451 try later", "451 try later")
        worker.start()
        email = sweep_until(way.ask(), Email.Status.SENT)

        assert email.attempts == 3
        assert [attempt.smtp_code for attempt in email.failed_attempts.all()] == [451, 451]
        assert smtp.copies() == {email.message_id: 1}

    def test_that_are_permanent_end_the_email_at_once(self, worker: Worker, way: Way, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", "550 no such person")
        worker.start()
        email = sweep_until(way.ask(), Email.Status.FAILED)

        assert (email.attempts, email.last_error_kind) == (1, FailureKind.PERMANENT)
        assert smtp.received == []

        # A person decides otherwise: the same row, the same Message-ID.
        message_id = email.message_id
        wait_for_status(email_retry(email=email), Email.Status.SENT)
        assert smtp.copies() == {message_id: 1}

    def test_that_outlast_the_attempts_end_the_email(self, worker: Worker, way: Way, smtp: SMTPServer) -> None:
        smtp.fail("message", "451 later", "451 later", "451 later")
        worker.start(EMAIL_SENDING_MAX_ATTEMPTS=3)
        email = sweep_until(way.ask(), Email.Status.FAILED)

        assert email.attempts == 3
        assert smtp.received == []

    def test_of_a_server_that_hangs_up_between_messages_are_not_attempts(
        self, worker: Worker, way: Way, smtp: SMTPServer
    ) -> None:
        smtp.fail("next", HANG_UP)
        worker.start()
        first = sweep_until(way.ask(), Email.Status.SENT)
        second = sweep_until(way.ask(), Email.Status.SENT)

        assert (first.attempts, second.attempts) == (1, 1)
        assert smtp.connections == 2
        assert smtp.copies() == {first.message_id: 1, second.message_id: 1}
