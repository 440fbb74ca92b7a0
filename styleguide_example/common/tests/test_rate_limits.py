from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import RequestFactory
from pytest_django import Settings

from styleguide_example.common.models import RateLimit
from styleguide_example.common.rate_limits import client_address, rate_limit_cleanup, rate_limit_hit
from styleguide_example.common.tests.racing import race

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fifteen_minutes(settings: Settings) -> None:
    settings.RATE_LIMIT_WINDOW_SECONDS = 15 * 60


def _hit(*, scope: str = "sign-in", subject: str = "ada@example.org", limit: int = 2) -> bool:
    return rate_limit_hit(scope=scope, subject=subject, limit=limit)


@pytest.mark.django_db
class TestRateLimitHit:
    @time_machine.travel(NOON, tick=False)
    def test_allows_as_many_as_the_limit_and_no_more(self) -> None:
        assert [_hit() for _ in range(4)] == [True, True, False, False]

    @time_machine.travel(NOON, tick=False)
    def test_counts_each_subject_and_each_scope_for_itself(self) -> None:
        assert [_hit(limit=1), _hit(limit=1, subject="bob@example.org"), _hit(limit=1, scope="sign-up")] == [True] * 3
        assert not _hit(limit=1)

    @time_machine.travel(NOON, tick=False)
    def test_is_not_fooled_by_capital_letters(self) -> None:
        assert [_hit(limit=1), _hit(limit=1, subject="ADA@example.org")] == [True, False]

    def test_begins_anew_with_the_next_window(self) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            assert [_hit(limit=1), _hit(limit=1)] == [True, False]
            clock.shift(timedelta(minutes=14, seconds=59))
            assert not _hit(limit=1)
            clock.shift(timedelta(seconds=1))
            assert _hit(limit=1)

    def test_stores_no_address_and_a_different_hash_for_each_installation(self, settings: Settings) -> None:
        _hit()
        settings.SECRET_KEY = "another"
        _hit()

        keys = list(RateLimit.objects.values_list("key", flat=True))
        assert len(set(keys)) == 2
        assert all(len(key) == 64 for key in keys)
        assert "ada" not in str(list(RateLimit.objects.values()))


@pytest.mark.django_db(transaction=True)
class TestRateLimitHitAtOnce:
    def test_lets_no_more_than_the_limit_through(self) -> None:
        allowed = race(lambda _: [_hit(limit=5) for _ in range(5)], runners=4)
        assert sum(map(sum, allowed)) == 5
        assert RateLimit.objects.get().count == 20


@pytest.mark.django_db
class TestRateLimitCleanup:
    def test_deletes_windows_that_are_over_and_keeps_the_present_one(self) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            _hit()
            _hit(subject="bob@example.org")
            clock.shift(timedelta(minutes=15))
            _hit(limit=1)

            assert rate_limit_cleanup() == 2
            assert rate_limit_cleanup() == 0
            assert not _hit(limit=1)


class TestClientAddress:
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "address"),
        [
            (0, None, "10.0.0.1"),
            (0, "6.6.6.6", "10.0.0.1"),
            (1, None, "10.0.0.1"),
            (1, "", "10.0.0.1"),
            (1, "1.2.3.4", "1.2.3.4"),
            (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
            (2, "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
            (2, "1.2.3.4", "10.0.0.1"),
            (1, " 192.0.2.7 ,, ", "192.0.2.7"),
            (1, "nonsense", "10.0.0.1"),
            (1, "1.2.3.4, unknown", "10.0.0.1"),
            (1, "1.2.3.4, 1.2.3.4:5678", "10.0.0.1"),
            (1, "1.2.3.4, 010.0.0.1", "10.0.0.1"),
            (2, "1.2.3.4, nonsense, 10.0.0.2", "10.0.0.1"),
        ],
    )
    def test_believes_only_what_proxies_of_ours_wrote(
        self, rf: RequestFactory, settings: Settings, proxies: int, forwarded: str | None, address: str
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = proxies
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        assert client_address(rf.get("/", headers=headers, REMOTE_ADDR="10.0.0.1")) == address

    @pytest.mark.parametrize(
        ("address", "client"),
        [
            ("2001:db8::1", "2001:db8::/64"),
            ("2001:DB8:0:0:ffff::2", "2001:db8::/64"),
            ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::1", "::/64"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::ffff:c000:207", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7"),
        ],
    )
    @pytest.mark.parametrize("proxies", [0, 1])
    def test_counts_a_network_of_ipv6_as_one_client(
        self, rf: RequestFactory, settings: Settings, proxies: int, address: str, client: str
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = proxies
        peer = "10.0.0.1" if proxies else address

        request = rf.get("/", headers={"X-Forwarded-For": address}, REMOTE_ADDR=peer)

        assert client_address(request) == client

    def test_takes_everybody_for_one_client_behind_a_socket_and_a_proxy_that_says_nothing(
        self, rf: RequestFactory, settings: Settings
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = 1

        assert client_address(rf.get("/", headers={"X-Forwarded-For": "nonsense"}, REMOTE_ADDR="")) == ""

    def test_is_empty_behind_a_unix_socket_without_a_proxy(self, rf: RequestFactory) -> None:
        assert client_address(rf.get("/", REMOTE_ADDR="")) == ""
