import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core import exceptions as django_errors
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.test import Client
from pytest_django import Settings
from rest_framework import exceptions as api_errors
from structlog.testing import capture_logs

from styleguide_example.api.errors import errors_by_field
from styleguide_example.api.tests.clients import session_client, token_client
from styleguide_example.api.tests.endpoints import bodies
from styleguide_example.core.exceptions import ConflictError, TransientError

pytestmark = [pytest.mark.django_db, pytest.mark.urls("styleguide_example.api.tests.endpoints")]

MEMBERS = ["type", "title", "status", "detail", "instance"]


def _raising(error: Exception) -> Callable[[Any], Any]:
    def body(request: Any) -> Any:
        raise error

    return body


def _client(**options: Any) -> Client:
    client = token_client()
    client.raise_request_exception = False
    return client


def _problem(response: Any) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.content)
    assert list(problem)[:5] == MEMBERS
    assert problem["status"] == response.status_code
    assert problem["instance"] == response.request["PATH_INFO"]
    return problem


class TestProblem:
    @pytest.mark.parametrize(
        ("error", "status", "detail"),
        [
            (api_errors.ParseError(), 400, "Malformed request."),
            (api_errors.PermissionDenied("Not you."), 403, "Not you."),
            (api_errors.NotFound("No such thing."), 404, "No such thing."),
            (api_errors.APIException("secret"), 500, "secret"),
            (Http404("No User matches the given query."), 404, "There is nothing at this address."),
            (django_errors.PermissionDenied("a secret"), 403, "You may not do this."),
            (django_errors.SuspiciousOperation("a secret"), 400, "The request could not be read."),
            (django_errors.BadRequest("a secret"), 400, "The request could not be read."),
            (django_errors.RequestDataTooBig("a secret"), 413, "The body is too large."),
            (MultiPartParserError("a secret"), 400, "The request could not be read."),
            (UnreadablePostError("a secret"), 400, "The request could not be read."),
            (ConflictError("Row 7 is sent."), 409, "Row 7 is sent."),
            (TransientError("smtp.internal says 421"), 503, "This does not work for now. Try again."),
        ],
    )
    def test_says_of_each_error_what_it_means(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, detail: str
    ) -> None:
        monkeypatch.setitem(bodies, "get", _raising(error))

        problem = _problem(_client().get("/api/free/"))

        assert (problem["status"], problem["detail"], problem["type"]) == (status, detail, "about:blank")

    @pytest.mark.parametrize(
        ("error", "errors"),
        [
            (api_errors.ValidationError({"to": ["Wrong."]}), {"to": ["Wrong."]}),
            (api_errors.ValidationError("Wrong."), {"non_field_errors": ["Wrong."]}),
            (django_errors.ValidationError({"to": ["Wrong.", "Empty."]}), {"to": ["Wrong.", "Empty."]}),
            (django_errors.ValidationError("Wrong."), {"non_field_errors": ["Wrong."]}),
        ],
    )
    def test_says_of_input_field_by_field_what_is_wrong(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception, errors: dict[str, list[str]]
    ) -> None:
        monkeypatch.setitem(bodies, "get", _raising(error))

        problem = _problem(_client().get("/api/free/"))

        assert problem["type"] == "urn:problem-type:invalid"
        assert (problem["status"], problem["errors"]) == (400, errors)

    @pytest.mark.parametrize("debug", [False, True])
    def test_tells_nothing_of_a_bug_and_logs_it(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings, *, debug: bool
    ) -> None:
        settings.DEBUG = debug
        monkeypatch.setitem(bodies, "get", _raising(RuntimeError("password of the database")))

        with capture_logs() as logs:
            response = _client().get("/api/free/")

        problem = _problem(response)
        assert (problem["status"], problem["title"]) == (500, "Internal Server Error")
        assert "password" not in response.content.decode()
        logged = next(line for line in logs if line["event"] == "request_failed")
        assert logged["exc_info"]
        assert problem["request_id"]

    def test_tells_tools_that_watch_for_errors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(bodies, "get", _raising(RuntimeError("watched")))

        with pytest.raises(RuntimeError, match="watched"):  # Django's test client is such a tool
            token_client().get("/api/free/")

    def test_says_when_to_come_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(bodies, "get", _raising(TransientError("busy")))
        assert _client().get("/api/free/").headers["Retry-After"] == "5"

        monkeypatch.setitem(bodies, "get", _raising(api_errors.Throttled(wait=7)))
        assert _client().get("/api/free/").headers["Retry-After"] == "7"


