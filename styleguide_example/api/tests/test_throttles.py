from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.api.tests.clients import session_client, token_client
from styleguide_example.api.tests.endpoints import bodies
from styleguide_example.common.models import RateLimit
from styleguide_example.users.tests.factories import user_onboarded
from styleguide_example.users.tests.windows import window_begun

pytestmark = [pytest.mark.django_db, pytest.mark.urls("styleguide_example.api.tests.endpoints")]

ADDRESS = "/api/free/"


@pytest.fixture(autouse=True)
def limits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.API_READS_PER_MINUTE = 2
    settings.API_CHANGES_PER_WINDOW = 2
    monkeypatch.setitem(bodies, "get", lambda request: {})
    monkeypatch.setitem(bodies, "post", lambda request: {})
    with window_begun():
        yield


class TestReadThrottle:
    def test_stops_a_person_whatever_they_come_with(self) -> None:
        user = user_onboarded()
        clients = [token_client(user), token_client(user), session_client(user)]

        assert [client.get(ADDRESS).status_code for client in clients] == [200, 200, 429]

    def test_lets_them_in_again_when_it_said(self) -> None:
        client = token_client()
        refused = [client.get(ADDRESS) for _ in range(3)][-1]

        assert refused.json()["status"] == 429
        with time_machine.travel(timezone.now() + timedelta(seconds=int(refused.headers["Retry-After"]))):
            assert client.get(ADDRESS).status_code == 200

    def test_writes_nothing_into_the_database(self) -> None:
        token_client().get(ADDRESS)

        assert not RateLimit.objects.exists()

    def test_counts_addresses_that_are_not_there(self) -> None:
        client = token_client()

        assert [client.get("/api/nothing/").status_code for _ in range(3)] == [404, 404, 429]

    def test_lets_others_in(self) -> None:
        first = token_client()
        for _ in range(3):
            first.get(ADDRESS)

        assert token_client(user_onboarded(email="other@example.com")).get(ADDRESS).status_code == 200


class TestChangeThrottle:
    def test_counts_over_all_processes(self) -> None:
        client = token_client()
        answers = []
        for _ in range(3):
            answers.append(client.post(ADDRESS).status_code)
            cache.clear()  # another process

        assert answers == [201, 201, 429]

    def test_lets_them_in_again_when_it_said(self) -> None:
        client = token_client()
        refused = [client.post(ADDRESS) for _ in range(3)][-1]

        assert refused.json()["status"] == 429
        with time_machine.travel(timezone.now() + timedelta(seconds=int(refused.headers["Retry-After"]))):
            assert client.post(ADDRESS).status_code == 201

    def test_does_not_keep_anybody_from_reading(self) -> None:
        client = token_client()
        for _ in range(3):
            client.post(ADDRESS)

        assert client.get(ADDRESS).status_code == 200

    def test_counts_attempts_that_fail(self) -> None:
        client = token_client()

        assert [client.delete(ADDRESS).status_code for _ in range(3)] == [405, 405, 429]
