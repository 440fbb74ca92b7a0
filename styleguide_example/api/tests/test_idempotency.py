import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from styleguide_example.api.models import IdempotentRequest
from styleguide_example.api.tests.clients import token_client
from styleguide_example.api.tests.endpoints import bodies
from styleguide_example.common.tests.racing import race
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [pytest.mark.urls("styleguide_example.api.tests.endpoints")]

ADDRESS = "/api/free/"
JSON = "application/json"


def _make(request: Request) -> dict[str, Any]:
    sent: Any = request.data
    return {"id": Group.objects.create(name=sent["name"]).pk, "name": sent["name"]}


@pytest.fixture(autouse=True)
def making(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bodies, "post", _make)


def _post(client: Any, key: str | None, name: str = "one", address: str = ADDRESS) -> HttpResponse:
    headers = {} if key is None else {"Idempotency-Key": key}
    response: HttpResponse = client.post(address, {"name": name}, JSON, headers=headers)
    return response


@pytest.mark.django_db
class TestIdempotencyKey:
    def test_gives_a_repetition_the_first_answer(self) -> None:
        client = token_client()

        first, again = _post(client, "key-1"), _post(client, "key-1")

        assert Group.objects.count() == 1
        assert (first.status_code, first.content) == (again.status_code, again.content) == (201, again.content)
        assert again.headers["Location"] == first.headers["Location"] == "/api/made/"
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
        assert again.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first.headers

    def test_is_the_same_in_quotation_marks_and_without(self) -> None:
        client = token_client()
        _post(client, '"key-1"')

        assert _post(client, "key-1").headers["Idempotency-Replayed"] == "true"

    def test_may_be_left_away(self) -> None:
        client = token_client()

        _post(client, None, "one")
        _post(client, None, "two")

        assert Group.objects.count() == 2
        assert not IdempotentRequest.objects.exists()

    @pytest.mark.parametrize(
        ("name", "address"), [("two", ADDRESS), ("one", "/api/free/other/"), ("one", f"{ADDRESS}?a")]
    )
    def test_is_refused_with_another_request(self, name: str, address: str) -> None:
        client = token_client()
        _post(client, "key-1")

        response = _post(client, "key-1", name, address)

        assert response.status_code == 422
        assert json.loads(response.content)["type"] == "urn:problem-type:idempotency-key-reused"
        assert Group.objects.count() == 1

    @pytest.mark.parametrize("key", ["", '""', "a b", 'a"b', '"a', "a\\b", "ü", "x" * 256, "\x7f"])
    def test_is_refused_when_it_is_none(self, key: str) -> None:
        response = _post(token_client(), key)

        assert response.status_code == 400
        assert list(json.loads(response.content)["errors"]) == ["Idempotency-Key"]
        assert not Group.objects.exists()

    def test_is_each_persons_own(self) -> None:
        _post(token_client(), "key-1", "one")

        response = _post(token_client(user_onboarded(email="other@example.com")), "key-1", "two")

        assert response.status_code == 201
        assert Group.objects.count() == 2

    def test_is_forgotten_with_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = token_client()

        def fail(request: Request) -> Any:
            _make(request)
            raise ConflictError("Not now.")

        monkeypatch.setitem(bodies, "post", fail)
        assert _post(client, "key-1").status_code == 409
        assert not Group.objects.exists()

        monkeypatch.setitem(bodies, "post", _make)
        assert _post(client, "key-1").status_code == 201


@pytest.mark.django_db(transaction=True)
class TestIdempotencyKeyAtOnce:
    @pytest.fixture
    def slowly(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
        """The first one is at work until somebody says so."""
        going_on, first = threading.Event(), threading.Lock()

        def make(request: Request) -> dict[str, Any]:
            made = _make(request)
            if first.acquire(blocking=False):
                going_on.wait(0.3)
            return made

        monkeypatch.setitem(bodies, "post", make)
        yield going_on
        going_on.set()

    @pytest.mark.usefixtures("slowly")
    def test_is_one_piece_of_work(self) -> None:
        user = user_onboarded()
        clients = [token_client(user) for _ in range(6)]

        answers = race(lambda number: _post(clients[number], "key-1"), runners=6)

        assert Group.objects.count() == 1
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1

    def test_is_taken_by_the_second_when_the_first_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        user = user_onboarded()
        clients = [token_client(user) for _ in range(4)]
        first = threading.Lock()

        def make(request: Request) -> dict[str, Any]:
            made = _make(request)
            if first.acquire(blocking=False):
                raise ConflictError("Not now.")
            return made

        monkeypatch.setitem(bodies, "post", make)
        answers = race(lambda number: _post(clients[number], "key-1"), runners=4)

        assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 409]
        assert Group.objects.count() == 1

    def test_is_gone_when_the_process_is(self) -> None:
        client = token_client()

        with transaction.atomic():
            _post(client, "key-1")
            transaction.set_rollback(True)

        assert not IdempotentRequest.objects.exists()
        assert _post(client, "key-1").status_code == 201
