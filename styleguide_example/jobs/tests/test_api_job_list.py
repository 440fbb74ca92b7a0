from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.api.tests.clients import token_client
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.api_kinds import ADDRESS
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return user_onboarded(email="ada@example.com")


@pytest.fixture
def client(ada: User) -> Client:
    return token_client(ada)


def _ids(client: Client, **filters: object) -> list[str]:
    response = client.get(f"{ADDRESS}?{urlencode(filters, doseq=True)}")
    assert response.status_code == 200, response.content
    return [job["id"] for job in response.json()["results"]]


def _keys(*jobs: Job) -> list[str]:
    return [str(job.pk) for job in jobs]


class TestJobListApi:
    def test_lists_mine_newest_first(self, client: Client, ada: User) -> None:
        JobFactory.create(owner=user_onboarded())
        JobFactory.create()
        old, new = JobFactory.create(owner=ada), JobFactory.create(owner=ada)

        assert _ids(client) == _keys(new, old)

    def test_leaves_out_what_may_be_large(self, client: Client, ada: User) -> None:
        job_ended_make(JobState.FAILURE, owner=ada, parameters={"a": 1}, result=1, traceback="x")

        shown = client.get(ADDRESS).json()["results"][0]

        assert {"parameters", "result"} & set(shown) == set()
        assert shown["error"] == {"code": "failed", "message": "It went wrong."}

    def test_shows_all_in_pages(self, client: Client, ada: User) -> None:
        made = _keys(*[JobFactory.create(owner=ada, created_at=timezone.now()) for _ in range(5)])

        first = client.get(f"{ADDRESS}?limit=3&active=true").json()
        second = client.get(first["next"]).json()

        assert [job["id"] for page in (first, second) for job in page["results"]] == made[::-1]
        assert second["next"] is None

    def test_narrows_by_kind(self, client: Client, ada: User) -> None:
        wanted = JobFactory.create(owner=ada, kind="export")
        JobFactory.create(owner=ada, kind="import")

        assert _ids(client, kind="export") == _keys(wanted)
        assert _ids(client, kind="unknown") == []

    def test_says_which_states_there_are(self, client: Client) -> None:
        errors = client.get(f"{ADDRESS}?state=BOGUS").json()["errors"]
        said = '"BOGUS" is no state. There are PENDING, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE, REVOKED.'
        assert errors == {"state.0": [said]}

    def test_narrows_by_states(self, client: Client, ada: User) -> None:
        done, failed = job_ended_make(owner=ada), job_ended_make(JobState.FAILURE, owner=ada)
        JobFactory.create(owner=ada)

        assert sorted(_ids(client, state=["SUCCESS", "FAILURE"])) == sorted(_keys(done, failed))

    def test_narrows_to_what_is_active_or_not(self, client: Client, ada: User) -> None:
        waiting = JobFactory.create(owner=ada)
        running = job_running_make(owner=ada)
        done = job_ended_make(owner=ada)

        assert _ids(client, active="true") == _keys(running, waiting)
        assert _ids(client, active="false") == _keys(done)

    def test_narrows_by_time_in_any_zone(self, client: Client, ada: User) -> None:
        noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
        before, at, after = (
            JobFactory.create(owner=ada, created_at=noon + timedelta(seconds=seconds)) for seconds in (-1, 0, 1)
        )

        assert _ids(client, created_after="2026-03-29T12:00:00Z") == _keys(after, at)
        assert _ids(client, created_after="2026-03-29T21:00:00+09:00") == _keys(after, at)
        assert _ids(client, created_before="2026-03-29T12:00:00Z") == _keys(before)
        assert _ids(client, created_after="0001-01-01T00:00:00Z", created_before="9999-12-31T23:59:59Z") == _keys(
            after, at, before
        )

    def test_shows_the_parts_of_a_batch_on_demand(self, client: Client, ada: User) -> None:
        batch = batch_make(JobState.SUCCESS, JobState.FAILURE, parent={"owner": ada}, owner=ada)
        failed = Job.objects.get(parent=batch, state=JobState.FAILURE)

        assert _ids(client) == _keys(batch)
        assert len(_ids(client, parent=batch.pk)) == 2
        assert _ids(client, parent=batch.pk, state="FAILURE") == _keys(failed)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("state", "DONE"), ("state", "success"), ("active", "maybe"), ("parent", "1"), ("created_after", "today"),
            ("created_before", "9999-12-31T23:59:59-14:00"), ("last", "maybe"), ("limit", "0"), ("cursor", "x"),
            ("kind", "\0"),
        ],
    )  # fmt: skip
    def test_says_which_filter_does_not_fit(self, client: Client, name: str, value: str) -> None:
        response = client.get(ADDRESS, {name: value})

        assert response.status_code == 400
        assert {field.partition(".")[0] for field in response.json()["errors"]} == {name}

    def test_takes_two_queries(
        self, client: Client, ada: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(3):
            batch_make(JobState.FAILURE, parent={"owner": ada, "traceback": "x"}, owner=ada)

        with django_assert_num_queries(2):
            client.get(ADDRESS)


class TestLastJob:
    def test_is_the_newest_as_one_object(self, client: Client, ada: User) -> None:
        JobFactory.create(owner=ada)
        newest = JobFactory.create(owner=ada, parameters={"a": 1})
        JobFactory.create(owner=user_onboarded())

        response = client.get(f"{ADDRESS}?last=1")

        assert (response.json()["id"], response.json()["parameters"]) == (str(newest.pk), {"a": 1})
        assert response.headers["Retry-After"] == "2"

    def test_can_be_that_of_a_kind_or_state(self, client: Client, ada: User) -> None:
        wanted = job_ended_make(owner=ada, kind="export")
        JobFactory.create(owner=ada, kind="export")
        job_ended_make(owner=ada, kind="import")

        assert client.get(f"{ADDRESS}?last=1&kind=export&state=SUCCESS").json()["id"] == str(wanted.pk)

    def test_is_404_when_there_is_none(self, client: Client) -> None:
        JobFactory.create(owner=user_onboarded())

        response = client.get(f"{ADDRESS}?last=1")

        assert response.status_code == 404
        assert response.json()["detail"] == "You have no such job."
