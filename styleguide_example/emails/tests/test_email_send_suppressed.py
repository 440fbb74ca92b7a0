import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from styleguide_example.common import leases
from styleguide_example.emails import delivery, outcomes
from styleguide_example.emails.enums import CancelReason, EmailStatus, SuppressionReason
from styleguide_example.emails.exceptions import EmailNotClaimedError
from styleguide_example.emails.models import Email
from styleguide_example.emails.suppressions import suppression_add, suppression_remove
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.sending import Send
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

ADA = "ada@example.org"


def _waiting(to: str = ADA) -> Email:
    """One of a batch, asked for."""
    email = email_asked_for(to=[to])
    Email.objects.filter(pk=email.pk).update(batch="news:7")
    return email


class TestEmailSendToASuppressedAddress:
    @pytest.mark.parametrize("to", [ADA, "Ada@Example.org", "Ada <ada@example.org>"])
    @pytest.mark.parametrize("reason", SuppressionReason)
    def test_of_a_batch_ends_cancelled_and_says_why(
        self, smtp: SMTPServer, send: Send, to: str, reason: SuppressionReason
    ) -> None:
        email = _waiting(to)
        suppression_add(address=ADA, reason=reason)  # while it waits
        with capture_logs() as logs:
            email = send(email)
        assert (email.status, email.cancel_reason) == (EmailStatus.CANCELLED, CancelReason.SUPPRESSED)
        assert (email.lease_token, email.next_attempt_at, email.sent_at) == (None, None, None)
        assert email.ended_at is not None
        assert (email.attempts, email.failed_attempts.count(), smtp.received) == (1, 0, [])
        assert ADA not in str(logs).lower()
        assert send(email) == email
        assert smtp.connections == 0

    def test_of_a_batch_goes_out_when_they_came_back(self, smtp: SMTPServer, send: Send) -> None:
        suppression_add(address=ADA, reason=SuppressionReason.UNSUBSCRIBED)
        email = _waiting()
        suppression_remove(address=ADA)
        assert send(email).status == EmailStatus.SENT

    def test_without_a_batch_goes_out_and_asks_nobody(self, smtp: SMTPServer, send: Send) -> None:
        email = email_asked_for(to=[ADA])
        suppression_add(address=ADA, reason=SuppressionReason.UNSUBSCRIBED)
        with CaptureQueriesContext(connection) as queries:
            assert send(email).status == EmailStatus.SENT
        assert smtp.copies() == {email.message_id: 1}
        assert not [query for query in queries if "suppression" in query["sql"]]

    def test_asks_one_question_for_one_of_a_batch(self, smtp: SMTPServer, send: Send) -> None:
        email = _waiting()
        with CaptureQueriesContext(connection) as queries:
            assert send(email).status == EmailStatus.SENT
        assert len([query for query in queries if "suppression" in query["sql"]]) == 1

    def test_changes_nothing_when_the_lease_was_lost(self) -> None:
        email = _waiting()
        suppression_add(address=ADA, reason=SuppressionReason.UNSUBSCRIBED)
        holding = delivery._claim(email.pk, "worker")
        leases.lease_release(holding.row, token=holding.token)
        with pytest.raises(EmailNotClaimedError, match="nothing was sent"):
            outcomes.suppressed(holding)
        assert Email.objects.get().status == EmailStatus.SENDING
