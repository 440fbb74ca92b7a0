from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.api.models import ApiToken
from styleguide_example.api.tests.clients import token_client
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [pytest.mark.django_db, pytest.mark.urls("styleguide_example.api.tests.endpoints")]

ADDRESS = "/api/paged/"


@pytest.fixture
def client() -> Client:
    return token_client(user_onboarded(email="ada@example.com"))


def _make(count: int, **columns: Any) -> list[int]:
    user = User.objects.get(email="ada@example.com")
    now = timezone.now()
    rows = [
        ApiToken(
            user=user, name="x", digest=f"{len(columns)}-{n}", created_at=now + timedelta(seconds=n), expires_at=now
        )
        for n in range(1, count + 1)
    ]
    for row in rows:
        for name, value in columns.items():
            setattr(row, name, value)
    return [row.pk for row in ApiToken.objects.bulk_create(rows)]


def _walk(client: Client, address: str | None) -> list[list[int]]:
    pages: list[list[int]] = []
    while address:
        page = client.get(address).json()
        pages.append([row["id"] for row in page["results"]])
        address = page["next"]
    return pages


def _joined(pages: list[list[int]]) -> list[int]:
    return [row for page in pages for row in page]


class TestPages:
    def test_show_each_row_once_newest_first(self, client: Client) -> None:
        made = _make(7)

        pages = _walk(client, f"{ADDRESS}?limit=3")

        assert [len(page) for page in pages] == [3, 3, 2]
        assert _joined(pages)[:7] == made[::-1]

    def test_show_rows_of_the_same_moment_once(self, client: Client) -> None:
        made = _make(50, created_at=timezone.now() + timedelta(days=1))

        pages = _walk(client, f"{ADDRESS}?limit=7")

        assert _joined(pages)[:50] == made[::-1]

    def test_do_not_move_when_rows_come(self, client: Client) -> None:
        made = _make(4)
        first = client.get(f"{ADDRESS}?limit=2").json()
        _make(3, created_at=timezone.now() + timedelta(days=1))

        second = client.get(first["next"]).json()

        assert [row["id"] for row in second["results"]] == made[1::-1]

    def test_keep_what_else_was_asked_for(self, client: Client) -> None:
        _make(2)

        assert "limit=1" in client.get(f"{ADDRESS}?limit=1&other=x%26y").json()["next"]
        assert "other=x%26y" in client.get(f"{ADDRESS}?limit=1&other=x%26y").json()["next"]

    def test_end(self, client: Client) -> None:
        assert client.get(ADDRESS).json()["next"] is None

    def test_cost_two_queries_with_a_token(
        self, client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        _make(5)
        address = client.get(f"{ADDRESS}?limit=2").json()["next"]

        with django_assert_num_queries(2):
            client.get(address)

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "1" * 5000])
    def test_have_a_size_between_1_and_100(self, client: Client, limit: str) -> None:
        assert list(client.get(ADDRESS, {"limit": limit}).json()["errors"]) == ["limit"]

    @pytest.mark.parametrize("cursor", ["x", "\0", "WyJ4IiwgMV0:abc:def", "ü"])
    def test_are_not_found_by_a_forged_cursor(self, client: Client, cursor: str) -> None:
        assert list(client.get(ADDRESS, {"cursor": cursor}).json()["errors"]) == ["cursor"]
