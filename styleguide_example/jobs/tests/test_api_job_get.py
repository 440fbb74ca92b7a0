import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from time_machine import TimeMachineFixture

from styleguide_example.api.tests.clients import token_client
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.tests.api_kinds import ADDRESS
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make
from styleguide_example.jobs.words import job_shown
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return user_onboarded(email="ada@example.com")


@pytest.fixture
def client(ada: User) -> Client:
    return token_client(ada)


@pytest.fixture
def one_moment(time_machine: TimeMachineFixture) -> None:
    """What is told to the second must not depend on how long the test takes."""
    time_machine.move_to(timezone.now(), tick=False)


class TestJobApi:
    @pytest.mark.usefixtures("one_moment")
    def test_tells_of_one_that_runs(self, client: Client, ada: User) -> None:
        job = job_running_make(
            owner=ada,
            state=JobState.PROGRESS,
            progress_current=30,
            progress_total=90,
            progress_message="Row 30",
            progress_rate=2.0,
            progress_at=timezone.now(),
        )

        response = client.get(f"{ADDRESS}{job.pk}/")

        assert response.status_code == 200
        assert response.headers["Retry-After"] == "2"
        assert response.headers["Cache-Control"] == "no-store"
        shown = response.json()
        assert (shown["id"], shown["state"], shown["attempts"]) == (str(job.pk), "PROGRESS", 1)
        assert shown["progress"] == {
            "current": 30, "total": 90, "message": "Row 30", "rate": 2.0, "time_left_seconds": 30,
        }  # fmt: skip
        assert (shown["error"], shown["result"], shown["children"], shown["finished_at"]) == (None,) * 4
        assert shown["links"] == {
            "self": f"{ADDRESS}{job.pk}/",
            "cancel": f"{ADDRESS}{job.pk}/cancel/",
            **dict.fromkeys(("retry", "parent", "retry_of", "children", "failed_children")),
        }

    def test_tells_of_one_that_succeeded(self, client: Client, ada: User) -> None:
        job = job_ended_make(owner=ada, result={"rows": [1, None, "ü"]})

        response = client.get(f"{ADDRESS}{job.pk}/")

        assert "Retry-After" not in response.headers
        assert response.json()["result"] == {"rows": [1, None, "ü"]}
        assert response.json()["links"]["cancel"] is None
        assert response.json()["links"]["retry"] is None

    @pytest.mark.parametrize("staff", [False, True])
    def test_tells_why_one_failed_and_staff_where(self, ada: User, *, staff: bool) -> None:
        User.objects.filter(pk=ada.pk).update(is_staff=staff)
        job = job_ended_make(JobState.FAILURE, owner=ada, traceback="File secret.py")

        shown = token_client(ada).get(f"{ADDRESS}{job.pk}/").json()

        told = {"code": "failed", "message": "It went wrong."}
        assert shown["error"] == ({**told, "traceback": "File secret.py"} if staff else told)
        assert shown["links"]["retry"] == f"{ADDRESS}{job.pk}/retry/"

    def test_counts_the_parts_of_a_batch(self, client: Client, ada: User) -> None:
        states = [JobState.SUCCESS, JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED, JobState.STARTED]
        batch = batch_make(*states, parent={"owner": ada}, owner=ada)

        shown = client.get(f"{ADDRESS}{batch.pk}/").json()

        assert shown["children"] == {"total": 5, "done": 2, "failed": 1, "cancelled": 1}
        assert len(client.get(shown["links"]["children"]).json()["results"]) == 5
        failed = client.get(shown["links"]["failed_children"]).json()["results"]
        assert [child["state"] for child in failed] == ["FAILURE"]
        part = client.get(failed[0]["links"]["self"]).json()
        assert part["links"]["parent"] == shown["links"]["self"]
        assert part["links"]["retry"] is None

    def test_shows_when_a_cancel_was_asked_for(self, client: Client, ada: User) -> None:
        asked_at = datetime(2026, 3, 29, 1, 30, 0, 5, tzinfo=UTC)
        job = job_running_make(owner=ada, cancel_requested_at=asked_at)

        assert client.get(f"{ADDRESS}{job.pk}/").json()["cancel_requested_at"] == "2026-03-29T01:30:00.000005Z"

    @pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
    def test_tells_times_in_utc_wherever_one_reads_it(self, client: Client, ada: User, zone: str) -> None:
        job = job_running_make(owner=ada)

        with timezone.override(zone):
            shown = client.get(f"{ADDRESS}{job.pk}/").json()

        for name in ("created_at", "started_at"):
            assert shown[name].endswith("Z")
            assert datetime.fromisoformat(shown[name]) == getattr(job, name)

    def test_takes_two_queries(
        self, client: Client, ada: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        jobs = [job_running_make(owner=ada), batch_make(JobState.FAILURE, parent={"owner": ada})]

        for job in jobs:
            with django_assert_num_queries(2):
                client.get(f"{ADDRESS}{job.pk}/")

    def test_does_not_tell_an_unknown_one_from_somebody_elses(self, client: Client) -> None:
        ids = [JobFactory.create(owner=user_onboarded()).pk, JobFactory.create().pk, uuid.uuid4()]

        answers = [client.get(f"{ADDRESS}{job_id}/") for job_id in ids]

        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert len({str({**answer.json(), "instance": ""}) for answer in answers}) == 1
        assert answers[0].json()["detail"] == "You have no such job."

    @pytest.mark.parametrize("job_id", ["1", "x", "F47AC10B-58CC-4372-A567-0E02B2C3D479", "kindsx", "%00"])
    def test_does_not_know_what_is_no_id(self, client: Client, job_id: str) -> None:
        response = client.get(f"{ADDRESS}{job_id}/")

        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("one_moment")
class TestTimeLeft:
    def test_of_a_batch_is_the_one_that_its_page_shows(self, client: Client, ada: User) -> None:
        now = timezone.now()
        measured = {"started_at": now - timedelta(seconds=10), "progress_at": now, "owner": ada}
        batch = batch_make(*[JobState.SUCCESS] * 5, *[JobState.PENDING] * 20, parent=measured, owner=ada)
        progress = client.get(f"{ADDRESS}{batch.pk}/").json()["progress"]
        assert (progress["rate"], progress["time_left_seconds"]) == (0.5, 40)
        assert (job_shown(batch).pace, job_shown(batch).left) == ("30 a minute", "about 40 seconds left")

    @pytest.mark.parametrize(
        ("columns", "left"),
        [
            ({}, 40),
            ({"progress_at": timezone.now() - timedelta(hours=1)}, 0),
            ({"progress_current": 120}, 0),
            ({"progress_rate": None}, None),
            ({"progress_rate": 0.0}, None),
            ({"progress_total": None}, None),
            ({"progress_at": None}, None),
            ({"state": JobState.SUCCESS}, None),
        ],
    )
    def test_is_known_of_one_that_runs_and_was_measured(
        self, client: Client, ada: User, columns: dict[str, object], left: int | None
    ) -> None:
        measured = {"progress_current": 20, "progress_total": 100, "progress_rate": 2.0, "progress_at": timezone.now()}
        job = JobFactory.create(**{"owner": ada, "state": JobState.PROGRESS, **measured, **columns})

        assert client.get(f"{ADDRESS}{job.pk}/").json()["progress"]["time_left_seconds"] == left
