import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries
from structlog.testing import capture_logs

from styleguide_example.common.tests.racing import race
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailGivenUpError
from styleguide_example.emails.models import Email, Suppression
from styleguide_example.emails.services import email_send
from styleguide_example.emails.suppressions import (
    are_all_suppressed,
    is_suppressed,
    suppressed_among,
    suppression_add,
    suppression_remove,
)
from styleguide_example.emails.tests.factories import email_asked_for, email_made_due
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

UNSUBSCRIBED, BOUNCED = SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED
ADA = "ada@example.org"


def _reasons() -> dict[str, str]:
    return dict(Suppression.objects.values_list("address", "reason"))


class TestSuppressionAdd:
    def test_suppresses_an_address_however_it_is_written(self) -> None:
        assert suppression_add(address=" Ada@Example.ORG ", reason=UNSUBSCRIBED)
        assert _reasons() == {ADA: "unsubscribed"}

    def test_does_so_once(self) -> None:
        suppression_add(address=ADA, reason=UNSUBSCRIBED)
        assert not suppression_add(address=ADA, reason=UNSUBSCRIBED)
        assert Suppression.objects.count() == 1

    def test_does_so_once_when_asked_by_many_at_once(self) -> None:
        added = race(lambda _: suppression_add(address=ADA, reason=UNSUBSCRIBED), runners=4)
        assert sorted(added) == [False, False, False, True]

    def test_makes_a_refused_address_one_that_unsubscribed_and_not_the_other_way_round(self) -> None:
        suppression_add(address=ADA, reason=BOUNCED, note="550 no")
        assert suppression_add(address=ADA, reason=UNSUBSCRIBED)
        assert not suppression_add(address=ADA, reason=BOUNCED, note="550 no")
        assert _reasons() == {ADA: "unsubscribed"}

    def test_names_no_address_in_the_logs(self) -> None:
        with capture_logs() as logs:
            suppression_add(address=ADA, reason=UNSUBSCRIBED)
        assert ADA not in str(logs)
        assert [entry["event"] for entry in logs] == ["address_suppressed"]

    def test_is_held_to_lower_case_by_the_database(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Suppression.objects.create(address="Ada@example.org", reason=BOUNCED)


class TestSuppressionRemove:
    def test_lets_the_address_get_such_email_again(self) -> None:
        suppression_add(address=ADA, reason=BOUNCED)
        assert suppression_remove(address="ADA@example.org")
        assert not suppression_remove(address=ADA)
        assert not is_suppressed(address=ADA)

    def test_leaves_one_that_has_another_reason(self) -> None:
        suppression_add(address=ADA, reason=BOUNCED)
        assert not suppression_remove(address=ADA, reason=UNSUBSCRIBED)
        assert is_suppressed(address=ADA)
        assert not is_suppressed(address=ADA, reason=UNSUBSCRIBED)


class TestSuppressedAmong:
    def test_returns_those_that_are_as_they_were_given_in_one_query(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        suppression_add(address=ADA, reason=BOUNCED)
        addresses = ["Ada@Example.org", "bob@example.org", *(f"p{number}@example.org" for number in range(500))]
        with django_assert_num_queries(1):
            assert suppressed_among(addresses=addresses) == {"Ada@Example.org"}


class TestAreAllSuppressed:
    def test_needs_every_one_of_them(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        suppression_add(address=ADA, reason=BOUNCED)
        with django_assert_num_queries(1):
            assert are_all_suppressed(addresses=[ADA, "Ada <Ada@example.org>"])
        assert not are_all_suppressed(addresses=[ADA, "bob@example.org"])
        assert not are_all_suppressed(addresses=[])


class TestARefusedRecipient:
    @pytest.mark.parametrize(
        "reply",
        [
            "550 no such person",
            "550 5.1.1 unknown user",
            "551 user not local",
            "553 mailbox name not allowed",
            "550 5.2.1 mailbox disabled",
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
            "550 Unrouteable address",
            "550 5.0.0 ada@example.org... User unknown",
            "550 sorry, no mailbox here by that name. (#5.1.1)",
        ],
    )
    def test_is_suppressed_when_the_server_says_that_nobody_is_there(self, smtp: SMTPServer, reply: str) -> None:
        smtp.refusals = {ADA: reply}
        with pytest.raises(EmailGivenUpError):
            email_send(email=email_asked_for(to=["Ada <ada@example.org>"]))
        suppression = Suppression.objects.get()
        assert (suppression.address, suppression.reason, suppression.note) == (ADA, "bounced", reply)

    @pytest.mark.parametrize(
        "reply",
        [
            "550 5.7.1 you are blocked",
            "552 5.2.2 mailbox full",
            "554 5.7.1 relay denied",
            "550 relay not permitted",
            "550 5.0.0 Access denied",
            "550 5.1.8 Sender domain rejected",
            "550 Sender verify failed: unknown user",
            "550 rejected because 5.1.1.9 is in a black list",
            "550 Administrative prohibition",
            "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        ],
    )
    def test_is_not_when_it_was_not_about_the_address(self, smtp: SMTPServer, reply: str) -> None:
        smtp.refusals = {ADA: reply}
        with pytest.raises(EmailGivenUpError):
            email_send(email=email_asked_for(to=[ADA]))
        assert not Suppression.objects.exists()

    def test_is_not_when_it_was_refused_for_now(self, smtp: SMTPServer) -> None:
        smtp.refusals = {ADA: "450 4.2.1 try later"}
        with pytest.raises(EmailAttemptFailedError):
            email_send(email=email_asked_for(to=[ADA]))
        assert not Suppression.objects.exists()

    def test_is_suppressed_when_the_others_were_taken(self, smtp: SMTPServer) -> None:
        smtp.refusals = {ADA: "550 no such person"}
        email = email_send(email=email_asked_for(to=["bob@example.org", ADA]))
        assert email.status == Email.Status.SENT
        assert _reasons() == {ADA: "bounced"}

    def test_is_suppressed_when_others_have_to_wait(self, smtp: SMTPServer) -> None:
        smtp.refusals = {ADA: "550 no such person", "bob@example.org": "450 later"}
        with pytest.raises(EmailAttemptFailedError):
            email_send(email=email_asked_for(to=["bob@example.org", "eve@example.org", ADA]))
        assert _reasons() == {ADA: "bounced"}

    def test_whose_message_was_refused_is_not(self, smtp: SMTPServer) -> None:
        smtp.fail("message", "550 5.6.0 content")
        with pytest.raises(EmailGivenUpError):
            email_send(email=email_asked_for(to=[ADA]))
        assert not Suppression.objects.exists()

    def test_still_gets_what_is_written_to_them_alone(self, smtp: SMTPServer) -> None:
        suppression_add(address=ADA, reason=BOUNCED)
        email = email_send(email=email_made_due(email_asked_for(to=[ADA])))
        assert email.status == Email.Status.SENT
        assert smtp.copies() == {email.message_id: 1}
