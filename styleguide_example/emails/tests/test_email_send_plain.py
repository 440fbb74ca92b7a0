"""A plain e-mail over an open connection is claimed and marked in one. What becomes of it is the same."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common import leases
from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.emails import connections, limits
from styleguide_example.emails.claims import email_claim_plain
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email, SendingPace
from styleguide_example.emails.services import Attachment, email_sweep
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.emails.tests.sending import farewell, in_a_thread, send_alone
from styleguide_example.emails.tests.smtp_server import HANG_UP, HOLD, TAKEN_THEN_HANG_UP, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

AGO = timedelta(minutes=-1)
#: What is its own for each e-mail, and the moments.
DIFFERENT = {
    *("id", "message_id", "to", "recipient", "delivered_to", "refused"),
    *("created_at", "queued_at", "updated_at", "woken_at", "claimed_at", "on_wire_at", "sent_at", "ended_at"),
    *("next_attempt_at", "took_ms"),
}


def _send_over_an_open_connection(email: Email) -> Email:
    connections.connection_ensure()
    return send_alone(email)


def _is_plain(sql: str) -> bool:
    return sql.startswith("UPDATE emails_email SET") and "RETURNING" in sql


def _as_recorded(email: Email) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    row: dict[str, Any] = dict(Email.objects.values().get(pk=email.pk))
    moments = {name: row[name] is not None for name in DIFFERENT}
    attempts = email.failed_attempts.values("number", "kind", "phase", "smtp_code", "smtp_reply", "worker")
    same = {name: value for name, value in row.items() if name not in DIFFERENT}
    return {**same, **moments}, [dict(attempt) for attempt in attempts]


class TestAPlainEmail:
    def test_is_claimed_marked_and_read_with_one_statement(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        with CaptureQueriesContext(connection) as queries:
            assert _send_over_an_open_connection(email).status == Email.Status.SENT
        said = [query["sql"] for query in queries if "sendingpace" not in query["sql"]]
        assert _is_plain(said[0])
        assert len(said) == 4  # the record, and two that read the row for this test
        assert smtp.copies() == {email.message_id: 1}

    @pytest.mark.parametrize(
        ("step", "answer"),
        [
            ("message", "250 taken 7"),
            ("mail", "451 later"),
            ("rcpt", "550 no such user"),
            ("data", HANG_UP),
            ("message", "554 no"),
            ("message", HANG_UP),
            ("message", TAKEN_THEN_HANG_UP),
        ],
    )
    def test_is_recorded_as_any_other(self, smtp: SMTPServer, step: str, answer: str) -> None:
        smtp.fail(step, answer, answer)
        with CaptureQueriesContext(connection) as queries:
            of_any = _as_recorded(send_alone(email_asked_for()))
        assert not any(_is_plain(query["sql"]) for query in queries)
        farewell()
        SendingPace.objects.all().delete()
        limits.gate_forget()

        with CaptureQueriesContext(connection) as queries:
            of_plain = _as_recorded(_send_over_an_open_connection(email_asked_for()))
        assert any(_is_plain(query["sql"]) for query in queries)
        assert of_plain == of_any

    def test_that_cannot_be_built_ends_at_once(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        Email.objects.update(subject="a\nb")
        email = _send_over_an_open_connection(email)
        assert (email.status, email.last_error_kind) == (Email.Status.FAILED, FailureKind.PERMANENT)
        assert smtp.received == []

    def test_whose_worker_was_killed_is_in_doubt(self, settings: Settings) -> None:
        """It was marked before it was built, so nobody can know."""
        settings.EMAIL_SENDING_UNKNOWN_OUTCOME = "resend"
        email = email_asked_for()
        assert email_claim_plain(email_id=email.pk, owner="dead")
        Email.objects.update(lease_expires_at=timezone.now() + AGO)
        assert email_sweep().emails == [email]
        assert email.failed_attempts.get().kind == FailureKind.UNKNOWN_OUTCOME

    def test_is_sent_once_by_many_at_once(self, smtp: SMTPServer) -> None:
        email = email_asked_for()
        race(lambda _: in_a_thread(_send_over_an_open_connection)(email), runners=6)
        assert smtp.copies() == {email.message_id: 1}

    def test_that_was_lost_meanwhile_is_its_successors(self, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", HOLD)
        email = email_asked_for()
        with meanwhile(lambda: in_a_thread(_send_over_an_open_connection)(email)):
            assert smtp.reached["rcpt"].wait(10)
            Email.objects.update(lease_token="0" * 32, lease_owner="successor")
            left = Email.objects.values().get()
            smtp.released.set()
        assert Email.objects.values().get() == left

    def test_that_was_lost_while_it_had_to_connect_is_its_successors(
        self, smtp: SMTPServer, settings: Settings
    ) -> None:
        """Others have said that its server is down, so it goes by the fallback."""
        with SMTPServer() as other:
            settings.EMAIL_SENDING_SERVERS = {
                "default": {"fallback": "other"},
                "other": {"BACKEND": settings.EMAIL_BACKEND, "host": "127.0.0.1", "port": other.port, "fallback": ""},
            }
            SendingPace.objects.create(scope="connect:default", level=3, paused_until=timezone.now() - AGO)
            other.fail("connect", HOLD)
            email = email_asked_for()
            with meanwhile(lambda: in_a_thread(_send_over_an_open_connection)(email)):
                assert other.reached["connect"].wait(10)
                Email.objects.update(lease_token="0" * 32, lease_owner="successor")
                other.released.set()
            assert other.connections == 1
            assert smtp.received == other.received == []


def _with_a_file() -> Email:
    return email_asked_for(attachments=[Attachment("terms.txt", b"Terms\n", "text/plain")])


def _of_a_batch() -> Email:
    email = email_asked_for()
    Email.objects.update(batch="news:7")
    return email


def _of_another_server() -> Email:
    email = email_asked_for()
    Email.objects.update(server="other")
    return email


def _tried_before() -> Email:
    email = email_asked_for()
    Email.objects.update(attempts=1)
    return email


def _not_due() -> Email:
    return email_asked_for(send_after=timezone.now() - AGO)


def _expired() -> Email:
    return email_asked_for(expires_at=timezone.now() + AGO)


def _held_by_the_dead() -> Email:
    email = email_asked_for()
    leases.lease_claim(Email.objects.all(), owner="dead", seconds=-1)
    Email.objects.update(attempts=0)
    return email


def _given_up() -> Email:
    email = email_asked_for()
    Email.objects.update(next_attempt_at=None)
    return email


class TestEmailClaimPlain:
    @pytest.mark.parametrize(
        "email_in_state",
        [
            *(_with_a_file, _of_a_batch, _of_another_server, _tried_before, _not_due, _expired, _held_by_the_dead),
            *(_given_up, EmailFactory.create),
            *(lambda status=status: email_ended(status) for status in ("sent", "failed", "cancelled")),
        ],
    )
    def test_leaves_whatever_else_it_is_as_it_is(self, email_in_state: Callable[[], Email]) -> None:
        email = email_in_state()
        before = Email.objects.values().get()
        assert email_claim_plain(email_id=email.pk, owner="the-task") is None
        assert Email.objects.values().get() == before

    def test_leaves_nothing_to_somebodys_transaction(self) -> None:
        email = email_asked_for()
        with transaction.atomic():
            assert email_claim_plain(email_id=email.pk, owner="the-task") is None
        assert email_claim_plain(email_id=email.pk, owner="the-task")

    def test_says_what_the_row_says_now(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_LEASE_SECONDS = 60
        email = email_asked_for(to=["Ada <ada@example.org>"], headers={"X-A": "1"})
        holding = email_claim_plain(email_id=email.pk, owner="x" * 300)
        assert holding is not None
        row: dict[str, Any] = dict(Email.objects.values().get())
        assert {name: getattr(holding.email, name) for name in row} == row
        assert (row["lease_token"], row["lease_owner"], row["attempts"]) == (holding.token, "x" * 255, 1)
        assert abs(row["on_wire_at"] - timezone.now()) < timedelta(seconds=10)
        assert timedelta(seconds=50) < row["lease_expires_at"] - timezone.now() <= timedelta(seconds=60.1)

    def test_is_not_used_where_a_limit_stands_in_between(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (100, None)}
        with CaptureQueriesContext(connection) as queries:
            assert _send_over_an_open_connection(email_asked_for()).status == Email.Status.SENT
        assert not any(_is_plain(query["sql"]) for query in queries)

    @pytest.mark.parametrize("email_in_state", [_with_a_file, _of_a_batch, _tried_before])
    def test_is_not_what_decides_whether_it_goes_out(
        self, smtp: SMTPServer, email_in_state: Callable[[], Email]
    ) -> None:
        email = _send_over_an_open_connection(email_in_state())
        assert email.status == Email.Status.SENT
        (received,) = smtp.received
        assert len(list(received.message.iter_attachments())) == email.attachments.count()
