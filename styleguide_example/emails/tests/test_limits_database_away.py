"""The database is away for a moment while it is asked where to and how fast e-mails may go."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common import persistence
from styleguide_example.common.tests.databases import DatabaseAwayFor
from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.emails import bursts, limits
from styleguide_example.emails.models import Email, SendingPace
from styleguide_example.emails.places import KEEP_ALIVE_SECONDS, LEASE_SECONDS
from styleguide_example.emails.tests.factories import email_asked_for, emails_left_behind
from styleguide_example.emails.tests.limits_time import Time
from styleguide_example.emails.tests.sending import Send, farewell
from styleguide_example.emails.tests.smtp_server import HOLD, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

SENT, SENDING = Email.Status.SENT, Email.Status.SENDING
PATIENCE = 10  # seconds; only a hang lasts so long


class _Once:
    """Whether a statement is the first one that is ``such``."""

    def __init__(self, such: Callable[[str], bool]) -> None:
        self._such = such
        self._was = False

    def __call__(self, sql: str) -> bool:
        is_it = self._such(sql) and not self._was
        self._was |= is_it
        return is_it


def _asks_what_is_wrong(sql: str) -> bool:
    return sql.startswith("SELECT") and '"emails_sendingpace"."level" > ' in sql


def _asks_for_slots(sql: str) -> bool:
    return sql.startswith("UPDATE") and '"next_free_at" = ' in sql


def _asks_for_places(sql: str) -> bool:
    return sql.startswith("SELECT") and "emails_connectionlease" in sql


def _gives_places_back(sql: str) -> bool:
    return sql.startswith("DELETE") and "emails_connectionlease" in sql


def _tries_a_server(sql: str) -> bool:
    return sql.startswith("UPDATE") and "emails_sendingpace" in sql and '"level" > ' in sql


def _keeps_places(sql: str) -> bool:
    return sql.startswith("UPDATE") and '"count" > ' in sql and 'SET "expires_at" = ' in sql


def _ends_a_slow_down(sql: str) -> bool:
    return sql.startswith("UPDATE") and '"reason" = ' in sql


@pytest.fixture(autouse=True)
def at_once(smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(persistence, "PAUSES_SECONDS", (0.0, 0.0))
    yield
    farewell()
    limits.gate().close()


class TestTheDatabaseIsAwayForAMoment:
    @pytest.mark.parametrize("such", [_asks_what_is_wrong, _asks_for_slots, _asks_for_places, _tries_a_server])
    def test_and_the_email_goes_out_at_its_first_attempt(
        self, smtp: SMTPServer, settings: Settings, send: Send, such: Callable[[str], bool]
    ) -> None:
        settings.EMAIL_LIMITS = {"default": (100, 2)}
        settings.EMAIL_SENDING_SERVERS = {"default": {"fallback": "backup"}, "backup": {"fallback": ""}}
        a_while_ago = timezone.now() - timedelta(minutes=1)
        SendingPace.objects.create(scope="connect:default", level=3, paused_until=a_while_ago)
        away = DatabaseAwayFor(_Once(such))
        email = email_asked_for()

        with connection.execute_wrapper(away):
            email = send(email)

        assert away.asked == 1
        assert (email.status, email.attempts) == (SENT, 1)
        assert smtp.copies() == {email.message_id: 1}

    def test_and_what_was_held_is_given_back(self, smtp: SMTPServer, settings: Settings, send: Send) -> None:
        settings.EMAIL_LIMITS = {"default": (None, 2)}
        away = DatabaseAwayFor(_Once(_gives_places_back))
        with connection.execute_wrapper(away):
            assert send(email_asked_for()).status == SENT
            limits.gate().close()
        assert away.asked == 1
        assert not limits.gate().is_limited


class TestAGateForWhichTheDatabaseIsAwayForAMoment:
    """Times stand still, so that each statement comes when it is meant to."""

    def test_gives_back_the_slots_that_it_did_not_use(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (100, None)}
        gate = Time().gate()
        while gate.admit("default", []) is None:
            pass
        taken = SendingPace.objects.values_list("next_free_at")
        before = taken.get()
        away = DatabaseAwayFor(_Once(_asks_for_slots))

        with connection.execute_wrapper(away):
            gate.close()

        assert away.asked == 1
        assert taken.get() < before

    def test_keeps_its_places(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default/example.org": (None, 1)}
        time = Time()
        gate = time.gate()
        assert gate.admit("default", ["example.org"]) is None
        away = DatabaseAwayFor(_Once(_keeps_places))

        with connection.execute_wrapper(away):
            time.passes(KEEP_ALIVE_SECONDS)
            gate.route("default")

        assert away.asked == 1
        time.passes(LEASE_SECONDS - 1)
        assert time.gate().admit("default", ["example.org"]) is not None

    def test_says_that_a_slow_down_is_over(self) -> None:
        time = Time()
        gate = time.gate()
        gate.slowed("default", [], "421 too much")
        away = DatabaseAwayFor(_Once(_ends_a_slow_down))

        with connection.execute_wrapper(away):
            time.passes(60)
            gate.route("default")

        assert away.asked == 1
        assert SendingPace.objects.get().level == 0


CUT_ALL_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection that could be cut")
class TestTheConnectionIsCut:
    def test_in_a_burst_and_nothing_is_lost_or_sent_twice(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_CONNECTIONS = 2
        settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = PATIENCE
        smtp.fail("message", HOLD, HOLD)
        emails = emails_left_behind(30)

        def cut() -> None:
            assert smtp.reached["message"].wait(PATIENCE)
            with connection.cursor() as cursor:
                cursor.execute(CUT_ALL_OTHERS)
            smtp.released.set()

        with meanwhile(cut):
            _burst_that_may_end()
        on_the_way = Email.objects.filter(lease_token__isnull=False)
        assert not on_the_way.exists()
        assert smtp.copies() == dict.fromkeys(_sent(), 1)

        while Email.objects.filter(status=SENDING).exists():
            assert bursts.emails_send_due(owner="next")
        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert set(Email.objects.values_list("attempts", flat=True)) == {1}


def _burst_that_may_end() -> None:
    """One that a database ends which went away at another statement than those above: then the next one goes on."""
    try:
        bursts.emails_send_due(owner="burst")
    except OperationalError:
        connection.close()


def _sent() -> list[Any]:
    return list(Email.objects.filter(status=SENT).values_list("message_id", flat=True))
