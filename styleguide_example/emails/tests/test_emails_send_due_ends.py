"""How a burst ends: its time is over, the worker was told to end, the database is away, a limit is reached."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common import persistence, shutdown
from styleguide_example.common.tests.databases import DatabaseAwayFor
from styleguide_example.common.tests.processes import wait_until
from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.emails import bursts
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import emails_left_behind
from styleguide_example.emails.tests.sending import burst, farewell
from styleguide_example.emails.tests.smtp_server import HOLD, SILENCE, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

SENT, SENDING = Email.Status.SENT, Email.Status.SENDING
PATIENCE = 10  # seconds; only a hang lasts so long


@pytest.fixture(autouse=True)
def two_connections(settings: Settings) -> None:
    settings.EMAIL_SENDING_CONNECTIONS = 2
    settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = PATIENCE


@pytest.fixture
def time_passes(smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let ``seconds`` of a burst pass all at once, when the server has taken ``after`` messages, and no time else.

    On the clock of the wall a machine that pauses decides what a burst has done when its time is over.
    """

    def time_passes(seconds: float, *, after: int) -> None:
        clock = SimpleNamespace(monotonic=lambda: seconds if len(smtp.received) >= after else 0.0)
        monkeypatch.setattr(bursts, "time", clock)

    return time_passes


@pytest.fixture
def shutting_down() -> Iterator[Callable[[], None]]:
    """Tell this process, as Celery does, that its worker has to end."""
    yield shutdown._end
    shutdown._begin()


def _left() -> set[tuple[Any, ...]]:
    """What those are like that were not sent."""
    return set(Email.objects.exclude(status=SENT).values_list("status", "attempts", "lease_token", "lease_owner"))


AS_BEFORE = {(SENDING, 0, None, "")}


def _is_record(sql: str) -> bool:
    return sql.startswith("UPDATE emails_email AS email")


def _is_claim(sql: str) -> bool:
    return sql.startswith("UPDATE") and "LIMIT" in sql and "RETURNING" in sql


