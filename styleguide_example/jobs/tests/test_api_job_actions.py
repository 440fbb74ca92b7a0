from typing import Any

import pytest
from django.test import Client

from styleguide_example.api.tests.clients import token_client
from styleguide_example.jobs.enums import AtOnce, JobState
from styleguide_example.jobs.kinds import nobody
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.api_kinds import ADDRESS
from styleguide_example.jobs.tests.factories import (
    JobFactory,
    batch_make,
    job_ended_make,
    job_running_make,
    kind_known,
)
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return user_onboarded(email="ada@example.com")


@pytest.fixture
def client(ada: User) -> Client:
    return token_client(ada)


def _post(client: Client, job: Job, action: str, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{ADDRESS}{job.pk}/{action}/", content_type="application/json", headers=headers)


class TestJobCancelApi:
    def test_ends_one_that_waits(self, client: Client, ada: User) -> None:
        job = JobFactory.create(owner=ada)

        response = _post(client, job, "cancel")

        assert (response.status_code, response.json()["state"]) == (202, "REVOKED")
        assert response.headers["Location"] == f"{ADDRESS}{job.pk}/"
        assert "Retry-After" not in response.headers
        assert Job.objects.get().state == JobState.REVOKED

    def test_asks_one_that_runs(self, client: Client, ada: User) -> None:
        job = job_running_make(owner=ada)

        answers = [_post(client, job, "cancel") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json()["state"] == "STARTED"
        assert answers[0].json()["cancel_requested_at"] == answers[1].json()["cancel_requested_at"] is not None
        assert answers[0].headers["Retry-After"] == "2"

    @pytest.mark.parametrize("state", [JobState.SUCCESS, JobState.FAILURE])
    def test_refuses_one_that_has_ended(self, client: Client, ada: User, state: str) -> None:
        response = _post(client, job_ended_make(state, owner=ada), "cancel")

        assert response.status_code == 409
        assert response.json()["type"] == "urn:problem-type:job-state-conflict"

    def test_takes_no_get(self, client: Client, ada: User) -> None:
        job = JobFactory.create(owner=ada)

        assert client.get(f"{ADDRESS}{job.pk}/cancel/").status_code == 405


class TestJobRetryApi:
    def test_starts_a_new_one(self, client: Client, ada: User) -> None:
        job = job_ended_make(JobState.FAILURE, owner=ada, parameters={"a": 1})

        with kind_known():
            response = _post(client, job, "retry")

        new = Job.objects.exclude(pk=job.pk).get()
        assert response.status_code == 202
        assert response.headers["Location"] == f"{ADDRESS}{new.pk}/"
        assert (response.json()["id"], response.json()["parameters"]) == (str(new.pk), {"a": 1})
        assert response.json()["links"]["retry_of"] == f"{ADDRESS}{job.pk}/"

    def test_starts_one_for_one_idempotency_key(self, client: Client, ada: User) -> None:
        job = job_ended_make(JobState.FAILURE, owner=ada)

        with kind_known():
            answers = [_post(client, job, "retry", key="one") for _ in range(2)]

        assert answers[0].json() == answers[1].json()
        assert Job.objects.count() == 2

    @pytest.mark.parametrize("state", [JobState.SUCCESS, JobState.PENDING, JobState.STARTED])
    def test_refuses_one_that_did_not_fail(self, client: Client, ada: User, state: str) -> None:
        with kind_known():
            response = _post(client, JobFactory.create(owner=ada, state=state), "retry")

        assert response.status_code == 409
        assert response.json()["type"] == "urn:problem-type:job-state-conflict"

    def test_refuses_a_part_of_a_batch(self, client: Client, ada: User) -> None:
        batch_make(JobState.FAILURE, parent={"owner": ada}, owner=ada)

        with kind_known():
            response = _post(client, Job.objects.get(is_batch=False), "retry")

        assert response.status_code == 409

    def test_names_the_one_that_is_under_way(self, client: Client, ada: User) -> None:
        job = job_ended_make(JobState.FAILURE, owner=ada)
        active = job_running_make(owner=user_onboarded(), once_key="count")

        with kind_known(at_once=AtOnce.ONE):
            response = _post(client, job, "retry")

        assert (response.status_code, response.json()["job_id"]) == (409, str(active.pk))

    def test_refuses_one_whose_kind_is_gone(self, client: Client, ada: User) -> None:
        response = _post(client, job_ended_make(JobState.FAILURE, owner=ada), "retry")

        assert response.status_code == 409
        assert response.json()["type"] == "urn:problem-type:job-state-conflict"

    def test_refuses_a_kind_that_the_person_may_no_longer_start(self, client: Client, ada: User) -> None:
        with kind_known(may_start=nobody):
            response = _post(client, job_ended_make(JobState.FAILURE, owner=ada), "retry")

        assert response.status_code == 403
