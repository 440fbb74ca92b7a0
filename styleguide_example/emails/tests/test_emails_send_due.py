"""A burst: whatever is due, over several connections, in few statements."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.common.tests.racing import race
from styleguide_example.core.enums import Priority
from styleguide_example.emails import backends, bursts
from styleguide_example.emails.bursts import emails_send_due
from styleguide_example.emails.claims import SUSPECT, emails_claim
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import Attachment
from styleguide_example.emails.tests.factories import email_asked_for, emails_left_behind
from styleguide_example.emails.tests.life_workers import conversations_end
from styleguide_example.emails.tests.sending import burst, farewell
from styleguide_example.emails.tests.smtp_server import HANG_UP, SMTPServer

pytestmark = pytest.mark.django_db

SENT, SENDING, FAILED = Email.Status.SENT, Email.Status.SENDING, Email.Status.FAILED


@pytest.fixture(autouse=True)
def four_connections(settings: Settings) -> None:
    settings.EMAIL_SENDING_CONNECTIONS = 4
    settings.EMAIL_SENDING_BURST_SECONDS = 60  # it ends when all is sent, however busy the machine is


def _send_due() -> int:
    return emails_send_due(owner="burst")


def _subjects(smtp: SMTPServer) -> list[str]:
    return [str(received.message["Subject"]) for received in smtp.received]


class TestEmailsSendDue:
    def test_sends_all_that_is_due_each_once(self, smtp: SMTPServer) -> None:
        emails = emails_left_behind(50)
        assert _send_due() == 50
        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert set(Email.objects.values_list("status", "attempts", "lease_token")) == {(SENT, 1, None)}

    def test_is_done_at_once_when_nothing_is_due(self, smtp: SMTPServer) -> None:
        email_asked_for(send_after=timezone.now() + timedelta(minutes=1))
        assert _send_due() == 0
        assert smtp.connections == 0

    def test_sends_the_urgent_first_and_of_those_the_longest_due(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_CONNECTIONS = 1
        for priority, name in (Priority.LOW, "low"), (Priority.HIGH, "high"), (Priority.NORMAL, "normal"):
            for email in emails_left_behind(2, priority=priority):
                Email.objects.filter(pk=email.pk).update(subject=f"{name} {email.to[0]}")
        _send_due()
        assert _subjects(smtp) == [
            f"{name} person{number}@example.org" for name in ("high", "normal", "low") for number in (0, 1)
        ]

    def test_sends_what_is_written_meanwhile(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_CONNECTIONS = 1
        emails_left_behind(4)
        written: list[str] = []

        def write(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
            if smtp.received and not written:
                written.append("late")  # first, for this writes too
                emails_left_behind(1, subject="late")
            return execute(sql, params, many, context)

        smtp.seconds_per_message = 0.1  # longer together than a burst waits before it looks again
        with connection.execute_wrapper(write):
            _send_due()
        assert _subjects(smtp).count("late") == 1

    def test_holds_the_leases_under_the_name_of_its_owner(self, smtp: SMTPServer, settings: Settings) -> None:
        owners: set[str] = set()

        def look(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
            result = execute(sql, params, many, context)
            with connection.cursor() as cursor:
                cursor.cursor.execute("SELECT DISTINCT lease_owner FROM emails_email")
                owners.update(name for (name,) in cursor.fetchall())
            return result

        emails_left_behind(3)
        with connection.execute_wrapper(look):
            emails_send_due(owner="x" * 300)
        assert owners == {"", "x" * 255}

    def test_carries_attachments_only_where_there_are_some(self, smtp: SMTPServer) -> None:
        with_file = email_asked_for(attachments=[Attachment("terms.txt", b"Terms\n", "text/plain")])
        email_asked_for()
        with CaptureQueriesContext(connection) as queries:
            assert _send_due() == 2
        files = {one.message_id: [a.get_filename() for a in one.message.iter_attachments()] for one in smtp.received}
        assert files.pop(with_file.message_id) == ["terms.txt"]
        assert list(files.values()) == [[]]
        assert len([query for query in queries if "attachmentcontent" in query["sql"]]) == 1

    def test_records_what_becomes_of_each_by_itself(self, smtp: SMTPServer) -> None:
        smtp.refusals = {"a@example.org": "550 no such user", "b@example.org": "450 busy", "c@example.org": "550 no"}
        fates = {
            "refused": (["a@example.org"], FAILED, [], ["a@example.org"], 1),
            "busy": (["b@example.org"], SENDING, [], [], 1),
            "partly": (["d@example.org", "c@example.org"], SENT, ["d@example.org"], ["c@example.org"], 0),
            "partly busy": (["e@example.org", "b@example.org"], SENDING, ["e@example.org"], [], 1),
            "well": (["f@example.org"], SENT, ["f@example.org"], [], 0),
        }
        for subject, (to, *_) in fates.items():
            emails_left_behind(1, to=to, subject=subject)
        Email.objects.filter(pk=emails_left_behind(1, subject="broken")[0].pk).update(to=["a, b"])
        others = emails_left_behind(30)

        assert _send_due() == len(others) + 2

        for subject, (_, status, delivered_to, refused, failures) in fates.items():
            email = Email.objects.get(subject=subject)
            found = (email.status, email.delivered_to, list(email.refused), email.failed_attempts.count())
            assert found == (status, delivered_to, refused, failures), subject
        assert Email.objects.get(subject="broken").status == FAILED
        assert Email.objects.filter(subject="Hello", status=SENT).count() == len(others)
        assert set(smtp.copies().values()) == {1}

    def test_leaves_to_others_what_its_worker_did_not_survive(self, smtp: SMTPServer) -> None:
        emails = emails_left_behind(3)
        Email.objects.filter(pk=emails[0].pk).update(last_error_kind="lost")
        assert _send_due() == 2
        assert list(Email.objects.filter(SUSPECT)) == emails[:1]
        assert Email.objects.get(pk=emails[0].pk).attempts == 0

    def test_writes_the_numbers_of_the_rows_to_the_log_and_nothing_else(self, smtp: SMTPServer) -> None:
        emails = emails_left_behind(3)
        with capture_logs() as lines:
            _send_due()
        sent = [line for line in lines if line["event"] == "emails_sent"]
        assert sorted(number for line in sent for number in line["email_ids"]) == [email.pk for email in emails]
        assert "example.org" not in str(lines)


def _unhurried(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
    """A database that is not on this machine: while it is asked, all conversations that are under way end."""
    conversations_end()
    return execute(sql, params, many, context)


class TestStatements:
    def test_are_few_for_each_email(
        self, smtp: SMTPServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the database is busy answers come together, and what came together is recorded together."""
        monkeypatch.setattr(bursts, "LOOK_AGAIN_SECONDS", 60.0)  # those by the clock say nothing about an e-mail
        settings.EMAIL_SENDING_CONNECTIONS = 8
        emails_left_behind(8)
        _send_due()  # connections are open now
        emails_left_behind(160)

        with connection.execute_wrapper(_unhurried), CaptureQueriesContext(connection) as queries:
            assert _send_due() == 160

        # A claim for 16 or more: select, update, and whether they carry files. A record for each group. Once a second
        # whether the server is slowed down.
        statements = [query for query in queries if query["sql"].startswith(("SELECT", "UPDATE"))]
        assert len(statements) / 160 <= 0.5

    def test_are_not_the_senders_who_open_no_connection_to_the_database(self, smtp: SMTPServer) -> None:
        opened: list[str] = []

        def note(**_: Any) -> None:
            opened.append(threading.current_thread().name)

        emails_left_behind(20, to=["a@example.org"])
        connection_created.connect(note)
        try:
            assert _send_due() == 20
        finally:
            connection_created.disconnect(note)
        assert opened == []


