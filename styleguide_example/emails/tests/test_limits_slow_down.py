"""421 and 451: everybody pauses, goes on slowly, grows faster again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.tests.racing import race
from styleguide_example.emails import limits
from styleguide_example.emails.limits import DOMAINS_ARE_THE_SERVER, Gate
from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.scopes import Trouble
from styleguide_example.emails.slowdowns import IN_A_ROW_SECONDS, rate_at, slowed_down
from styleguide_example.emails.tests.limits_time import Time

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TOO_MANY = "421 4.7.0 too many"
LATER = "451 4.7.1 <ada@example.org>: later"

pytestmark = pytest.mark.django_db


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def ten_seconds_and_a_minute(settings: Settings) -> None:
    settings.EMAIL_SLOW_DOWN_PAUSE_SECONDS = 10
    settings.EMAIL_SLOW_DOWN_PAUSE_MAX_SECONDS = 60
    settings.EMAIL_SLOW_DOWN_RECOVERY_SECONDS = 60


def _sends(gate: Gate, number: int, *domains: str, server: str = "default") -> None:
    for _ in range(number):
        assert gate.admit(server, domains) is None
        gate.ended(server, domains)


def _pace(scope: str = "default") -> SendingPace:
    return SendingPace.objects.get(scope=scope)


def _slowed(trouble: Trouble | None, after: float, *, observed: float = 0, limit: float | None = None) -> Trouble:
    return slowed_down(trouble, now=NOON + timedelta(seconds=after), observed=observed, limit=limit)


def _pause(trouble: Trouble, after: float) -> float:
    assert trouble.paused_until is not None
    return (trouble.paused_until - NOON).total_seconds() - after


class TestSlowedDown:
    @pytest.mark.parametrize(
        ("observed", "limit", "rate", "ceiling"),
        [(100, None, 50, 100), (100, 40, 20, 40), (10, 40, 5, 10), (0, None, 0.1, 1), (0, 0.1, 0.01, 0.1)],
    )
    def test_goes_on_half_as_fast(self, observed: float, limit: float | None, rate: float, ceiling: float) -> None:
        trouble = _slowed(None, 0, observed=observed, limit=limit)
        assert (trouble.level, trouble.rate, trouble.ceiling) == (1, rate, ceiling)
        assert 5 <= _pause(trouble, 0) <= 10

    def test_pauses_twice_as_long_each_time_in_a_row_up_to_the_maximum(self) -> None:
        trouble, after = None, 0.0
        for level, longest in enumerate([10, 20, 40, 60, 60], start=1):
            trouble = _slowed(trouble, after, observed=100)
            assert trouble.level == level
            assert longest / 2 <= _pause(trouble, after) <= longest
            after += _pause(trouble, after) + 1

    def test_halves_again_what_it_had_come_to(self) -> None:
        first = _slowed(None, 0, observed=120)
        again = _slowed(first, _pause(first, 0) + 15)
        assert again.rate == pytest.approx((60 + 120 * 15 / 60) / 2)

    def test_is_no_longer_in_a_row_when_it_went_well_for_a_while(self) -> None:
        first = _slowed(None, 0, observed=120)
        again = _slowed(first, _pause(first, 0) + IN_A_ROW_SECONDS)
        assert again.level == 1

    def test_is_over_sooner_and_ever_slower_when_less_was_too_much_as_well(self) -> None:
        trouble, after = _slowed(None, 0, observed=1024), 0.0
        slower = [(trouble.rate, trouble.ceiling)]
        for _ in range(3):
            after += _pause(trouble, after)
            trouble = _slowed(trouble, after)
            slower.append((trouble.rate, trouble.ceiling))
        assert slower == [(512, 1024), (128, 1024), (16, 256), (1, 32)]

    @pytest.mark.parametrize(("takes", "wanted"), [(100, 110), (100, 1000), (10, 1000), (1, 1000)])
    def test_finds_what_a_server_takes_that_nobody_knows(self, takes: float, wanted: float) -> None:
        trouble, sent, volleys, minutes, turn = None, 0.0, 0, 20, 0.1
        for number in range(int(minutes * 60 / turn)):
            now = NOON + timedelta(seconds=number * turn)
            rate = rate_at(trouble, now) if trouble else None
            rate = wanted if rate is None else min(rate, wanted)
            sent += min(rate, takes) * turn
            if rate > takes:
                trouble = slowed_down(trouble, now=now, observed=rate, limit=None)
                volleys += 1

        assert sent / (minutes * 60) > 0.35 * takes
        assert volleys / minutes < 6


class TestRateAt:
    @pytest.mark.parametrize(
        ("seconds", "rate"), [(-1, 0), (0, 5), (6, 6), (29, pytest.approx(9.833, abs=0.001)), (30, None), (99, None)]
    )
    def test_grows_from_second_to_second_until_the_trouble_is_over(self, seconds: float, rate: float | None) -> None:
        trouble = Trouble(1, paused_until=NOON, rate=5, ceiling=10)
        assert rate_at(trouble, NOON + timedelta(seconds=seconds)) == rate


class TestSlowed:
    def test_pauses_everybody(self, time: Time) -> None:
        gate, other = time.gate(), time.gate()
        _sends(other, 1)
        gate.slowed("default", [], TOO_MANY)

        at = gate.admit("default", [])
        assert at is not None
        assert 4 < gate.seconds_until(at) <= 10
        time.passes(1)
        assert other.admit("default", ["example.org"]) is not None
        assert other.closed_until("default") is not None

    def test_leaves_other_servers_alone(self, time: Time) -> None:
        gate = time.gate()
        gate.slowed("default", [], TOO_MANY)
        assert gate.admit("other", []) is None
        assert gate.closed_until("other") is None

    def test_does_nothing_because_of_a_reply_that_is_about_something_else(self, time: Time) -> None:
        gate = time.gate()
        with CaptureQueriesContext(connection) as queries:
            gate.slowed("default", [], "450 4.2.1 mailbox busy")
        assert len(queries) == 0
        assert gate.admit("default", []) is None

    def test_counts_replies_of_one_volley_once(self, time: Time) -> None:
        gates = [time.gate() for _ in range(3)]
        for gate in gates:
            _sends(gate, 1)
        for _ in range(5):
            for gate in gates:
                gate.slowed("default", [], TOO_MANY)
        assert _pace().level == 1
        with CaptureQueriesContext(connection) as queries:
            gates[0].slowed("default", [], TOO_MANY)
        assert len(queries) == 0

    def test_counts_late_replies_to_messages_from_before_the_pause_with_them(
        self, settings: Settings, time: Time
    ) -> None:
        settings.EMAIL_SLOW_DOWN_PAUSE_SECONDS = 1
        gate = time.gate()
        _sends(gate, 2)
        gate.slowed("default", [], TOO_MANY)
        time.passes(1)
        gate.slowed("default", [], TOO_MANY)
        assert _pace().level == 1

        _sends(gate, 1)
        gate.slowed("default", [], TOO_MANY)
        assert _pace().level == 2

    def test_is_as_slow_as_half_of_what_all_of_them_sent(self, time: Time) -> None:
        gates = [time.gate() for _ in range(2)]
        for gate in gates:
            _sends(gate, 100)
        time.passes(1)
        for gate in gates:
            gate.slowed("default", [], TOO_MANY)
            gate.slowed("default", [], TOO_MANY)
        assert (_pace().ceiling, _pace().rate) == (200, 100)

    def test_never_goes_on_faster_than_the_limit(self, settings: Settings, time: Time) -> None:
        settings.EMAIL_LIMITS = {"default": (20.0, None)}
        gates = [time.gate() for _ in range(3)]
        for gate in gates:
            gate.admit("default", [])
            gate.slowed("default", [], TOO_MANY)
        assert 0 < (_pace().rate or 0) <= 10
        assert 0 < (_pace().ceiling or 0) <= 20

    def test_is_slow_after_the_pause_and_then_over(self, time: Time) -> None:
        gate = time.gate()
        _sends(gate, 100)
        time.passes(4)
        gate.slowed("default", [], TOO_MANY)

        time.passes(10)
        gate = time.gate()
        admitted = sum(gate.admit("default", []) is None for _ in range(100))
        assert 1 <= admitted <= 20

        time.passes(60)
        with capture_logs() as logs:
            _sends(gate, 100)
        assert [log["event"] for log in logs] == ["email_sending_recovered"]
        assert (_pace().level, _pace().paused_until, _pace().reason) == (0, None, "")

    def test_uses_fewer_connections_until_it_is_over(self, time: Time) -> None:
        gate = time.gate()
        _sends(gate, 100)
        gate.slowed("default", [], TOO_MANY)
        assert gate.connections("default", 64) == 1
        time.passes(10)
        assert 30 <= gate.connections("default", 64) <= 48
        time.passes(60)
        assert gate.connections("default", 64) == 64

    def test_keeps_what_the_server_said_and_logs_no_address(self, time: Time) -> None:
        with capture_logs() as logs:
            time.gate().slowed("default", [], LATER)
        assert _pace().reason == LATER
        (log,) = logs
        assert log["event"] == "email_sending_slowed_down"
        assert (log["server"], log["is_one_domain"], log["level"]) == ("default", False, 1)
        assert "ada" not in str(log)

    def test_logs_no_domain_which_may_be_a_persons_own(self, time: Time) -> None:
        with capture_logs() as logs:
            time.gate().slowed("default", ["lovelace.example"], LATER)
        (log,) = logs
        assert (log["server"], log["is_one_domain"]) == ("default", True)
        assert "lovelace" not in str(log)

    def test_reaches_the_gate_of_a_thread_that_uses_it_now(self) -> None:
        limits.gate().slowed("default", [], TOO_MANY)
        assert limits.gate().closed_until("default") is not None
        limits.gate_forget()


class TestSlowedDomain:
    def test_pauses_this_domain_alone(self, time: Time) -> None:
        gate = time.gate()
        gate.slowed("default", ["slow.example"], LATER)
        assert gate.admit("default", ["slow.example"]) is not None
        assert gate.admit("default", ["fast.example"]) is None
        assert gate.admit("other", ["slow.example"]) is None
        assert gate.closed_until("default") is None

    def test_pauses_the_server_when_it_hangs_up(self, time: Time) -> None:
        gate = time.gate()
        gate.slowed("default", ["slow.example"], TOO_MANY)
        assert gate.admit("default", ["fast.example"]) is not None

    def test_pauses_the_server_when_it_says_so_of_one_domain_after_another(self, time: Time) -> None:
        gate = time.gate()
        for number in range(DOMAINS_ARE_THE_SERVER):
            assert gate.admit("default", ["fast.example"]) is None
            gate.slowed("default", [f"slow{number}.example"], LATER)
        assert gate.admit("default", ["fast.example"]) is not None


@pytest.mark.django_db(transaction=True)
class TestSlowedAtOnce:
    def test_counts_once_and_hears_everybody(self, time: Time) -> None:
        gates = [time.gate() for _ in range(6)]
        for gate in gates:
            _sends(gate, 50)

        def tell(number: int) -> None:
            for _ in range(3):
                gates[number].slowed("default", [], TOO_MANY)

        race(tell, runners=6)
        assert _pace().level == 1
        assert _pace().ceiling == pytest.approx(300)
