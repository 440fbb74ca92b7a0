"""Messages per second: who may send when."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from styleguide_example.emails.limits import Gate
from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.pace import AHEAD_SECONDS, BACK_SECONDS, LATE_SECONDS, slots_free
from styleguide_example.emails.tests.limits_time import Time

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def time() -> Time:
    return Time()


def _admitted(gate: Gate, *domains: str, attempts: int = 1000) -> int:
    """How many may go at this moment."""
    for number in range(attempts):
        if gate.admit("default", domains) is not None:
            return number
    return attempts


def _free_in(seconds: float, *, rate: float = 10, wanted: int = 100) -> list[float]:
    slots = slots_free(free_at=NOON + timedelta(seconds=seconds), now=NOON, rate=rate, wanted=wanted)
    return [round((slot - NOON).total_seconds(), 6) for slot in slots]


class TestSlotsFree:
    def test_begin_where_the_last_one_ended_and_reach_a_moment_ahead(self) -> None:
        assert _free_in(0.05) == [0.05, 0.15, 0.25]

    def test_are_no_more_than_wanted(self) -> None:
        assert _free_in(0.0, wanted=2) == [0.0, 0.1]

    def test_are_one_at_least_when_it_is_time_however_slow_the_rate_is(self) -> None:
        assert _free_in(0.2, rate=0.01) == [0.2]

    def test_are_none_while_others_have_them(self) -> None:
        assert _free_in(AHEAD_SECONDS + 0.01) == []

    def test_give_no_credit_for_a_time_in_which_nobody_sent(self) -> None:
        assert _free_in(-3600) == _free_in(-BACK_SECONDS) == [-0.1, 0.0, 0.1, 0.2]

    def test_begin_now_where_there_was_nothing(self) -> None:
        assert slots_free(free_at=None, now=NOON, rate=1, wanted=1) == [NOON - timedelta(seconds=BACK_SECONDS)]

    @given(
        rate=st.floats(0.01, 5000),
        asks=st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 200)), min_size=1, max_size=30),
    )
    def test_are_never_more_than_the_rate_whoever_asks_when(self, rate: float, asks: list[tuple[float, int]]) -> None:
        now, free_at, taken = NOON, None, []
        for pause, wanted in asks:
            now += timedelta(seconds=pause)
            slots = slots_free(free_at=free_at, now=now, rate=rate, wanted=wanted)
            if slots:
                free_at = slots[0] + timedelta(seconds=len(slots) / rate)
            taken += slots

        assert taken == sorted(taken)
        intervals = [(late - early).total_seconds() for early, late in pairwise(taken)]
        assert all(interval >= 1 / rate - 2e-6 for interval in intervals)  # datetimes count microseconds


@pytest.mark.django_db
class TestAdmitPerSecond:
    def test_lets_a_few_go_at_once_and_says_when_the_next_may(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (20.0, None)}
        gate = time.gate()

        assert 1 <= _admitted(gate) <= 20 * (BACK_SECONDS + LATE_SECONDS)
        at = gate.admit("default", [])
        assert at is not None
        assert 0 < gate.seconds_until(at) <= 0.06

    def test_lets_the_next_one_go_when_its_time_has_come(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (0.1, None)}
        assert time.gate().admit("default", []) is None
        gate = time.gate()
        at = gate.admit("default", [])
        assert at is not None
        assert 9 < gate.seconds_until(at) < 10

        time.passes(10)

        assert gate.admit("default", []) is None
        assert gate.admit("default", []) is not None

    def test_is_one_rate_for_all_processes(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (1.0, None)}
        assert [_admitted(time.gate()) for _ in range(4)] == [1, 0, 0, 0]

    def test_counts_each_server_and_each_domain_for_itself(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default/slow.example": (1.0, None), "default/*": (1.0, None), "other": (1.0, None)}
        gate = time.gate()

        assert _admitted(gate, "slow.example") == 1
        assert _admitted(gate, "one.example") == 1
        assert _admitted(gate, "two.example") == 1
        assert gate.admit("other", ["slow.example"]) is None
        assert gate.admit("other", ["slow.example"]) is not None

    def test_takes_nothing_of_one_when_another_has_none(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (1.0, None), "default/slow.example": (1.0, None)}
        time.gate().admit("other", [])
        gate = time.gate()
        SendingPace.objects.create(scope="default/slow.example", next_free_at=NOON + timedelta(days=36500))

        assert gate.admit("default", ["slow.example", "fast.example"]) is not None
        assert gate.admit("default", ["fast.example"]) is None

    def test_does_not_count_one_domain_twice(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default/example.org": (1.0, None)}
        assert time.gate().admit("default", ["example.org", "example.org"]) is None

    def test_rarely_asks_the_database(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (1000.0, None)}
        gate = time.gate()
        with CaptureQueriesContext(connection) as queries:
            number = _admitted(gate)
        assert number >= 50
        asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
        assert len(asked) <= 12  # 1, 2, 4, 8, ...: and one look for trouble

    def test_does_not_use_slots_that_were_left_too_long(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (4.0, None)}
        gate = time.gate()
        assert _admitted(gate) == 1  # and it has taken the next one

        time.passes(60)

        assert _admitted(gate) == 1

    def test_gives_back_what_was_not_used(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (8.0, None)}
        gate = time.gate()
        _admitted(gate)
        taken_until = SendingPace.objects.get().next_free_at

        gate.close()

        given_back_until = SendingPace.objects.get().next_free_at
        assert taken_until is not None
        assert given_back_until is not None
        assert given_back_until < taken_until
        gate.close()
        assert SendingPace.objects.get().next_free_at == given_back_until

    def test_leaves_it_when_others_have_taken_the_next_ones(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (8.0, None)}
        gate = time.gate()
        _admitted(gate)
        SendingPace.objects.update(next_free_at=NOON)

        gate.close()

        assert SendingPace.objects.get().next_free_at == NOON
