"""What the API does against what its schema says: valid and invalid requests that nobody thought of."""

import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from pytest_django import Settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from styleguide_example.api.tests.clients import token_client
from styleguide_example.jobs.enums import AtOnce, JobState
from styleguide_example.jobs.tests.api_kinds import export_known
from styleguide_example.jobs.tests.factories import batch_make, job_ended_make, job_running_make, kind_known
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [pytest.mark.once, pytest.mark.django_db]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
OPERATIONS = [
    ("job_list", "GET", "/api/jobs/"),
    ("job_get", "GET", "/api/jobs/{job_id}/"),
    ("job_cancel", "POST", "/api/jobs/{job_id}/cancel/"),
    ("job_retry", "POST", "/api/jobs/{job_id}/retry/"),
    ("job_kind_list", "GET", "/api/jobs/kinds/"),
    ("job_start", "POST", "/api/jobs/{kind}/"),
]
EXAMPLES = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def ada() -> User:
    return user_onboarded()


@pytest.fixture(autouse=True)
def patience(settings: Settings) -> None:
    settings.API_READS_PER_MINUTE = settings.API_CHANGES_PER_WINDOW = 100_000


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    with export_known(), kind_known("count", at_once=AtOnce.ONE):
        yield


@pytest.fixture
def raw(ada: User) -> dict[str, Any]:
    """The schema as a client reads it, with ids that exist where it says that there is one."""
    jobs = [
        job_running_make(owner=ada, state=JobState.PROGRESS, progress_rate=0.5),
        job_ended_make(owner=ada, result={"rows": 1}),
        job_ended_make(JobState.FAILURE, owner=ada, kind="export"),
        job_ended_make(JobState.REVOKED, owner=ada),
        batch_make(JobState.FAILURE, JobState.PENDING, parent={"owner": ada}, owner=ada),
        job_running_make(owner=user_onboarded()),
    ]
    known = {"job_id": [*(str(job.pk) for job in jobs), str(uuid.uuid4())], "kind": ["export", "count", "unknown"]}
    schema: dict[str, Any] = token_client(ada).get("/api/schema/").json()
    for path in schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": known[parameter["name"]]}
    body = schema["paths"]["/api/jobs/{kind}/"]["post"]["requestBody"]["content"]["application/json"]
    table = {"type": "string", "minLength": 1, "maxLength": 50}
    body["schema"] = {"anyOf": [{"type": "object", "properties": {"table": table}, "required": ["table"]}, {}]}
    return schema


@pytest.fixture
def one_connection(raw: dict[str, Any]) -> Iterator[None]:
    """A request over WSGI would close the connection that the test's transaction is in.

    After ``raw``, because Django's test client puts the receivers back that it takes away.
    """
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


class TestSchema:
    def test_describes_every_operation(self, raw: dict[str, Any]) -> None:
        described = {
            (operation["operationId"], method.upper(), path)
            for path, methods in raw["paths"].items()
            for method, operation in methods.items()
            if path.startswith("/api/jobs/")
        }

        assert described == set(OPERATIONS)

    @pytest.mark.usefixtures("one_connection")
    @pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation[0])
    def test_is_kept(
        self, raw: dict[str, Any], ada: User, mode: GenerationMode, operation: tuple[str, str, str]
    ) -> None:
        _, method, path = operation
        schema = schemathesis.openapi.from_dict(raw)
        schema.app = get_wsgi_application()
        secret = token_client(ada).defaults["HTTP_AUTHORIZATION"]
        answers: set[int] = set()

        @EXAMPLES
        @given(case=schema[path][method].as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            response = case.call(headers={"Authorization": secret})
            answers.add(response.status_code)
            case.validate_response(response, checks=CHECKS)

        ask()

        assert HTTPStatus.UNAUTHORIZED not in answers
        if mode is GenerationMode.POSITIVE:
            assert {HTTPStatus.OK, HTTPStatus.ACCEPTED} & answers