class TestItsTimeIsOver:
    def test_finishes_what_is_on_the_wire_and_gives_the_rest_back_as_it_was(
        self, smtp: SMTPServer, settings: Settings, time_passes: Callable[..., None]
    ) -> None:
        settings.EMAIL_SENDING_BURST_SECONDS = 0.3
        time_passes(0.4, after=4)  # and before it was heard of the fourth
        emails_left_behind(100)

        sent = burst()

        assert 4 <= sent <= 5  # the fourth, and what was on the wire beside it; another one goes on
        assert Email.objects.filter(status=SENT).count() == sent == len(smtp.received)
        assert _left() == AS_BEFORE
        assert not Email.objects.filter(failed_attempts__isnull=False).exists()

    def test_sends_the_last_of_all_for_which_nobody_would_be_woken(
        self, smtp: SMTPServer, settings: Settings, time_passes: Callable[..., None]
    ) -> None:
        """The next burst has come while these were held, found nothing, and gone."""
        settings.EMAIL_SENDING_BURST_SECONDS = 0.3
        time_passes(0.4, after=6)  # by then it has seen that there are no more; the eighth has not begun
        emails_left_behind(8)
        assert burst() == 8
        assert set(Email.objects.values_list("attempts", flat=True)) == {1}

    def test_is_not_put_off_for_long_by_the_last_of_all(
        self, smtp: SMTPServer, settings: Settings, time_passes: Callable[..., None]
    ) -> None:
        settings.EMAIL_SENDING_BURST_SECONDS = 0.3
        time_passes(0.7, after=6)  # as before, and as long again
        emails_left_behind(8)
        assert 6 <= burst() < 8
        assert _left() == AS_BEFORE

    def test_begins_with_something_however_short_it_is(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_BURST_SECONDS = 0
        emails_left_behind(10)
        assert burst() == 0
        assert _left() == AS_BEFORE


class TestTheWorkerHasToEnd:
    @pytest.mark.parametrize("step", ["connect", "rcpt", "message"])
    def test_finishes_what_is_on_the_wire_and_gives_the_rest_back_as_it_was(
        self, smtp: SMTPServer, shutting_down: Callable[[], None], step: str
    ) -> None:
        smtp.fail(step, HOLD, HOLD)
        emails_left_behind(40)
        with meanwhile(burst) as bursting:
            assert smtp.reached[step].wait(PATIENCE)
            shutting_down()
            wait_until(lambda: Email.objects.exclude(lease_token=None).count() <= 2)  # before the server says a word
            smtp.released.set()
            assert bursting.result(PATIENCE) == len(smtp.received)
        assert _left() == AS_BEFORE
        assert len(smtp.received) <= 2
        wait_until(lambda: smtp.farewells == smtp.connections)

    def test_begins_nothing_more(self, smtp: SMTPServer, shutting_down: Callable[[], None]) -> None:
        shutting_down()
        emails_left_behind(5)
        assert burst() == 0
        assert smtp.connections == 0
        assert _left() == AS_BEFORE


class TestTheSoftTimeLimit:
    def test_records_what_is_on_the_wire_and_gives_the_rest_back(
        self, smtp: SMTPServer, alarm: Callable[[], None]
    ) -> None:
        smtp.fail("message", HOLD)
        emails_left_behind(5)

        def limit_reached() -> None:
            wait_until(lambda: len(smtp.received) == 5)
            alarm()
            threading.Timer(0.2, smtp.released.set).start()

        with meanwhile(limit_reached), pytest.raises(SoftTimeLimitExceeded):
            bursts.emails_send_due(owner="burst")
        assert set(Email.objects.values_list("status", "attempts", "lease_token")) == {(SENT, 1, None)}

    def test_in_the_middle_of_a_record_loses_neither_it_nor_what_was_to_start(
        self, smtp: SMTPServer, alarm: Callable[[], None]
    ) -> None:
        emails = emails_left_behind(20)
        reached: list[str] = []

        def limit_reached(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
            if _is_record(sql) and len(smtp.received) >= 6 and not reached:
                reached.append(sql)
                alarm()
            return execute(sql, params, many, context)

        with connection.execute_wrapper(limit_reached), pytest.raises(SoftTimeLimitExceeded):
            bursts.emails_send_due(owner="burst")

        sent = set(Email.objects.filter(status=SENT).values_list("message_id", flat=True))
        assert set(smtp.copies()) == sent < {email.message_id for email in emails}
        assert _left() == AS_BEFORE

    def test_does_not_wait_for_ever_for_a_server_that_says_nothing(
        self, smtp: SMTPServer, alarm: Callable[[], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bursts, "DRAIN_SECONDS", 0.2)
        smtp.fail("message", SILENCE)
        emails_left_behind(5)

        def limit_reached() -> None:
            wait_until(lambda: Email.objects.filter(status=SENT).count() == 4)
            alarm()

        with meanwhile(limit_reached), pytest.raises(SoftTimeLimitExceeded):
            bursts.emails_send_due(owner="burst")
        (held,) = Email.objects.exclude(status=SENT)
        assert held.lease_owner == "burst"
        assert held.on_wire_at is not None


class TestTheDatabaseIsAway:
    @pytest.fixture(autouse=True)
    def soon_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(persistence, "PAUSES_SECONDS", (0.0, 0.1, 0.1))

    def test_for_a_moment_while_it_records_costs_no_email_an_attempt(self, smtp: SMTPServer) -> None:
        emails = emails_left_behind(20)
        away = DatabaseAwayFor(lambda sql: _is_record(sql) and len(smtp.received) >= 5 and away.asked < 2)
        with connection.execute_wrapper(away):
            assert bursts.emails_send_due(owner="burst") == 20
        assert away.asked == 2
        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert set(Email.objects.values_list("attempts", flat=True)) == {1}

    def test_while_it_looks_for_more_still_records_what_is_on_the_wire(self, smtp: SMTPServer) -> None:
        """Nothing was claimed by what failed, and what is on the wire is not in doubt."""
        smtp.seconds_per_message = 0.05
        emails = emails_left_behind(40)
        away = DatabaseAwayFor(lambda sql: _is_claim(sql) and bool(smtp.received))
        with connection.execute_wrapper(away), pytest.raises(OperationalError):
            bursts.emails_send_due(owner="burst")

        assert Email.objects.filter(status=SENT).count() == len(smtp.received) > 0
        assert _left() == AS_BEFORE
        assert smtp.copies().keys() < {email.message_id for email in emails}

    def test_for_long_leaves_what_was_on_the_wire_to_the_leases(self, smtp: SMTPServer) -> None:
        emails_left_behind(10)
        away = DatabaseAwayFor(lambda _: away.asked > 0 or bool(smtp.received))
        with connection.execute_wrapper(away), capture_logs(), pytest.raises(OperationalError):
            bursts.emails_send_due(owner="burst")

        on_wire = Email.objects.filter(status=SENDING, on_wire_at__isnull=False, lease_owner="burst")
        assert {email.message_id for email in on_wire} >= smtp.copies().keys()
        assert on_wire.count() <= 2
        farewell()


class TestAnErrorThatNobodyForesaw:
    def test_of_one_email_ends_no_burst(self, smtp: SMTPServer) -> None:
        emails_left_behind(5)
        Email.objects.filter(pk=Email.objects.earliest("pk").pk).update(headers=["not", "a", "mapping"])
        assert burst() == 4
        failed = Email.objects.exclude(status=SENT).get()
        assert failed.failed_attempts.get().kind == FailureKind.BUG
        assert failed.next_attempt_at is not None
