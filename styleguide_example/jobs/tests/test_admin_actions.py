"""Cancel, retry and terminate, from the list and from the page of a job."""

from collections.abc import Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from styleguide_example.jobs import actions
from styleguide_example.jobs.enums import ControlAction, JobState
from styleguide_example.jobs.kinds import nobody
from styleguide_example.jobs.models import ControlEntry, Job
from styleguide_example.jobs.tests.admins import LIST, act, page_of, staff_make, text_of
from styleguide_example.jobs.tests.factories import JobFactory, job_ended_make, job_running_make, kind_known
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"), kind_known("closed", may_start=nobody):
        yield


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody who may see and change jobs."""
    client.force_login(staff_make("view_job", "change_job"))
    return client


@pytest.fixture
def terminator(client: Client) -> Client:
    """Signed in as somebody who may see and terminate jobs."""
    client.force_login(staff_make("view_job", "terminate_job"))
    return client


class TestCancel:
    def test_ends_what_waits_asks_what_runs_and_says_why_not_of_the_rest(self, staff: Client) -> None:
        waiting, running, done = JobFactory.create(), job_running_make(), job_ended_make()
        page = act(staff, "cancel", waiting, running, done)
        assert "2 asked to stop." in page
        assert f"Job {done.pk} has ended: done." in page
        for job in (waiting, running, done):
            job.refresh_from_db()
        assert waiting.state == JobState.REVOKED
        assert running.cancel_requested_at is not None
        assert done.state == JobState.SUCCESS

    def test_leaves_a_line_in_the_history_of_each(self, staff: Client) -> None:
        job = JobFactory.create()
        act(staff, "cancel", job, job_ended_make())
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.user.email) == (str(job.pk), "staff@example.com")
        assert "Asked to stop." in entry.get_change_message()

    def test_from_its_page_leads_back_to_its_page(self, staff: Client) -> None:
        job = JobFactory.create()
        assert 'value="cancel"' in text_of(staff.get(page_of(job)))
        data = {"action": "cancel", "_selected_action": [str(job.pk)], "from": "page"}
        response = staff.post(f"{LIST}?parts=with", data, follow=True)
        assert response.redirect_chain == [(page_of(job), 302)]
        assert 'value="cancel"' not in text_of(response)

    def test_acts_on_so_many_at_most(self, staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(actions, "JOBS_MAX", 2)
        page = act(staff, "cancel", *[JobFactory.create() for _ in range(3)], select_across="1")
        assert "2 asked to stop." in page
        assert "Only the first 2" in page
        assert Job.objects.filter(state=JobState.PENDING).count() == 1


class TestRetry:
    def test_starts_failed_and_cancelled_ones_again_as_new_jobs(self, staff: Client) -> None:
        failed, cancelled, done = (job_ended_make(state) for state in ("FAILURE", "REVOKED", "SUCCESS"))
        page = act(staff, "retry", failed, cancelled, done)
        assert "2 started again." in page
        assert f"Job {done.pk} is done" in page
        assert set(Job.objects.filter(state=JobState.PENDING).values_list("retry_of", flat=True)) == {
            failed.pk,
            cancelled.pk,
        }

    def test_asks_whether_staff_may_start_what_a_person_had_started(self, staff: Client) -> None:
        """Else whoever may change jobs could send what they may not send."""
        persons = job_ended_make(JobState.FAILURE, kind="closed", owner=UserFactory.create())
        systems = job_ended_make(JobState.FAILURE, kind="closed")
        act(staff, "retry", persons, systems)
        assert Job.objects.get(state=JobState.PENDING).retry_of == systems


class TestTerminate:
    def test_asks_first(self, terminator: Client) -> None:
        job = job_running_make()
        page = act(terminator, "terminate", job)
        assert "Are you sure?" in page
        assert str(job.pk) in page
        job.refresh_from_db()
        assert job.terminate_requested_at is None

    def test_is_noted_in_the_audit_and_in_the_history(self, terminator: Client) -> None:
        job, done = job_running_make(), job_ended_make()
        page = act(terminator, "terminate", job, done, confirmed="1", reason="It hangs")
        assert "1 asked to be terminated." in page
        assert f"Job {done.pk} has ended" in page
        job.refresh_from_db()
        assert job.terminate_requested_at is not None
        entry = ControlEntry.objects.get()
        assert (entry.action, entry.target, entry.reason) == (ControlAction.TERMINATE, f"job {job.pk}", "It hangs")
        assert entry.done_by is not None
        assert "terminated" in LogEntry.objects.get().get_change_message()

    def test_from_its_page_asks_and_leads_back_to_its_page(self, terminator: Client) -> None:
        job = job_running_make()
        assert 'value="terminate"' in text_of(terminator.get(page_of(job)))
        page = act(terminator, "terminate", job, **{"from": "page"})
        assert '<input type="hidden" name="from" value="page">' in page
        data = {"action": "terminate", "_selected_action": [str(job.pk)], "from": "page", "confirmed": "1"}
        response = terminator.post(f"{LIST}?parts=with", data, follow=True)
        assert response.redirect_chain == [(page_of(job), 302)]


class TestActions:
    @pytest.mark.parametrize(
        ("permissions", "refused"),
        [
            (("view_job",), ("cancel", "retry", "terminate")),
            (("view_job", "change_job"), ("terminate",)),
            (("view_job", "terminate_job"), ("cancel", "retry")),
            (("view_job", "control_jobs"), ("cancel", "retry", "terminate")),
        ],
    )
    def test_are_refused_to_those_who_may_not(
        self, client: Client, permissions: tuple[str, ...], refused: tuple[str, ...]
    ) -> None:
        client.force_login(staff_make(*permissions))
        jobs = [JobFactory.create(), job_running_make(), job_ended_make(JobState.FAILURE)]
        before = list(Job.objects.order_by("pk").values())
        for action in refused:
            page = act(client, action, *jobs, confirmed="1")
            assert f'value="{action}"' not in page
        assert list(Job.objects.order_by("pk").values()) == before
        assert not LogEntry.objects.exists()
        assert not ControlEntry.objects.exists()

    def test_offer_no_button_that_would_be_refused(self, client: Client) -> None:
        client.force_login(staff_make("view_job"))
        page = text_of(client.get(page_of(job_running_make())))
        assert "job-act" not in page

    @pytest.mark.parametrize("somebody", [False, True])
    def test_are_refused_to_people_who_are_not_staff(self, client: Client, somebody: object) -> None:
        job = JobFactory.create(owner=UserFactory.create())
        if somebody:
            assert job.owner is not None
            client.force_login(job.owner)
        response = client.post(LIST, {"action": "cancel", "_selected_action": [str(job.pk)]})
        assert response.status_code == 302
        job.refresh_from_db()
        assert job.state == JobState.PENDING

    def test_do_nothing_by_get(self, admin_client: Client) -> None:
        job = JobFactory.create()
        admin_client.get(LIST, {"action": "cancel", "_selected_action": str(job.pk)})
        job.refresh_from_db()
        assert job.state == JobState.PENDING
