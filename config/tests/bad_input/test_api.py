"""What a client of the API sends."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from config.tests.bad_input.checking import case, nothing_changes, says
from styleguide_example.api.tests.clients import secret_client, session_client
from styleguide_example.jobs.enums import AtOnce, JobState
from styleguide_example.jobs.kinds import nobody
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_start
from styleguide_example.jobs.tests.api_kinds import ADDRESS, export_known
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make, kind_known
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db

START = f"{ADDRESS}export/"
JSON = "application/json"
NOBODYS = "00000000-0000-4000-8000-000000000000"
NO_ADDRESS = "There is nothing at this address."
VISIBLE = "Use 1 to 255 visible ASCII characters"
UNSTORABLE = "a character that cannot be stored"
MOMENT = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm"
AMOUNT = "A valid integer is required."


@pytest.fixture
def ada() -> User:
    return user_onboarded(email="ada@example.com")


@pytest.fixture
def client(ada: User) -> Client:
    return session_client(ada)


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    cache.clear()
    with export_known(), kind_known("single", at_once=AtOnce.ONE), kind_known("internal", may_start=nobody):
        yield


@pytest.mark.parametrize(
    ("body", "field", "fragment"),
    [
        case("no parameter that is needed", {}, "table", "This field is required."),
        case("null for a text", {"table": None}, "table", "This field may not be null."),
        case("nothing for a text", {"table": ""}, "table", "This field may not be blank."),
        case("blanks for a text", {"table": "  "}, "table", "This field may not be blank."),
        case("a number for a text of 51 digits", {"table": 10**50}, "table", "no more than 50 characters"),
        case("an object for a text", {"table": {"a": 1}}, "table", "Not a valid string."),
        case("a list for a text", {"table": ["x"]}, "table", "Not a valid string."),
        case("yes for a text", {"table": True}, "table", "Not a valid string."),
        case("a text of 51 characters", {"table": "x" * 51}, "table", "no more than 50 characters"),
        case(
            "a parameter that there is not", {"table": "x", "color": 1}, "color", "This kind takes no such parameter."
        ),
        case("a parameter misspelt in its case", {"table": "x", "Table": "y"}, "Table", "takes no such parameter"),
        case("a moment in words", {"table": "x", "since": "yesterday"}, "since", MOMENT),
        case("a day that there is not", {"table": "x", "since": "2026-02-30T00:00:00Z"}, "since", MOMENT),
        case("a month that there is not", {"table": "x", "since": "2026-13-01T00:00:00Z"}, "since", MOMENT),
        case("a number for a moment", {"table": "x", "since": 5}, "since", MOMENT),
        case(
            "a moment before every calendar",
            {"table": "x", "since": "0001-01-01T00:00:00+14:00"},
            "since",
            "Datetime value out of range.",
        ),
        case("a text for an object", {"table": "x", "rows": "all"}, "rows.non_field_errors", "Expected a dictionary"),
        case("half an object", {"table": "x", "rows": {"first": 1}}, "rows.last", "This field is required."),
        case(
            "a number below the least",
            {"table": "x", "rows": {"first": -1, "last": 1}},
            "rows.first",
            "greater than or equal to 0",
        ),
        case(
            "a number above the most",
            {"table": "x", "rows": {"first": 1, "last": 10**9 + 1}},
            "rows.last",
            "less than or equal to 1000000000",
        ),
        case("words for a number", {"table": "x", "rows": {"first": "one", "last": 1}}, "rows.first", AMOUNT),
        case("half a number", {"table": "x", "rows": {"first": 1.5, "last": 2}}, "rows.first", AMOUNT),
        case(
            "a number of 2,000 digits",
            {"table": "x", "rows": {"first": "9" * 2_000, "last": 1}},
            "rows.first",
            "String value too large.",
        ),
        case("70,000 bytes", {"table": "x", "extra": "y" * 70_000}, "non_field_errors", "the limit is 65536"),
        case("a list of parameters", [], "non_field_errors", "Send an object: the parameters by name."),
        case("a text of parameters", "export", "non_field_errors", "Send an object: the parameters by name."),
        case("a number of parameters", 7, "non_field_errors", "Send an object: the parameters by name."),
        case("null for the parameters", None, "non_field_errors", "Send an object: the parameters by name."),
    ],
)
def test_start_refuses(client: Client, body: Any, field: str, fragment: str) -> None:
    with nothing_changes():
        response = client.post(START, json.dumps(body), JSON)
    problem = _problem(response, 400)
    assert set(problem["errors"]) == {field}
    says(" ".join(problem["errors"][field]), fragment)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "fragment"),
    [
        case("half a body", b'{"table": "x"', JSON, 400, "JSON parse error - Expecting ',' delimiter: line 1 column"),
        case(
            "single quotation marks", b"{'table': 'x'}", JSON, 400, "Expecting property name enclosed in double quotes"
        ),
        case("a body that is not UTF-8", b'{"table": "\xff"}', JSON, 400, "JSON parse error"),
        case(
            "NaN", b'{"table": NaN}', JSON, 400, "JSON parse error - Out of range float values are not JSON compliant"
        ),
        case("a NUL in a value", b'{"table": "a\\u0000"}', JSON, 400, UNSTORABLE),
        case("a NUL in a name", b'{"a\\u0000": 1}', JSON, 400, UNSTORABLE),
        case("half of a surrogate pair", b'{"table": "\\ud800"}', JSON, 400, UNSTORABLE),
        case("a hundred thousand brackets", b"[" * 100_000, JSON, 400, "The JSON is nested too deeply."),
        case("three megabytes", b'{"table": "' + b"x" * 3 * 2**20 + b'"}', JSON, 413, "The body is too large."),
        case("a form", b"table=x", "application/x-www-form-urlencoded", 415, "Unsupported media type"),
        case("XML", b"<table/>", "application/xml", 415, 'Unsupported media type "application/xml"'),
        case(
            "a file", b"--x\r\n", "multipart/form-data; boundary=x", 415, 'Unsupported media type "multipart/form-data'
        ),
        case("plain text", b'{"table": "x"}', "text/plain", 415, 'Unsupported media type "text/plain"'),
    ],
)
def test_body_is_refused(client: Client, body: bytes, content_type: str, status: int, fragment: str) -> None:
    with nothing_changes():
        response = client.generic("POST", START, body, content_type)
    says(_problem(response, status)["detail"], fragment)


@pytest.mark.parametrize(
    ("query", "field", "fragment"),
    [
        case("a state that there is not", "state=DONE", "state.0", '"DONE" is no state. There are PENDING, STARTED'),
        case("a state in small letters", "state=success", "state.0", '"success" is no state. There are PENDING'),
        case("one state of two", "state=SUCCESS&state=x", "state.1", '"x" is no state. There are PENDING'),
        case("perhaps active", "active=maybe", "active", "Must be a valid boolean."),
        case("perhaps the last one", "last=maybe", "last", "Must be a valid boolean."),
        case("a parent that is no id", "parent=1", "parent", "Must be a valid UUID."),
        case("a moment in words", "created_after=today", "created_after", MOMENT),
        case("a moment that is no date", "created_before=2026-02-30T00:00:00Z", "created_before", MOMENT),
        case(
            "a moment after every calendar",
            "created_before=9999-12-31T23:59:59-14:00",
            "created_before",
            "Datetime value out of range.",
        ),
        case("a page of nothing", "limit=0", "limit", "greater than or equal to 1"),
        case("a page of too many", "limit=1001", "limit", "less than or equal to"),
        case("a page of some", "limit=some", "limit", AMOUNT),
        case("a cursor that is not ours", "cursor=x", "cursor", "Take it from `next` as it is."),
        case("a cursor of another character set", "cursor=%FF%FE", "cursor", "Take it from `next` as it is."),
        case("a NUL in a kind", "kind=%00", "kind", "Null characters are not allowed."),
    ],
)
def test_list_refuses(client: Client, query: str, field: str, fragment: str) -> None:
    with nothing_changes():
        response = client.get(f"{ADDRESS}?{query}")
    problem = _problem(response, 400)
    assert set(problem["errors"]) == {field}
    says(" ".join(problem["errors"][field]), fragment)


@pytest.mark.parametrize(
    "key",
    [
        case("an empty key", ""),
        case("a key with a blank", "two words"),
        case("a key of 256 characters", "x" * 256),
        case("a key with one quotation mark", '"half'),
        case("a key with a backslash", "a\\b"),
        case("a key beyond ASCII", "schlüssel"),
    ],
)
def test_idempotency_key_is_refused(client: Client, key: str) -> None:
    with nothing_changes():
        response = client.post(START, {"table": "x"}, JSON, headers={"Idempotency-Key": key})
    says(" ".join(_problem(response, 400)["errors"]["Idempotency-Key"]), VISIBLE)


def test_idempotency_key_is_refused_for_another_request(client: Client) -> None:
    headers = {"Idempotency-Key": "one"}
    assert client.post(START, {"table": "x"}, JSON, headers=headers).status_code == 202
    with nothing_changes():
        response = client.post(START, {"table": "y"}, JSON, headers=headers)
    says(_problem(response, 422)["detail"], "Idempotency-Key one came before", "Use a new key for a new request.")


@pytest.mark.parametrize(
    ("method", "address", "status", "fragment"),
    [
        case("a kind that there is not", "post", f"{ADDRESS}exprot/", 404, "There is no kind of job called 'exprot'."),
        case(
            "a kind that no person starts",
            "post",
            f"{ADDRESS}internal/",
            403,
            "You may not start jobs of the kind internal.",
        ),
        case("a second one of one at a time", "post", f"{ADDRESS}single/", 409, "follow that one, or cancel it first"),
        case("a job that is not there", "get", f"{ADDRESS}{NOBODYS}/", 404, "You have no such job."),
        case("an id with a letter too many", "get", f"{ADDRESS}{NOBODYS}g/", 404, "There is no such job."),
        case("a cancel of what is not there", "post", f"{ADDRESS}{NOBODYS}/cancel/", 404, "You have no such job."),
        case("a retry of what is not there", "post", f"{ADDRESS}{NOBODYS}/retry/", 404, "You have no such job."),
        case("parts of what is not there", "get", f"{ADDRESS}?parent={NOBODYS}", 404, "You have no such job."),
        case("the last one of none", "get", f"{ADDRESS}?last=1&kind=none", 404, "You have no such job."),
        case("an address without its slash", "get", "/api/jobs", 404, f"{NO_ADDRESS} Our addresses end with a slash."),
        case("an address that nobody has", "get", "/api/nowhere/", 404, NO_ADDRESS),
        case("a GET where a job is started", "get", START, 405, 'Method "GET" not allowed.'),
        case("a DELETE of a job", "delete", f"{ADDRESS}{NOBODYS}/", 405, 'Method "DELETE" not allowed.'),
        case("a PUT of the list", "put", ADDRESS, 405, 'Method "PUT" not allowed.'),
    ],
)
def test_address_is_refused(
    *, client: Client, ada: User, method: str, address: str, status: int, fragment: str
) -> None:
    job_start(kind="single", owner=ada)
    with nothing_changes():
        response = getattr(client, method)(address, content_type=JSON) if method != "get" else client.get(address)
    says(_problem(response, status)["detail"], fragment)


@pytest.mark.parametrize(
    ("state", "act", "fragment"),
    [
        case("a cancel of one that is done", JobState.SUCCESS, "cancel", "has ended: done"),
        case("a cancel of one that failed", JobState.FAILURE, "cancel", "has ended: failed"),
        case("a retry of one that is done", JobState.SUCCESS, "retry", "is done: only a failed or cancelled one"),
        case("a retry of one that runs", JobState.STARTED, "retry", "is running: only a failed or cancelled one"),
        case("a retry of one that waits", JobState.PENDING, "retry", "is waiting: only a failed or cancelled one"),
        case("a retry of a part of a batch", None, "retry", "batch"),
    ],
)
def test_state_is_refused(client: Client, ada: User, state: JobState | None, act: str, fragment: str) -> None:
    job = _part_of(ada) if state is None else _job_in(state, ada)
    with nothing_changes():
        response = client.post(f"{ADDRESS}{job.pk}/{act}/", content_type=JSON)
    says(_problem(response, 409)["detail"], str(job.pk), fragment)


@pytest.mark.parametrize(
    "header",
    [
        case("no header", ""),
        case("a token that nobody has", "Bearer sge_nothing"),
        case("a token of no characters", "Bearer "),
        case("a token beyond ASCII", "Bearer schlüssel"),
        case("a token of a megabyte", "Bearer " + "x" * 2**20),
        case("a password", "Basic YWRhOmFkYQ=="),
    ],
)
def test_credentials_are_refused(header: str) -> None:
    stranger = secret_client("") if not header else Client(headers={"Authorization": header})
    with nothing_changes():
        response = stranger.post(START, {"table": "x"}, JSON)
    says(_problem(response, 401)["detail"], "token")
    says(response.headers["WWW-Authenticate"], 'Bearer realm="api"')


def _problem(response: Any, status: int) -> dict[str, Any]:
    """The problem, in the one format of all errors."""
    assert response.status_code == status, response.content[:500]
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["instance"] == response.request["PATH_INFO"]
    return problem


def _job_in(state: JobState, owner: User) -> Job:
    if state is JobState.STARTED:
        return job_running_make(owner=owner, kind="export")
    make = JobFactory.create if state is JobState.PENDING else job_ended_make
    return make(state=state, owner=owner, kind="export")


def _part_of(owner: User) -> Job:
    batch = batch_make(JobState.FAILURE, parent={"owner": owner}, owner=owner, kind="export")
    return Job.objects.get(parent=batch)
