"""What a person can do to a job on its page."""

import pytest
from django.test import Client
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.jobs.enums import AtOnce, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_start
from styleguide_example.jobs.tests.factories import JobFactory, job_ended_make, job_running_make, kind_known
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


def _url(job: Job, rest: str = "") -> str:
    return f"/jobs/{job.pk}/{rest}"


def _actions(client: Client, job: Job) -> list[str]:
    page = html.document_fromstring(client.get(_url(job)).content.decode())
    (actions,) = page.find_class("actions")
    return [" ".join(action.text_content().split()) for action in actions.xpath(".//a | .//button")]


@pytest.fixture
def person(client: Client) -> User:
    """Somebody who is signed in."""
    user = user_onboarded()
    client.force_login(user)
    return user


class TestActions:
    @pytest.mark.parametrize(
        ("state", "offered"),
        [
            (JobState.PENDING, ["Cancel"]),
            (JobState.STARTED, ["Cancel"]),
            (JobState.PROGRESS, ["Cancel"]),
            (JobState.RETRY, ["Cancel"]),
            (JobState.SUCCESS, []),
            (JobState.FAILURE, ["Try again"]),
            (JobState.REVOKED, ["Try again"]),
        ],
    )
    def test_are_what_the_state_allows(self, client: Client, person: User, state: JobState, offered: list[str]) -> None:
        assert _actions(client, JobFactory.create(owner=person, state=state)) == offered

    def test_do_not_offer_to_cancel_twice(self, client: Client, person: User) -> None:
        job = job_running_make(owner=person, cancel_requested_at="2020-01-01T00:00:00Z")
        assert _actions(client, job) == []

    def test_lead_to_where_the_kind_says(self, client: Client, person: User) -> None:
        with kind_known("count", url=lambda job: "/home/"):
            assert _actions(client, job_running_make(owner=person)) == ["Cancel", "Open what it is about"]


class TestJobCancelView:
    def test_asks_first(self, client: Client, person: User) -> None:
        job = JobFactory.create(owner=person)
        page = client.get(_url(job, "cancel/")).content.decode()
        assert "It has not begun" in page
        job.refresh_from_db()
        assert job.state == JobState.PENDING

    def test_ends_what_has_not_begun(self, client: Client, person: User) -> None:
        job = JobFactory.create(owner=person)
        response = client.post(_url(job, "cancel/"))
        assert response.headers["Location"] == _url(job)
        job.refresh_from_db()
        assert job.state == JobState.REVOKED

    def test_asks_what_runs_to_stop(self, client: Client, person: User) -> None:
        job = job_running_make(owner=person)
        page = client.post(_url(job, "cancel/"), follow=True).content.decode()
        assert "Stopping" in page
        job.refresh_from_db()
        assert job.cancel_requested_at is not None

    def test_does_not_ask_about_what_has_ended(self, client: Client, person: User) -> None:
        job = job_ended_make(owner=person)
        assert client.get(_url(job, "cancel/")).headers["Location"] == _url(job)

    def test_says_what_was_faster(self, client: Client, person: User) -> None:
        job = job_ended_make(owner=person)
        page = client.post(_url(job, "cancel/"), follow=True).content.decode()
        assert "It had ended before it could be cancelled." in page
        job.refresh_from_db()
        assert job.state == JobState.SUCCESS


class TestJobRetryView:
    def test_goes_to_the_new_one(self, client: Client, person: User) -> None:
        job = job_ended_make(JobState.FAILURE, owner=person)
        with kind_known("count"):
            response = client.post(_url(job, "retry/"))
        new = Job.objects.get(retry_of=job)
        assert response.headers["Location"] == _url(new)

    def test_goes_to_the_one_that_was_started_by_the_first_click(self, client: Client, person: User) -> None:
        job = job_ended_make(JobState.FAILURE, owner=person)
        with kind_known("count"):
            client.post(_url(job, "retry/"))
            page = client.post(_url(job, "retry/"), follow=True)
        new = Job.objects.get(retry_of=job)
        assert page.redirect_chain == [(_url(new), 302)]
        assert "The same is being done already" in page.content.decode()

    def test_does_not_show_the_one_that_somebody_else_runs(self, client: Client, person: User) -> None:
        with kind_known("count", at_once=AtOnce.ONE):
            job = job_ended_make(JobState.FAILURE, owner=person)
            job_start(kind="count", owner=user_onboarded())
            page = client.post(_url(job, "retry/"), follow=True)
        assert page.redirect_chain == [(_url(job), 302)]
        assert "Somebody else is doing the same right now." in page.content.decode()

    def test_refuses_what_went_well(self, client: Client, person: User) -> None:
        job = job_ended_make(owner=person)
        with kind_known("count"):
            page = client.post(_url(job, "retry/"), follow=True).content.decode()
        assert "cannot be started again like this" in page
        assert Job.objects.count() == 1

    def test_refuses_a_kind_that_the_person_may_no_longer_start(self, client: Client, person: User) -> None:
        job = job_ended_make(JobState.FAILURE, owner=person)
        with kind_known("count", may_start=lambda user: False):
            page = client.post(_url(job, "retry/"), follow=True).content.decode()
        assert "cannot be started again like this" in page
        assert Job.objects.count() == 1

    def test_is_not_done_by_looking(self, client: Client, person: User) -> None:
        assert client.get(_url(job_ended_make(JobState.FAILURE, owner=person), "retry/")).status_code == 405
