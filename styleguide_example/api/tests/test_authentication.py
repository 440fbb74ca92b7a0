from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.api.models import ApiToken
from styleguide_example.api.tests.clients import session_client, token_client, tokens_refused
from styleguide_example.api.tests.endpoints import bodies
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [pytest.mark.django_db, pytest.mark.urls("styleguide_example.api.tests.endpoints")]


@pytest.fixture(autouse=True)
def who_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bodies, "get", lambda request: request.user.email)
    monkeypatch.setitem(bodies, "post", lambda request: request.user.email)


class TestTokenAuthentication:
    def test_lets_a_client_act_as_its_person(self) -> None:
        assert token_client(user_onboarded(email="ada@example.com")).get("/api/free/").json() == "ada@example.com"

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_refuses_everybody_else_with_a_way_in(self, method: str) -> None:
        for reason, client in tokens_refused().items():
            response = getattr(client, method)("/api/free/")

            assert response.status_code == 401, reason
            assert response.headers["WWW-Authenticate"].startswith('Bearer realm="api"'), reason
            assert response.headers["Content-Type"] == "application/problem+json", reason

    def test_does_not_tell_why_a_token_is_refused(self) -> None:
        refused = tokens_refused()

        answers = [refused[why].get("/api/free/") for why in ("unknown", "expired", "revoked", "closed account")]

        assert len({answer.content for answer in answers}) == 1
        assert {answer.headers["WWW-Authenticate"] for answer in answers} == {
            'Bearer realm="api", error="invalid_token"'
        }

    def test_takes_one_query(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        client = token_client()

        with django_assert_num_queries(1):
            client.get("/api/free/")

    def test_needs_no_csrf_token(self) -> None:
        client = token_client()
        client.handler.enforce_csrf_checks = True

        assert client.post("/api/free/").status_code == 201

    def test_does_not_fall_back_to_the_session(self) -> None:
        client = session_client()

        assert client.get("/api/free/", headers={"Authorization": "Bearer wrong"}).status_code == 401


class TestLastUse:
    def test_is_noted_by_a_change_to_the_minute(self) -> None:
        client = token_client()
        moments = []

        for seconds in (0, 50, 61):
            with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False):
                client.post("/api/free/")
            moments.append(str(ApiToken.objects.get().last_used_at))

        assert moments[0] != "None"
        assert moments[1] == moments[0]
        assert moments[2] > moments[0]

    def test_is_noted_by_a_read_to_the_hour(self) -> None:
        client = token_client()

        for minutes, is_noted in ((59, False), (61, True)):
            with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
                client.get("/api/free/")
            assert (ApiToken.objects.get().last_used_at is not None) is is_noted

    def test_is_not_noted_of_one_that_is_refused(self) -> None:
        token_client(revoked_at=timezone.now()).post("/api/free/")

        assert ApiToken.objects.get().last_used_at is None


class TestSessionAuthentication:
    def test_lets_somebody_in_who_is_signed_in(self) -> None:
        assert session_client(user_onboarded(email="ada@example.com")).get("/api/free/").json() == "ada@example.com"

    def test_refuses_a_change_without_the_csrf_token(self) -> None:
        response = session_client(checks_csrf=True).post("/api/free/")

        assert response.status_code == 403
        assert response.json()["detail"].startswith("CSRF Failed")

    def test_takes_a_change_with_the_csrf_token(self) -> None:
        client = session_client(checks_csrf=True)
        client.cookies["csrftoken"] = token = "a" * 32

        response = client.post("/api/free/", {}, "application/json", headers={"X-CSRFToken": token})

        assert response.status_code == 201
