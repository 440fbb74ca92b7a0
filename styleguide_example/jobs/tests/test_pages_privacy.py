"""Nobody but the owner comes near a job on its pages."""

import uuid

import pytest
from django.test import Client

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import JobFactory, job_ended_make, job_running_make
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded, user_staff

pytestmark = pytest.mark.django_db

LIST = "/jobs/"


def _url(job: Job, rest: str = "") -> str:
    return f"{LIST}{job.pk}/{rest}"


@pytest.fixture
def person(client: Client) -> User:
    """Somebody who is signed in."""
    user = user_onboarded()
    client.force_login(user)
    return user


REST = ["", "progress/", "cancel/", "retry/"]


class TestPrivacy:
    @pytest.mark.parametrize("rest", REST)
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_knows_no_job_of_somebody_else(self, client: Client, person: User, method: str, rest: str) -> None:
        job = job_ended_make(JobState.FAILURE, owner=user_onboarded())
        unknown = f"{LIST}{uuid.uuid4()}/{rest}"
        response = getattr(client, method)(_url(job, rest))
        assert response.status_code == getattr(client, method)(unknown).status_code
        assert response.status_code in (404, 405)
        assert Job.objects.count() == 1

    @pytest.mark.parametrize("rest", REST)
    def test_shows_staff_no_more_than_others(self, client: Client, rest: str) -> None:
        job = job_running_make(owner=user_onboarded())
        client.force_login(user_staff(is_superuser=True))
        assert client.get(_url(job, rest)).status_code in (404, 405)

    def test_cancels_nothing_of_somebody_else(self, client: Client, person: User) -> None:
        job = JobFactory.create(owner=user_onboarded())
        client.post(_url(job, "cancel/"))
        job.refresh_from_db()
        assert (job.state, job.cancel_requested_at) == (JobState.PENDING, None)

    def test_lists_nothing_of_somebody_else_or_of_nobody(self, client: Client, person: User) -> None:
        job_running_make(owner=user_onboarded()), job_running_make(owner=None)
        assert "Nothing yet." in client.get(LIST).content.decode()

    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("rest", REST)
    def test_sends_somebody_who_is_signed_out_to_the_sign_in_and_on_to_a_page(
        self, client: Client, method: str, rest: str
    ) -> None:
        url = _url(JobFactory.create(owner=user_onboarded()), rest)
        response = getattr(client, method)(url)
        # What takes forms alone is no page: whoever was sent back there would read "405".
        onwards = "" if rest == "retry/" else f"?next={url}"
        assert (response.status_code, response.headers["Location"]) == (302, f"/sign-in/{onwards}")

    @pytest.mark.parametrize("rest", ["cancel/", "retry/"])
    def test_refuses_a_form_of_another_site(self, person: User, rest: str) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(person)
        assert strict.post(_url(JobFactory.create(owner=person), rest)).status_code == 403
