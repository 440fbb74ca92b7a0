"""The server takes the message for some of its recipients."""

import pytest
from pytest_django import Settings

from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_retry
from styleguide_example.emails.tests.factories import email_asked_for, email_made_due
from styleguide_example.emails.tests.sending import Send
from styleguide_example.emails.tests.smtp_server import HANG_UP, SMTPServer

pytestmark = pytest.mark.django_db

ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"


def _asked_for() -> Email:
    return email_asked_for(to=[f"Ada <{ADA}>"], cc=[BOB], bcc=[EVE])


class TestRecipientsRefused:
    def test_for_good_are_noted_and_the_others_have_their_email(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {BOB: "550 no such user"}

        email = send(_asked_for())

        assert email.status == Email.Status.SENT
        assert (email.delivered_to, email.refused) == ([ADA, EVE], {BOB: "550 no such user"})
        assert [received.recipients for received in smtp.received] == [[ADA, EVE]]
        assert not email.failed_attempts.exists()

    def test_for_now_are_the_only_ones_that_the_next_attempt_goes_to(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {BOB: "450 mailbox busy"}

        email = send(_asked_for())

        assert email.last_error == "Sent, but not to 1 of its recipients yet."
        assert (email.status, email.delivered_to) == (Email.Status.SENDING, [ADA, EVE])
        assert email.smtp_reply == "450 mailbox busy"
        assert email.failed_attempts.get().kind == FailureKind.TRANSIENT

        smtp.refusals = {}
        email = send(email_made_due(email))
        assert (email.status, email.delivered_to) == (Email.Status.SENT, [ADA, EVE, BOB])
        assert [received.recipients for received in smtp.received] == [[ADA, EVE], [BOB]]
        assert {received.message_id for received in smtp.received} == {email.message_id}

    def test_for_now_and_for_good_in_one_conversation_are_told_apart(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {BOB: "451 later", EVE: "550 no"}
        email = send(_asked_for())
        assert email.status == Email.Status.SENDING

        smtp.refusals = {}
        email = send(email_made_due(email))
        assert (email.delivered_to, email.refused) == ([ADA, BOB], {EVE: "550 no"})
        assert [received.recipients for received in smtp.received] == [[ADA], [BOB]]

    def test_all_for_good_end_it(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {ADA: "550 no ada", BOB: "550 no bob", EVE: "553 no eve"}
        email = send(_asked_for())

        assert email.status == Email.Status.FAILED
        assert "Every recipient was refused: 550 no ada" in email.last_error
        assert email.refused == smtp.refusals
        assert email.failed_attempts.get().kind == FailureKind.PERMANENT
        assert smtp.received == []

    def test_all_for_now_or_for_good_leave_only_the_former_to_try(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {ADA: "550 no", BOB: "450 later", EVE: "550 no"}
        email = send(_asked_for())
        assert email.status == Email.Status.SENDING

        smtp.refusals = {}
        email = send(email_made_due(email))
        assert (email.delivered_to, sorted(email.refused)) == ([BOB], [ADA, EVE])
        assert [received.recipients for received in smtp.received] == [[BOB]]

    def test_with_552_after_others_were_taken_are_too_many_and_come_next(self, smtp: SMTPServer, send: Send) -> None:
        """RFC 5321 4.5.3.1.10."""
        smtp.refusals = {BOB: "552 too many recipients", EVE: "552 too many recipients"}
        email = send(_asked_for())
        assert email.status == Email.Status.SENDING

        smtp.refusals = {}
        send(email_made_due(email))
        assert [received.recipients for received in smtp.received] == [[ADA], [BOB, EVE]]

    def test_with_552_before_anybody_was_taken_are_refused_for_good(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {ADA: "552 mailbox full"}
        email = send(_asked_for())
        assert email.refused == {ADA: "552 mailbox full"}

    @pytest.mark.parametrize("answer", ["421 closing", HANG_UP, "what?"])
    def test_by_a_server_that_goes_away_in_between_get_nothing_before_the_next_attempt(
        self, smtp: SMTPServer, send: Send, answer: str
    ) -> None:
        smtp.fail("rcpt", "250 ok", answer)
        email = send(_asked_for())
        assert email.status == Email.Status.SENDING
        assert smtp.received == []

        send(email_made_due(email))
        assert [received.recipients for received in smtp.received] == [[ADA, BOB, EVE]]

    def test_forwarded_with_251_have_their_email(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {BOB: "251 will forward"}
        assert send(_asked_for()).delivered_to == [ADA, BOB, EVE]

    def test_until_the_last_attempt_are_the_only_ones_that_a_person_retries(
        self, smtp: SMTPServer, send: Send, settings: Settings
    ) -> None:
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 2
        smtp.refusals = {BOB: "450 later"}
        email = send(_asked_for())
        assert email.status == Email.Status.SENDING
        email = send(email_made_due(email))
        assert email.status == Email.Status.FAILED

        smtp.refusals = {}
        email = send(email_retry(email=email))
        assert email.status == Email.Status.SENT
        assert [received.recipients for received in smtp.received] == [[ADA, EVE], [BOB]]

    def test_for_good_after_others_have_their_email_do_not_make_it_a_failure(
        self, smtp: SMTPServer, send: Send
    ) -> None:
        smtp.refusals = {BOB: "450 greylisted"}
        email = send(_asked_for())
        assert email.status == Email.Status.SENDING

        smtp.refusals = {BOB: "550 no such user"}
        email = send(email_made_due(email))

        assert email.status == Email.Status.SENT
        assert (email.delivered_to, email.refused) == ([ADA, EVE], {BOB: "550 no such user"})
        assert [received.recipients for received in smtp.received] == [[ADA, EVE]]

    def test_are_written_to_when_the_whole_message_was_refused_after_them(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals = {BOB: "450 later"}
        smtp.fail("message", "451 not now")
        email = send(_asked_for())
        assert email.delivered_to == []

        smtp.refusals = {}
        assert send(email_made_due(email)).delivered_to == [ADA, BOB, EVE]