class TestConnections:
    def test_are_as_many_as_configured_and_not_more(self, smtp: SMTPServer) -> None:
        smtp.seconds_per_message = 0.02
        emails_left_behind(40)
        _send_due()
        assert (smtp.connected_peak, smtp.connections) == (4, 4)

    def test_are_no_more_than_there_are_emails(self, smtp: SMTPServer) -> None:
        smtp.seconds_per_message = 0.02
        emails_left_behind(2)
        _send_due()
        assert smtp.connections == 2

    def test_are_kept_for_the_next_burst(self, smtp: SMTPServer) -> None:
        smtp.seconds_per_message = 0.02
        for _ in range(3):
            emails_left_behind(12)
            _send_due()
        assert (smtp.connections, smtp.farewells) == (4, 0)

    def test_are_closed_with_a_farewell(self, smtp: SMTPServer) -> None:
        smtp.seconds_per_message = 0.02
        emails_left_behind(12)
        _send_due()
        farewell()
        wait_until(lambda: smtp.farewells == 4)

    def test_are_opened_again_when_the_server_hangs_up_between_messages(self, smtp: SMTPServer) -> None:
        smtp.fail("next", *[HANG_UP] * 5)
        emails = emails_left_behind(20)
        assert _send_due() == 20
        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert set(Email.objects.values_list("attempts", flat=True)) == {1}

    def test_are_renewed_when_they_are_worn(
        self, smtp: SMTPServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backends, "_FAREWELL_SECONDS", 60)  # else one that was not heard yet is still there
        settings.EMAIL_CONNECTION_MAX_MESSAGES = 5
        emails_left_behind(40)
        assert _send_due() == 40
        assert smtp.connections >= 8
        assert smtp.connected_peak <= 4

    def test_lead_to_the_server_that_an_email_names(self, smtp: SMTPServer, settings: Settings) -> None:
        with SMTPServer() as other:
            settings.EMAIL_SENDING_SERVERS = {
                "other": {
                    "BACKEND": settings.EMAIL_BACKEND,
                    "host": "127.0.0.1",
                    "port": other.port,
                    "fallback": "",
                }
            }
            mine, others = emails_left_behind(10), emails_left_behind(10, server="other")
            assert _send_due() == 20
            assert smtp.copies() == {email.message_id: 1 for email in mine}
            assert other.copies() == {email.message_id: 1 for email in others}
            farewell()


@pytest.mark.django_db(transaction=True)
class TestEmailsSendDueAtOnce:
    def test_sends_each_once_however_many_bursts_there_are(self, smtp: SMTPServer) -> None:
        emails = emails_left_behind(120)
        assert sum(race(lambda _: burst(), runners=4)) == 120
        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert set(Email.objects.values_list("status", "attempts", "lease_token")) == {(SENT, 1, None)}

    def test_leaves_alone_what_another_holds(self, smtp: SMTPServer) -> None:
        emails_left_behind(8)
        held = {holding.email.pk for holding in emails_claim(owner="another", limit=5)}
        assert burst() == 3
        assert set(Email.objects.filter(lease_owner="another").values_list("pk", flat=True)) == held
