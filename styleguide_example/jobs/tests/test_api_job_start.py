import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from styleguide_example.api.tests.clients import session_client, token_client
from styleguide_example.common.tests.processes import Broker, Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.common.wakeups import broker_pause_end
from styleguide_example.jobs.enums import AtOnce, JobState
from styleguide_example.jobs.kinds import JobKind, nobody
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.api_kinds import ADDRESS, export_known
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.users.tests.factories import user_onboarded

START = f"{ADDRESS}export/"
JSON = "application/json"


@pytest.fixture
def client() -> Client:
    return token_client(user_onboarded(email="ada@example.com"))


def nothing(*, job_id: str) -> None: ...


@pytest.fixture(autouse=True)
def export() -> Iterator[JobKind]:
    with export_known() as kind:
        yield kind


@pytest.mark.django_db
class TestJobStartApi:
    def test_answers_with_the_job_and_where_it_can_be_followed(self, client: Client) -> None:
        response = client.post(START, {"table": "people"}, JSON)

        job = Job.objects.get()
        assert response.status_code == 202
        assert response.headers["Location"] == f"{ADDRESS}{job.pk}/"
        assert response.headers["Retry-After"] == "2"
        assert response.json()["id"] == str(job.pk)
        assert response.json()["parameters"] == {"table": "people"} == job.parameters
        assert client.get(response.headers["Location"]).json() == response.json()
        assert (job.kind, job.state, job.owner.email if job.owner else "") == ("export", "PENDING", "ada@example.com")

    def test_begins_at_once(self, client: Client, settings: Settings) -> None:
        settings.JOB_JITTER_SECONDS = 1000

        client.post(START, {"table": "people"}, JSON)

        job = Job.objects.get()
        assert job.next_attempt_at is not None
        assert (job.next_attempt_at - job.created_at).total_seconds() < 5

    @pytest.mark.parametrize(
        ("parameters", "errors"),
        [
            ({}, {"table"}),
            ({"table": "x" * 51}, {"table"}),
            ({"table": "x", "since": "yesterday"}, {"since"}),
            ({"table": "x", "rows": {"first": -1}}, {"rows.first", "rows.last"}),
            ({"table": {"a": 1}}, {"table"}),
            ([], {"non_field_errors"}),
            ('"x"', {"non_field_errors"}),
            ("null", {"non_field_errors"}),
            ({"table": "x", "extra": "y" * 70_000}, {"non_field_errors"}),
        ],
    )
    def test_says_field_by_field_what_does_not_fit(self, client: Client, parameters: Any, errors: set[str]) -> None:
        response = client.post(START, parameters, JSON)

        assert response.status_code == 400
        assert response.json()["type"] == "urn:problem-type:invalid"
        assert set(response.json()["errors"]) == errors
        assert not Job.objects.exists()

    def test_takes_no_body_where_there_are_no_parameters(self, client: Client) -> None:
        with kind_known("plain"):
            assert client.post(f"{ADDRESS}plain/").status_code == 415  # a form, if an empty one
            assert client.generic("POST", f"{ADDRESS}plain/").status_code == 202
            assert client.post(f"{ADDRESS}plain/", {}, JSON).status_code == 202
            assert list(client.post(f"{ADDRESS}plain/", {"a": 1}, JSON).json()["errors"]) == ["a"]

    @pytest.mark.parametrize("kind", ["unknown", "Export", "ex_port", "00000000-0000-0000-0000-00000000000g"])
    @pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
    def test_does_not_know_other_kinds(self, client: Client, kind: str, method: str) -> None:
        response = getattr(client, method)(f"{ADDRESS}{kind}/", content_type=JSON)

        assert response.status_code == 404
        # Only a POST is about a kind: for any other method it is the id of a job, mistyped.
        said = f"There is no kind of job called '{kind}'." if method == "post" else "There is no such job."
        assert response.json()["detail"] == said

    def test_refuses_parameters_that_the_kind_does_not_take(self, client: Client) -> None:
        response = client.post(START, {"table": "people", "x": 2, "rows": {"first": -1, "last": 1}}, JSON)

        assert response.status_code == 400
        assert response.json()["errors"] == {
            "x": ["This kind takes no such parameter."],
            "rows.first": ["Ensure this value is greater than or equal to 0."],
        }
        assert not Job.objects.exists()

    def test_is_for_posts_alone(self, client: Client) -> None:
        assert client.get(START).status_code == 405

    def test_refuses_a_kind_that_the_person_may_not_start(self, client: Client) -> None:
        with kind_known("internal", may_start=nobody):
            response = client.post(f"{ADDRESS}internal/", {}, JSON)

        assert response.status_code == 403
        assert response.json()["type"] == "urn:problem-type:job-not-allowed"

    def test_names_the_one_that_is_under_way(self, client: Client) -> None:
        with kind_known("single", at_once=AtOnce.ONE):
            first = client.post(f"{ADDRESS}single/", {}, JSON)
            second = client.post(f"{ADDRESS}single/", {}, JSON)

        assert second.status_code == 409
        assert second.json()["type"] == "urn:problem-type:job-already-active"
        assert second.json()["job_id"] == first.json()["id"]
        assert second.headers["Location"] == first.headers["Location"]
        assert second.headers["Retry-After"] == "2"

    def test_starts_once_for_one_idempotency_key(self, client: Client) -> None:
        answers = [client.post(START, {"table": "people"}, JSON, headers={"Idempotency-Key": "one"}) for _ in range(2)]

        assert answers[0].content == answers[1].content
        assert answers[1].headers["Location"] == answers[0].headers["Location"]
        assert answers[1].headers["Idempotency-Replayed"] == "true"
        assert Job.objects.count() == 1

    def test_takes_a_person_who_is_signed_in(self) -> None:
        client = session_client(checks_csrf=True)

        assert client.post(START, {"table": "people"}, JSON).status_code == 403

        client.cookies["csrftoken"] = "a" * 32
        response = client.post(START, {"table": "people"}, JSON, headers={"X-CSRFToken": "a" * 32})
        assert response.status_code == 202

    def test_keeps_times_with_their_offset(self, client: Client) -> None:
        client.post(START, {"table": "people", "since": "2026-03-29T02:30:00+09:00"}, JSON)

        assert Job.objects.get().parameters["since"] == "2026-03-28T17:30:00Z"


