"""A gate where nothing is limited and nothing is wrong, and what is common to all of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from styleguide_example.common.tests.racing import race
from styleguide_example.emails.limits import gate, gate_forget, limits_cleanup
from styleguide_example.emails.models import ConnectionLease, SendingPace
from styleguide_example.emails.slowdowns import is_too_much
from styleguide_example.emails.tests.limits_time import Time


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.mark.django_db
class TestGateWithoutLimits:
    def test_asks_once_a_second_and_writes_nothing(self, time: Time) -> None:
        gate = time.gate()
        with CaptureQueriesContext(connection) as queries:
            for _ in range(100):
                assert gate.route("default") == "default"
                assert gate.connections("default", 8) == 8
                assert gate.admit("default", ["example.org"]) is None
                gate.reached("default")
                gate.ended("default", ["example.org"])
            assert gate.closed_until("default") is None
            gate.close()
        assert len(queries) == 1
        assert not SendingPace.objects.exists()
        assert not ConnectionLease.objects.exists()

        time.passes(1)
        with CaptureQueriesContext(connection) as queries:
            gate.admit("default", [])
        assert len(queries) == 1

    def test_writes_nothing_where_there_is_no_fallback_to_fail_over_to(self, time: Time) -> None:
        gate = time.gate()
        for _ in range(10):
            gate.unreachable("default")
        assert (gate.route("default"), gate.closed_until("default")) == ("default", None)
        assert not SendingPace.objects.exists()


class TestIsTooMuch:
    @pytest.mark.parametrize(
        "reply",
        [
            "421 too many connections",
            "421",
            "451 4.7.1 try later",
            "450 4.7.1 rate limited",
            "452 4.3.2 not now",
            "454 4.4.5 congested",
            "450-4.7.28 unusual rate",
        ],
    )
    def test_is_said_of_what_is_about_speed(self, reply: str) -> None:
        assert is_too_much(reply)

    @pytest.mark.parametrize(
        "reply",
        ["", "450 4.2.1 mailbox busy", "452 4.2.2 mailbox full", "550 5.7.1 no", "250 ok", "4210", "452 see 4.7.1"],
    )
    def test_is_not_said_of_anything_else(self, reply: str) -> None:
        assert not is_too_much(reply)


@pytest.mark.django_db(transaction=True)
class TestGateOfAThread:
    def test_is_kept_and_is_each_threads_own(self) -> None:
        assert gate() is gate()
        gates = race(lambda _: gate(), runners=2)
        assert len({id(one) for one in [gate(), *gates]}) == 3

    def test_is_a_new_one_when_it_was_forgotten(self) -> None:
        former = gate()
        gate_forget()
        assert gate() is not former


@pytest.mark.django_db
class TestLimitsCleanup:
    def test_deletes_what_says_nothing_any_more(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (5.0, 3)}
        gate = time.gate()
        gate.connections("default", 2)
        gate.admit("default", [])
        gate.slowed("default", ["example.org"], "451 slowly")
        assert limits_cleanup() == 0

        time.passes(31)
        assert limits_cleanup() == 1
        assert not ConnectionLease.objects.exists()

        time.passes(60 * 60 * 24)
        assert limits_cleanup() == 2
        assert not SendingPace.objects.exists()

    def test_keeps_what_is_still_to_be_waited_for(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (1 / (60 * 60 * 24 * 7), None)}  # one in a week
        time.gate().admit("default", [])
        time.passes(60 * 60 * 24 * 2)

        assert limits_cleanup() == 0
        assert time.gate().admit("default", []) is not None

    def test_can_come_between(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (None, 3)}
        gate = time.gate()
        gate.connections("default", 3)
        time.passes(31)
        limits_cleanup()

        assert gate.connections("default", 3) == 3
        assert ConnectionLease.objects.get().count == 3


@pytest.mark.django_db
class TestClose:
    def test_gives_back_what_is_held_and_may_come_twice(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (5.0, 3)}
        gate = time.gate()
        gate.connections("default", 3)

        gate.close()
        gate.close()

        assert not ConnectionLease.objects.exists()

    def test_is_not_the_end_of_a_gate(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (5.0, 3)}
        gate = time.gate()
        gate.close()

        assert gate.connections("default", 3) == 3
        assert gate.is_limited
        assert gate.admit("default", ["example.org"]) is None
