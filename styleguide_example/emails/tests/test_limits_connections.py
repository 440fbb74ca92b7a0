"""Connections to a server, and conversations about one domain: shared, leased, given back."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from styleguide_example.common.tests.racing import race
from styleguide_example.emails.limits import Gate
from styleguide_example.emails.models import ConnectionLease
from styleguide_example.emails.places import shares
from styleguide_example.emails.tests.limits_time import Time

pytestmark = pytest.mark.django_db


@pytest.fixture
def time() -> Time:
    return Time()


def _counted() -> int:
    return sum(ConnectionLease.objects.values_list("count", flat=True))


class TestShares:
    @pytest.mark.parametrize(
        ("limit", "wishes", "expected"),
        [
            (20, [], []),
            (20, [8], [8]),
            (20, [64], [20]),
            (20, [64, 64, 64], [7, 7, 6]),
            (20, [64, 2, 64], [9, 2, 9]),
            (3, [1, 1, 1, 1], [1, 1, 1, 0]),
            (1, [0, 5, 5], [0, 1, 0]),
        ],
    )
    def test_are_fair(self, limit: int, wishes: list[int], expected: list[int]) -> None:
        assert shares(limit, wishes) == expected

    @given(limit=st.integers(1, 100), wishes=st.lists(st.integers(0, 100), max_size=20))
    def test_use_all_there_is_and_no_more(self, limit: int, wishes: list[int]) -> None:
        given_out = shares(limit, wishes)
        assert sum(given_out) == min(limit, sum(wishes))
        assert all(0 <= share <= wish for share, wish in zip(given_out, wishes, strict=True))


class TestConnections:
    @pytest.fixture(autouse=True)
    def twenty(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (None, 20)}

    def test_are_as_many_as_wanted_while_there_are_enough(self, time: Time) -> None:
        assert [time.gate().connections("default", 8) for _ in range(2)] == [8, 8]

    def test_are_never_more_than_the_limit_of_all_together(self, time: Time) -> None:
        assert [time.gate().connections("default", 15) for _ in range(3)] == [15, 5, 0]

    def test_become_fair_shares_when_others_come(self, time: Time) -> None:
        first, second = time.gate(), time.gate()
        assert first.connections("default", 64) == 20
        assert second.connections("default", 64) == 0

        time.passes(2)
        assert first.connections("default", 64) == 10
        time.passes(1)
        assert second.connections("default", 64) == 0, "the first may not have closed them yet"
        assert first.connections("default", 64) == 10
        time.passes(1)
        assert second.connections("default", 64) == 10
        assert _counted() == 20

    def test_are_not_given_to_others_while_they_are_in_use(self, time: Time) -> None:
        first, second = time.gate(), time.gate()
        first.connections("default", 64)
        second.connections("default", 64)

        for _ in range(5):
            time.passes(2)
            assert first.connections("default", 64, in_use=17) == 10
            assert second.connections("default", 64) <= 3

        time.passes(2)
        first.connections("default", 64, in_use=10)
        time.passes(2)
        assert second.connections("default", 64) == 10

    def test_go_back_when_fewer_are_wanted(self, time: Time) -> None:
        first, second = time.gate(), time.gate()
        first.connections("default", 20)
        time.passes(2)
        assert first.connections("default", 4) == 4
        time.passes(1)
        first.connections("default", 4)
        assert second.connections("default", 20) == 16

    def test_go_back_with_the_gate(self, time: Time) -> None:
        first = time.gate()
        first.connections("default", 20)
        first.close()
        assert time.gate().connections("default", 20) == 20

    def test_go_back_when_none_is_wanted(self, time: Time) -> None:
        first = time.gate()
        first.connections("default", 20)
        for _ in range(2):
            time.passes(2)
            assert first.connections("default", 0) == 0
        assert not ConnectionLease.objects.exists()

    def test_of_a_process_that_died_are_free_after_its_lease(self, time: Time) -> None:
        time.gate().connections("default", 20)
        survivor = time.gate()
        assert survivor.connections("default", 20) == 0
        time.passes(29)
        assert survivor.connections("default", 20) == 0
        time.passes(2)
        assert survivor.connections("default", 20) == 20

    def test_are_not_kept_for_one_that_waited_and_is_gone(self, time: Time) -> None:
        first = time.gate()
        first.connections("default", 20)
        time.gate().connections("default", 20)
        first.close()
        third = time.gate()
        assert third.connections("default", 20) == 10
        time.passes(6)
        assert third.connections("default", 20) == 20

    def test_stay_with_a_process_that_is_alive(self, time: Time) -> None:
        alive = time.gate()
        alive.connections("default", 20)
        for _ in range(6):
            time.passes(10)
            alive.connections("default", 20)
        assert time.gate().connections("default", 20) == 0

    def test_stay_with_a_process_that_does_not_ask_but_sends(self, time: Time) -> None:
        alive = time.gate()
        alive.connections("default", 20)
        for _ in range(5):
            time.passes(11)
            alive.admit("default", [])
        assert time.gate().connections("default", 20) == 0

        time.passes(11)
        alive.admit("default", [])

        assert time.gate().connections("default", 20) == 20, "for a minute it needed none"

    def test_cost_a_statement_every_other_second(self, time: Time) -> None:
        gate = time.gate()
        gate.connections("default", 8)
        with CaptureQueriesContext(connection) as queries:
            for _ in range(100):
                gate.connections("default", 8)
        assert len(queries) == 0

    def test_of_a_server_without_a_limit_are_not_counted(self, time: Time) -> None:
        assert time.gate().connections("other", 64) == 64
        assert not ConnectionLease.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestConnectionsAtOnce:
    def test_are_never_more_than_the_limit(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (None, 20)}
        granted = race(lambda _: Gate(uuid.uuid4()).connections("default", 8), runners=6)
        assert sum(granted) == _counted() == 20


class TestConversationsAboutADomain:
    @pytest.fixture(autouse=True)
    def three(self, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default/slow.example": (None, 3)}

    def _begun(self, gate: Gate) -> int:
        return sum(gate.admit("default", ["slow.example"]) is None for _ in range(5))

    def test_are_no_more_than_the_limit(self, time: Time) -> None:
        assert self._begun(time.gate()) == 3

    def test_may_begin_when_another_has_ended(self, time: Time) -> None:
        gate = time.gate()
        self._begun(gate)
        gate.ended("default", ["slow.example", "fast.example"])
        assert self._begun(gate) == 1

    def test_hold_up_no_other_domain(self, time: Time) -> None:
        gate = time.gate()
        self._begun(gate)
        assert gate.admit("default", ["fast.example"]) is None
        at = gate.admit("default", ["fast.example", "slow.example"])
        assert at is not None
        assert 0 < gate.seconds_until(at) <= 1

    def test_are_shared_by_all_processes(self, time: Time) -> None:
        gates = [time.gate() for _ in range(3)]
        assert sum(map(self._begun, gates)) == 3

    def test_leave_the_places_to_others_when_they_are_over(self, time: Time) -> None:
        first, second = time.gate(), time.gate()
        self._begun(first)
        for _ in range(3):
            first.ended("default", ["slow.example"])
        assert self._begun(second) == 0
        time.passes(3)
        first.admit("default", [])
        assert self._begun(second) == 3
        assert self._begun(first) == 0

    def test_keep_their_places_however_long_they_last(self, time: Time) -> None:
        first, second = time.gate(), time.gate()
        self._begun(first)
        for _ in range(5):
            time.passes(11)
            first.admit("default", [])
        assert self._begun(second) == 0

    def test_keep_their_places_when_the_gate_closes_before_they_end(self, time: Time) -> None:
        first = time.gate()
        self._begun(first)
        first.close()
        second = time.gate()
        assert self._begun(second) == 0

        for _ in range(3):
            first.ended("default", ["slow.example"])

        time.passes(1)
        assert self._begun(second) == 3

    def test_ask_no_more_often_than_needed(self, time: Time) -> None:
        gate = time.gate()
        self._begun(gate)
        with CaptureQueriesContext(connection) as queries:
            for _ in range(100):
                gate.ended("default", ["slow.example"])
                assert gate.admit("default", ["slow.example"]) is None
                assert gate.admit("default", ["slow.example"]) is not None
        assert len(queries) == 0
