"""What a process believes: the database's time, what is wrong, and how much it sent lately."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.scopes import Clock, scope_locked, scope_of, scope_read
from styleguide_example.emails.slowdowns import Traffic
from styleguide_example.emails.tests.limits_time import Time

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def time() -> Time:
    return Time()


class TestClock:
    def test_goes_on_from_what_the_database_said(self, time: Time) -> None:
        clock = Clock(time.monotonic)
        clock.set(NOON, at=time.monotonic() - 2)
        assert clock.now() == NOON + timedelta(seconds=2)
        assert clock.at(time.monotonic() - 2) == NOON

    def test_tells_some_time_before_the_database_was_asked(self, time: Time) -> None:
        clock = Clock(time.monotonic)
        assert clock.now() == clock.now()


class TestScopeOf:
    def test_has_room_in_its_column_however_long_a_domain_is(self) -> None:
        assert len(scope_of("default", "x" * 400)) == 320


@pytest.mark.django_db
class TestScopeRead:
    def test_makes_the_row_once(self, time: Time) -> None:
        clock = Clock(time.monotonic)
        with scope_locked("default", clock) as (locked, now):
            assert locked.level == 0
        row, later = scope_read("default", clock)
        assert (row.pk, SendingPace.objects.count()) == (locked.pk, 1)
        assert now <= later
        assert clock.now() == later


@pytest.mark.django_db
class TestDatabaseAway:
    def test_is_told_to_the_caller(self, time: Time) -> None:
        gate = time.gate()
        with connection.execute_wrapper(DatabaseAway(1)), pytest.raises(OperationalError):
            gate.admit("default", [])
        assert gate.admit("default", []) is None


class TestTraffic:
    @pytest.fixture
    def traffic(self, time: Time) -> Traffic:
        return Traffic(Clock(time.monotonic))

    def test_is_what_was_sent_in_the_last_seconds(self, traffic: Traffic, time: Time) -> None:
        for _ in range(4):
            traffic.count(["default", "default/example.org"])
            time.passes_here(0.5)
        assert traffic.per_second("default") == traffic.per_second("default/example.org") == 2
        assert traffic.per_second("other") == 0

    def test_is_not_taken_for_more_than_it_is_at_the_beginning(self, traffic: Traffic) -> None:
        traffic.count(["default"])
        assert traffic.per_second("default") == 1

    def test_is_forgotten_after_a_while(self, traffic: Traffic, time: Time) -> None:
        for _ in range(50):
            traffic.count(["default"])
        time.passes_here(5)
        assert traffic.per_second("default") == 10
        time.passes_here(2.5)
        assert traffic.per_second("default") == pytest.approx(50 / 7.5)
        time.passes_here(5)
        assert traffic.per_second("default") == 0

    def test_knows_when_the_last_one_went(self, time: Time) -> None:
        clock = Clock(time.monotonic)
        clock.set(NOON, at=time.monotonic())
        traffic = Traffic(clock)
        assert traffic.last_at("default") is None
        traffic.count(["default"])
        time.passes_here(6)
        assert traffic.last_at("default") == NOON
        time.passes_here(60)
        assert traffic.last_at("default") is None