@pytest.mark.django_db(transaction=True)
class TestJobStartApiAndTheBroker:
    @pytest.fixture(autouse=True)
    def known_to_workers(self) -> Iterator[None]:
        with task_registered(nothing) as task, kind_known("real", task=task):
            yield

    def test_wakes_a_worker_after_the_commit(self, client: Client, queue: Queue) -> None:
        client.post(f"{ADDRESS}real/", {}, JSON)

        assert len(queue) == 1

    def test_accepts_while_the_broker_is_down(self, client: Client, broker: Broker) -> None:
        with broker.down():
            tries = [self._accepted(client) for _ in range(3)]  # a busy machine may stall two of them
        broker_pause_end()

        assert min(tries) < 1.0  # the contract, not a benchmark
        assert list(Job.objects.values_list("state", flat=True)) == [JobState.PENDING] * 3

    @staticmethod
    def _accepted(client: Client) -> float:
        """How many seconds it takes until a job is accepted by a process that does not yet know about the broker."""
        broker_pause_end()
        began = time.monotonic()
        response = client.post(f"{ADDRESS}real/", {}, JSON)
        seconds = time.monotonic() - began
        assert response.status_code == 202
        return seconds


@pytest.mark.django_db(transaction=True)
class TestJobStartApiAtOnce:
    @pytest.mark.usefixtures("queue")
    def test_starts_one_and_names_it_to_all_the_others(self) -> None:
        clients = [token_client(user_onboarded(email=f"person-{number}@example.com")) for number in range(50)]

        with kind_known("single", at_once=AtOnce.ONE):
            answers = race(lambda number: clients[number].post(f"{ADDRESS}single/", {}, JSON), runners=50)

        job = Job.objects.get()
        assert sorted(answer.status_code for answer in answers) == [202] + [409] * 49
        assert {answer.json()["job_id"] for answer in answers if answer.status_code == 409} == {str(job.pk)}

    @pytest.mark.usefixtures("queue")
    def test_starts_one_for_one_idempotency_key(self) -> None:
        user = user_onboarded()
        clients = [token_client(user) for _ in range(6)]

        answers = race(
            lambda number: clients[number].post(START, {"table": "x"}, JSON, headers={"Idempotency-Key": "one"}),
            runners=6,
        )

        assert {answer.status_code for answer in answers} == {202}
        assert {answer.json()["id"] for answer in answers} == {str(Job.objects.get().pk)}
