"""Who may come in at each address of the API: read from the addresses themselves, so that no new one is forgotten."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from styleguide_example.api.tests.clients import session_client, token_client, tokens_refused
from styleguide_example.api.views import DocsView, UnknownAddressApi
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import batch_make, job_ended_make, job_running_make, kind_known
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")
#: What can stand in an address: an id of somebody's row, and names that are nobody's.
ROWS = {"job_id"}
NAMES = {"kind": "count"}


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, address)
        elif address.startswith("api/"):
            yield address, pattern


def _view(pattern: URLPattern) -> Any:
    callback: Any = pattern.callback
    return callback.view_class


PATTERNS = {
    address: pattern for address, pattern in _patterns(get_resolver()) if _view(pattern) is not UnknownAddressApi
}
CALLS = [
    pytest.param(f"/{address}", method, id=f"{method} {address}")
    for address, pattern in PATTERNS.items()
    for method in METHODS
    if hasattr(_view(pattern), method)
]
OF_ROWS = [call for call in CALLS if any(f":{name}>" in str(call.values[0]) for name in ROWS)]
#: Of these the body is the same for everybody.
PAGES = {f"/{address}" for address, pattern in PATTERNS.items() if _view(pattern) is DocsView}


def _filled(address: str, job_id: object) -> str:
    for name, value in NAMES.items():
        address = address.replace(f"<slug:{name}>", value)
    filled = address.replace("<uuid:job_id>", str(job_id))
    assert "<" not in filled, f"Say in ROWS or NAMES what {filled} is about."
    return filled


def _call(client: Client, method: str, address: str) -> Any:
    return getattr(client, method)(address, **({} if method == "get" else {"content_type": "application/json"}))


@pytest.fixture(autouse=True)
def count() -> Iterator[None]:
    with kind_known():
        yield


@pytest.fixture
def jobs() -> list[Job]:
    """Of the first person, in every state."""
    ada = user_onboarded(email="ada@example.com")
    return [
        job_running_make(owner=ada),
        *(job_ended_make(state, owner=ada) for state in (JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED)),
        batch_make(JobState.FAILURE, JobState.PENDING, parent={"owner": ada}, owner=ada),
    ]


class TestApi:
    def test_has_addresses(self) -> None:
        assert len(PATTERNS) >= 8
        assert len(OF_ROWS) >= 3

    @pytest.mark.parametrize(("address", "method"), CALLS)
    def test_answers_nobody_without_credentials(self, address: str, method: str) -> None:
        for reason, client in tokens_refused().items():
            response = _call(client, method, _filled(address, uuid.uuid4()))

            if address in PAGES and "signed in" not in reason:
                assert response.headers["Location"].startswith("/sign-in/?next=")
            else:
                assert response.status_code in {401, 403}, reason
                assert response.headers["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize(("address", "method"), [call for call in CALLS if call.values[1] != "get"])
    def test_takes_no_change_without_the_csrf_token(self, jobs: list[Job], address: str, method: str) -> None:
        client = session_client(User.objects.get(email="ada@example.com"), checks_csrf=True)
        before = list(Job.objects.order_by("pk").values())

        assert _call(client, method, _filled(address, jobs[0].pk)).status_code == 403
        assert list(Job.objects.order_by("pk").values()) == before

    @pytest.mark.parametrize(("address", "method"), OF_ROWS)
    @pytest.mark.parametrize("staff", [False, True])
    def test_hides_the_rows_of_one_from_the_other(
        self, jobs: list[Job], address: str, method: str, *, staff: bool
    ) -> None:
        other = token_client(user_onboarded(is_staff=staff, is_superuser=staff))
        before = list(Job.objects.order_by("pk").values())

        unknown = _call(other, method, _filled(address, uuid.uuid4()))
        answers = [_call(other, method, _filled(address, job.pk)) for job in [*jobs, *Job.objects.exclude(parent=None)]]

        assert {answer.status_code for answer in (unknown, *answers)} == {404}
        told = {json.dumps({**answer.json(), "instance": ""}) for answer in (unknown, *answers)}
        assert len(told) == 1
        assert list(Job.objects.order_by("pk").values()) == before

    @pytest.mark.parametrize("query", ["", "?last=1", "?active=true", "?parent={batch}", "?parent={batch}&last=1"])
    def test_lists_the_rows_of_one_to_nobody_else(self, jobs: list[Job], query: str) -> None:
        other = token_client(user_onboarded())

        answer = other.get(f"/api/jobs/{query.format(batch=jobs[-1].pk)}")

        assert answer.status_code == 404 or answer.json() == {"next": None, "results": []}
        assert not any(str(job.pk) in answer.content.decode().replace(str(jobs[-1].pk), "") for job in jobs[:-1])
