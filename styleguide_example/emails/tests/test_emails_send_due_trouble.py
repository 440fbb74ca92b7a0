"""A burst in trouble: what was heard is recorded, what was held is given back, and what comes next is not held up."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common import persistence
from styleguide_example.common.tests.databases import DatabaseAwayFor
from styleguide_example.common.tests.processes import wait_until
from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.emails import bursts, senders
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for, emails_left_behind
from styleguide_example.emails.tests.sending import Send, burst, farewell
from styleguide_example.emails.tests.smtp_server import HOLD, SILENCE, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

SENT, SENDING = Email.Status.SENT, Email.Status.SENDING
PATIENCE = 10  # seconds; only a hang lasts so long


@pytest.fixture(autouse=True)
def two_connections(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_SENDING_CONNECTIONS = 2
    settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = PATIENCE
    monkeypatch.setattr(bursts, "DRAIN_SECONDS", 0.3)
    monkeypatch.setattr(persistence, "PAUSES_SECONDS", (0.0,))


def _is_slowing_down(sql: str) -> bool:
    return "emails_sendingpace" in sql and '"scope" = ' in sql


def _answers_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that are heard while the burst writes are heard in one turn; here it happens each time."""
    hear = senders.Team.wait_for_reports

    def hear_both(team: senders.Team, seconds: float) -> list[senders.Report]:
        reports = hear(team, seconds)
        return reports + hear(team, 0.5) if len(reports) == 1 else reports

    monkeypatch.setattr(senders.Team, "wait_for_reports", hear_both)


class TestTheDatabaseIsAway:
    def test_while_it_tells_others_to_slow_down_still_records_what_was_heard(
        self, smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _answers_come_together(monkeypatch)
        smtp.fail("message", "451 too much")
        emails_left_behind(2)

        away = DatabaseAwayFor(_is_slowing_down)
        with connection.execute_wrapper(away):
            burst()

        assert away.asked == 1
        assert set(Email.objects.values_list("status", "attempts", "last_error_kind", "lease_token")) == {
            (SENT, 1, "", None),
            (SENDING, 1, FailureKind.TRANSIENT, None),
        }

    def test_while_one_recipient_slows_down_forgets_none_that_has_it(self, smtp: SMTPServer, send: Send) -> None:
        smtp.refusals["bob@example.org"] = "451 later"
        email = email_asked_for(to=["ada@example.org", "bob@example.org"])

        away = DatabaseAwayFor(_is_slowing_down)
        with connection.execute_wrapper(away):
            email = send(email)
        farewell()

        assert away.asked == 1
        assert (email.delivered_to, email.lease_token) == (["ada@example.org"], None)
        assert email.last_error_kind == FailureKind.TRANSIENT

    def test_while_it_chooses_what_goes_next_gives_back_what_nobody_had_begun(
        self, smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bursts, "TURN_SECONDS", PATIENCE)
        smtp.seconds_per_connection = 1.1  # then it asks again what others have said of the server
        emails_left_behind(5)

        away = DatabaseAwayFor(lambda sql: "emails_sendingpace" in sql and smtp.connections > 0)
        with connection.execute_wrapper(away), pytest.raises(OperationalError):
            bursts.emails_send_due(owner="burst")
        farewell()

        assert away.asked > 0
        assert set(Email.objects.values_list("status", "attempts", "lease_token")) == {(SENDING, 0, None)}

    def test_right_after_the_claim_gives_back_what_was_claimed(self, smtp: SMTPServer) -> None:
        emails_left_behind(5)
        away = DatabaseAwayFor(lambda sql: "emails_emailattachment" in sql)
        with connection.execute_wrapper(away), pytest.raises(OperationalError):
            bursts.emails_send_due(owner="burst")
        assert set(Email.objects.values_list("status", "attempts", "lease_token")) == {(SENDING, 0, None)}


class TestWhatIsGivenBack:
    @pytest.mark.parametrize("count", [7, 20], ids=["fewer than a batch", "more than a batch"])
    def test_wakes_one_further_burst(
        self, smtp: SMTPServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, count: int
    ) -> None:
        settings.EMAIL_SENDING_BURST_SECONDS = 0.2
        # Else it would begin anew when the machine pauses while something is on the wire.
        monkeypatch.setattr(bursts, "FAREWELL_SECONDS", 60.0)
        smtp.seconds_per_message = 0.3
        emails_left_behind(count)
        woken: list[int] = []
        bursts.emails_send_due(owner="burst", more=lambda: woken.append(1))
        farewell()
        assert Email.objects.filter(status=SENDING).exists()
        assert woken == [1]


class TestAServerThatSaysNothing:
    def test_holds_up_no_further_burst(self, smtp: SMTPServer, alarm: Callable[[], None]) -> None:
        smtp.fail("message", SILENCE)
        emails_left_behind(2)

        def limit_reached() -> None:
            wait_until(lambda: Email.objects.filter(status=SENT).exists())
            alarm()

        with meanwhile(limit_reached), pytest.raises(SoftTimeLimitExceeded):
            bursts.emails_send_due(owner="burst")
        emails_left_behind(4)
        began_at = time.monotonic()
        assert bursts.emails_send_due(owner="next") == 4
        assert time.monotonic() - began_at < PATIENCE / 2
        farewell()


class TestARowThatCannotBeAMessage:
    @pytest.mark.parametrize(
        "fields",
        [{"to": ["ü@["]}, {"to": [None]}, {"to": [7], "batch": "news"}],
        ids=["no address", "nobody", "a number in a batch"],
    )
    def test_holds_up_no_other(self, smtp: SMTPServer, fields: dict[str, Any]) -> None:
        (bad, *_) = emails_left_behind(5)
        Email.objects.filter(pk=bad.pk).update(**fields)

        assert burst() == 4

        failed = Email.objects.exclude(status=SENT).get()
        assert (failed.pk, failed.lease_token) == (bad.pk, None)
        assert failed.last_error_kind in {FailureKind.BUG, FailureKind.PERMANENT}


class TestAClockThatIsWrong:
    def test_does_not_keep_an_email_from_going_out(self, smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whether it has expired says the database, whose clock all share."""
        emails_left_behind(3, expires_at=timezone.now() + timedelta(minutes=10))
        now = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(hours=1))
        assert burst() == 3


class TestAServerHangs:
    def test_and_leaves_a_connection_to_each_other_server(self, smtp: SMTPServer, settings: Settings) -> None:
        with SMTPServer() as hanging:
            hanging.fail("connect", *[HOLD] * 10)
            backend = "styleguide_example.emails.backends.SMTPBackend"
            other = {"BACKEND": backend, "host": "127.0.0.1", "port": hanging.port, "fallback": ""}
            settings.EMAIL_SENDING_SERVERS = {"default": {"fallback": ""}, "hanging": other}
            stuck = emails_left_behind(5, server="hanging")

            with meanwhile(burst):
                assert hanging.reached["connect"].wait(PATIENCE)
                others = emails_left_behind(5)
                smtp.wait_for(5, timeout=PATIENCE / 2)
                assert hanging.received == []
                hanging.released.set()
            assert smtp.copies() == {email.message_id: 1 for email in others}
            assert hanging.copies() == {email.message_id: 1 for email in stuck}
