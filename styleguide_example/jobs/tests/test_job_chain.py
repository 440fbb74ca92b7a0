"""Where a job stands in its chain, and what its page and the admin say of it."""

from collections.abc import Iterator

import pytest
from django.db.models import Q
from django.test import Client
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from pytest_django import DjangoAssertNumQueries

from styleguide_example.jobs.ending import Ending, job_end
from styleguide_example.jobs.enums import AtOnce, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import Chain, job_chain
from styleguide_example.jobs.services import Step, job_chain_start, job_retry, job_start
from styleguide_example.jobs.tests.admins import page_of, text_of
from styleguide_example.jobs.tests.factories import JobFactory, kind_known
from styleguide_example.jobs.tests.messages import read
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded, user_staff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    with (
        kind_known("extract", title="Extract"),
        kind_known("turn", title="Turn", at_once=AtOnce.ONE),
        kind_known("load", title="Load"),
    ):
        yield


@pytest.fixture
def person(client: Client) -> User:
    """Somebody who is signed in."""
    user = user_onboarded()
    client.force_login(user)
    return user


def _start(owner: User | None = None) -> Job:
    return job_chain_start(steps=[Step("extract"), Step("turn"), Step("load")], owner=owner)


def _end(job: Job, state: JobState = JobState.SUCCESS) -> Job:
    assert job_end(job.pk, when=Q(), ending=Ending(state))
    return read(job)


def _step(number: int) -> Job:
    return Job.objects.get(chain_position=number)


def _said(client: Client, job: Job) -> str:
    page = html.document_fromstring(client.get(f"/jobs/{job.pk}/").content.decode())
    return " ".join(text for element in page.find_class("job-chain") for text in "".join(element.itertext()).split())


class TestJobChain:
    def test_is_none_of_a_job_by_itself(self) -> None:
        assert job_chain(job=JobFactory.create()) is None

    def test_knows_the_place_of_each_step_from_beginning_to_end(self) -> None:
        first = _start()
        assert job_chain(job=first) == Chain(1, 3, "turn")
        first, second = _end(first), _step(2)
        assert job_chain(job=first) == Chain(1, 3, "turn", second.pk)
        assert job_chain(job=second) == Chain(2, 3, "load")
        second, third = _end(second), _step(3)
        _end(third)
        assert job_chain(job=first) == Chain(1, 3, "turn", second.pk)
        assert job_chain(job=second) == Chain(2, 3, "load", third.pk)
        assert job_chain(job=third) == Chain(3, 3)

    @pytest.mark.parametrize("state", [JobState.FAILURE, JobState.REVOKED])
    def test_counts_the_steps_that_wait_for_another_try(self, state: JobState) -> None:
        first = _end(_start(), state)
        assert job_chain(job=first) == Chain(1, 3, "turn", waiting=2)
        again = job_retry(job=first)
        assert job_chain(job=first) == Chain(1, 3, "turn")
        assert job_chain(job=again) == Chain(1, 3, "turn")

    def test_knows_the_step_that_another_job_does(self) -> None:
        twin = job_start(kind="turn")
        first = _end(_start())
        assert job_chain(job=first) == Chain(1, 3, "turn")
        assert job_chain(job=twin) is None

    def test_costs_three_queries_however_long_it_is(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        first = job_chain_start(steps=[Step("extract")] * 50)
        with django_assert_max_num_queries(3):
            assert job_chain(job=first) == Chain(1, 50, "extract")


class TestJobView:
    def test_says_which_step_it_is_and_what_comes_next(self, client: Client, person: User) -> None:
        first = _start(person)
        assert _said(client, first) == "Step 1 of 3, then: Turn."
        _end(first)
        assert f'<a href="/jobs/{_step(2).pk}/">Turn</a>' in client.get(f"/jobs/{first.pk}/").content.decode()
        assert _said(client, _end(_step(2))) == "Step 2 of 3, then: Load."
        assert _said(client, _step(3)) == "Step 3 of 3."

    def test_says_of_a_failed_step_that_the_rest_waits(self, client: Client, person: User) -> None:
        _end(_start(person))
        second = _end(_step(2), JobState.FAILURE)
        said = "Step 2 of 3, then: Load. The 1 step after it waits: Try again goes on with it."
        assert _said(client, second) == said

    def test_says_nothing_of_a_job_by_itself(self, client: Client, person: User) -> None:
        assert _said(client, JobFactory.create(owner=person)) == ""


class TestJobAdmin:
    def test_says_which_step_it_is_and_what_waits(self, client: Client) -> None:
        client.force_login(user_staff(is_superuser=True))
        first = _end(_start(), JobState.FAILURE)
        page = text_of(client.get(page_of(first)))
        assert "Step 1 of 3, then: Turn. The 2 steps after it wait: Retry goes on with them." in page