class TestProblemOfARequest:
    @pytest.fixture(autouse=True)
    def echo(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(bodies, "get", lambda request: {})
        monkeypatch.setitem(bodies, "post", lambda request: request.data)

    @pytest.mark.parametrize("address", ["/api/nothing/", "/api/", "/api/free", "/api/free/%00/", "/api/free//"])
    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
    def test_to_an_unknown_address_is_404(self, address: str, method: str) -> None:
        problem = json.loads(getattr(_client(), method)(address).content)

        assert problem["status"] == 404
        assert ("end with a slash" in problem["detail"]) is not address.endswith("/")

    def test_with_another_method_is_405(self) -> None:
        response = _client().delete("/api/free/")

        assert _problem(response)["status"] == 405
        assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"

    def test_for_metadata_is_405(self) -> None:
        assert _problem(_client().options("/api/free/"))["status"] == 405

    def test_for_html_is_406(self) -> None:
        assert _problem(_client().get("/api/free/", headers={"Accept": "text/html"}))["status"] == 406

    @pytest.mark.parametrize("client", [token_client, session_client])
    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
    @pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "one"}])
    def test_with_another_body_is_415(
        self, client: Callable[[], Client], content_type: str, key: dict[str, str]
    ) -> None:
        data = "--x\r\n" if content_type.startswith("multipart") else "a=b"
        if content_type.startswith("multipart"):
            content_type += "; boundary=x"
        posted = client().generic("POST", "/api/free/", data, content_type, headers=key)

        assert _problem(posted)["status"] == 415

    @pytest.mark.parametrize(
        "body",
        [
            "{",
            "nonsense",
            "NaN",
            '{"a": Infinity}',
            b"\xff\xfe",
            "[" * 100_000,
            "1" * 5000,
            '"\\u0000"',
            '{"\\ud800": 1}',
        ],
    )
    @pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "one"}])
    def test_with_a_broken_body_is_400(self, body: str | bytes, key: dict[str, str]) -> None:
        response = _client().generic("POST", "/api/free/", body, "application/json", headers=key)

        assert _problem(response)["status"] == 400

    @pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "one"}])
    def test_with_a_large_body_is_413(self, settings: Settings, key: dict[str, str]) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

        response = _client().post("/api/free/", "x" * 101, "application/json", headers=key)

        assert _problem(response)["status"] == 413

    def test_to_a_host_that_is_not_ours_is_400(self) -> None:
        assert _problem(_client().get("/api/free/", headers={"Host": "evil.example"}))["status"] == 400

    def test_that_cannot_be_rendered_is_500(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(bodies, "get", lambda request: float("nan"))

        assert _problem(_client().get("/api/free/"))["status"] == 500

    def test_outside_the_api_is_answered_as_ever(self) -> None:
        client = _client()

        assert b"<html" in client.get("/other/", headers={"Host": "evil.example"}).content.lower()


class TestErrorsByField:
    def test_names_nested_ones_by_their_path(self) -> None:
        detail = {"a": ["x", "y"], "b": {"c": ["x"]}, "d": [{}, {"e": ["x"]}], "f": {0: ["x"]}, "g": "x"}

        assert errors_by_field(detail) == {"a": ["x", "y"], "b.c": ["x"], "d.1.e": ["x"], "f.0": ["x"], "g": ["x"]}
