"""Servers that are down, and who sends instead."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.tests.racing import race
from styleguide_example.emails.limits import Gate, gate, gate_forget
from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.tests.limits_time import Time

pytestmark = pytest.mark.django_db

DOWN = 60
TRIAL = 30


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def servers(settings: Settings) -> None:
    settings.EMAIL_SENDING_SERVERS = {
        "default": {"fallback": "backup"},
        "backup": {"fallback": ""},
        "marketing": {"fallback": "default"},
        "alone": {"fallback": ""},
    }
    settings.EMAIL_SERVER_DOWN_AFTER_FAILURES = 3
    settings.EMAIL_SERVER_DOWN_SECONDS = DOWN


def _goes_down(gate: Gate, server: str = "default") -> None:
    for _ in range(3):
        gate.unreachable(server)


class TestUnreachable:
    def test_changes_nothing_the_first_times(self, time: Time) -> None:
        gate = time.gate()
        gate.unreachable("default")
        gate.unreachable("default")
        assert gate.route("default") == "default"
        assert gate.closed_until("default") is None

    def test_makes_the_fallback_send_for_everybody_when_it_is_repeated(self, time: Time) -> None:
        gate, other = time.gate(), time.gate()
        other.route("default")
        with capture_logs() as logs:
            _goes_down(gate)
        assert gate.route("default") == "backup"
        time.passes(1)
        assert other.route("default") == "backup"
        assert [(log["event"], log["server"], log["fallback"]) for log in logs] == [
            ("email_server_down", "default", "backup")
        ]

    def test_makes_the_fallback_send_when_several_say_so(self, time: Time) -> None:
        for _ in range(3):
            time.gate().unreachable("default")
        assert time.gate().route("default") == "backup"

    def test_counts_only_failures_in_a_row(self, time: Time) -> None:
        gate = time.gate()
        for _ in range(3):
            gate.unreachable("default")
            gate.unreachable("default")
            gate.reached("default")
        assert gate.route("default") == "default"

    def test_forgets_failures_that_were_long_ago(self, time: Time) -> None:
        gate = time.gate()
        for _ in range(5):
            gate.unreachable("default")
            time.passes(61)
        assert gate.route("default") == "default"

    def test_is_written_no_more_once_everybody_knows(self, time: Time) -> None:
        gate = time.gate()
        _goes_down(gate)
        with CaptureQueriesContext(connection) as queries:
            for _ in range(10):
                gate.unreachable("default")
        assert len(queries) == 0

    def test_makes_no_difference_where_nobody_could_send_instead(self, time: Time) -> None:
        gate = time.gate()
        _goes_down(gate, "alone")
        assert gate.route("alone") == "alone"
        assert not SendingPace.objects.exists()


class TestRoute:
    def test_follows_the_chain(self, time: Time) -> None:
        gate = time.gate()
        _goes_down(gate, "marketing")
        assert gate.route("marketing") == "default"
        _goes_down(gate, "default")
        assert gate.route("marketing") == "backup"

    def test_is_the_server_itself_when_all_are_down(self, time: Time) -> None:
        gate = time.gate()
        for server in ("marketing", "default", "backup"):
            _goes_down(gate, server)
        assert gate.route("marketing") == "marketing"
        until = gate.closed_until("marketing")
        assert until is not None
        assert 0 < gate.seconds_until(until) <= DOWN

    def test_does_not_go_round_in_circles(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_SENDING_SERVERS = {"one": {"fallback": "two"}, "two": {"fallback": "one"}}
        gate = time.gate()
        _goes_down(gate, "one")
        assert gate.route("one") == "two"
        _goes_down(gate, "two")
        assert (gate.route("one"), gate.route("two")) == ("one", "two")

    def test_is_the_alias_itself_where_nothing_is_known_of_it(self, time: Time) -> None:
        assert time.gate().route("unheard-of") == "unheard-of"

    def test_is_open_while_one_of_the_chain_is_up(self, time: Time) -> None:
        gate = time.gate()
        _goes_down(gate)
        assert gate.closed_until("default") is None
        gate.slowed("backup", [], "421 slowly")
        assert gate.closed_until("default") is not None


class TestTrial:
    @pytest.fixture
    def gates(self, time: Time) -> list[Gate]:
        """Two processes; the time is over for which the server was left alone."""
        gates = [time.gate(), time.gate()]
        _goes_down(gates[0])
        time.passes(DOWN + 1)
        return gates

    def test_is_one_e_mail_of_one_process(self, gates: list[Gate]) -> None:
        assert [gate.route("default") for gate in gates] == ["default", "backup"]
        assert gates[0].route("marketing") == "marketing"
        assert gates[0].route("default") == "default", "nothing was sent yet"

        assert gates[0].admit("default", ["example.org"]) is None

        assert gates[0].admit("default", ["example.org"]) is not None
        assert [gate.route("default") for gate in gates] == ["backup", "backup"]
        assert [gate.admit("backup", ["example.org"]) for gate in gates] == [None, None]
        assert [gate.closed_until("default") for gate in gates] == [None, None]

    def test_that_goes_well_brings_everybody_back(self, gates: list[Gate], time: Time) -> None:
        assert [gate.route("default") for gate in gates] == ["default", "backup"]
        gates[0].admit("default", [])
        with capture_logs() as logs:
            gates[0].reached("default")
        assert gates[0].route("default") == "default"
        assert [gates[0].admit("default", []) for _ in range(2)] == [None, None]
        time.passes(1)
        assert gates[1].route("default") == "default"
        assert [log["event"] for log in logs] == ["email_server_up"]

    def test_that_fails_leaves_it_alone_as_long_again(self, gates: list[Gate], time: Time) -> None:
        gates[0].route("default")
        gates[0].admit("default", [])
        gates[0].unreachable("default")
        time.passes(DOWN - 2)
        assert [gate.route("default") for gate in gates] == ["backup", "backup"]
        time.passes(3)
        assert [gate.route("default") for gate in gates] == ["default", "backup"]

    def test_is_made_by_another_when_the_first_has_died(self, gates: list[Gate], time: Time) -> None:
        gates[0].route("default")
        gates[0].admit("default", [])
        time.passes(TRIAL + 1)
        assert gates[1].route("default") == "default"
        gates[1].reached("default")
        time.passes(1)
        assert gates[0].route("default") == "default"
        assert [gates[0].admit("default", []) for _ in range(2)] == [None, None], "it was not the first, only slow"

    def test_is_not_made_by_asking_whether_it_is_open(self, gates: list[Gate]) -> None:
        for _ in range(3):
            assert gates[0].closed_until("default") is None
        assert gates[0].route("default") == "default"

    def test_is_not_needed_when_somebody_reached_it_meanwhile(self, gates: list[Gate], time: Time) -> None:
        time.passes(1)
        gates[1].route("marketing")
        gates[1].reached("default")
        time.passes(1)
        assert [gate.route("default") for gate in gates for _ in range(2)] == ["default"] * 4


@pytest.mark.django_db(transaction=True)
class TestTrialAtOnce:
    def test_is_given_to_one(self, time: Time) -> None:
        _goes_down(time.gate())
        time.passes(DOWN + 1)

        def route(_: int) -> str:
            gate_forget()
            return gate().route("default")

        assert sorted(race(route, runners=6)) == ["backup"] * 5 + ["default"]
