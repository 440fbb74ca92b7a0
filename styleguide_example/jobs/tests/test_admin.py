"""The list of jobs and the page of each."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job, JobContinuation
from styleguide_example.jobs.tests.admins import LIST, page_of, somebody_else, staff_make, text_of
from styleguide_example.jobs.tests.factories import (
    JobFactory,
    batch_make,
    job_ended_make,
    job_running_make,
    kind_known,
)
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

ATTACK = "<script>alert(1)</script>"
NOBODY = [None, "not staff", "staff without permission"]


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"):
        yield


@pytest.fixture
def reader(client: Client) -> Client:
    """Signed in as somebody who may see jobs."""
    client.force_login(staff_make("view_job"))
    return client


class TestJobPages:
    @pytest.mark.parametrize("somebody", NOBODY)
    def test_are_shown_to_nobody_else(self, client: Client, somebody: str | None) -> None:
        job = JobFactory.create(parameters={"secret": "xyzzy"})
        status = somebody_else(client, somebody)
        for url in (LIST, page_of(job), reverse("admin:jobs_job_progress", args=[job.pk])):
            response = client.get(url)
            assert response.status_code == status
            assert "xyzzy" not in response.content.decode()

    def test_can_change_nothing(self, admin_client: Client) -> None:
        job = JobFactory.create()
        before = Job.objects.values().get()
        assert admin_client.post(page_of(job), {"state": "SUCCESS"}).status_code == 403
        for name, args in (("add", []), ("delete", [job.pk])):
            assert admin_client.post(reverse(f"admin:jobs_job_{name}", args=args), {"post": "yes"}).status_code == 403
        assert Job.objects.values().get() == before

    def test_show_what_people_and_programs_wrote_as_text(self, reader: Client) -> None:
        job = job_ended_make(
            JobState.FAILURE,
            kind=ATTACK,
            parameters={ATTACK: ATTACK},
            result={"x": ATTACK},
            error_code=ATTACK[:64],
            error_message=ATTACK,
            traceback=ATTACK,
            progress_message=ATTACK,
            owner=UserFactory.create(),
        )
        batch = batch_make(JobState.FAILURE, error_message=ATTACK, parameters={"x": ATTACK})
        JobContinuation.objects.create(after=job, steps=[{"kind": ATTACK}], position=2, chain_id=job.pk, priority=5)
        for url in (LIST, page_of(job), page_of(batch)):
            assert ATTACK not in reader.get(url).content.decode()


class TestJobList:
    def test_says_of_each_how_it_stands_what_it_is_and_whose(self, reader: Client) -> None:
        ada = UserFactory.create(email="ada@example.com")
        job_running_make(state=JobState.PROGRESS, owner=ada, progress_current=3, progress_total=12)
        page = text_of(reader.get(LIST))
        assert '<span class="sign go"><span aria-hidden="true">▶</span> Running</span>' in page
        assert "Do count" in page
        assert "ada@example.com" in page
        assert '<progress class="running" max="100" value="25"' in page
        assert "25 % · 3 of 12" in page

    def test_shows_no_full_bar_beside_a_batch_that_failed(self, reader: Client) -> None:
        batch_make(JobState.SUCCESS, JobState.FAILURE, JobState.FAILURE, parent={"state": JobState.FAILURE})
        page = text_of(reader.get(LIST))
        assert "1 done · 2 failed" in page
        assert '<rect class="failed"' in page
        assert "<progress" not in page

    def test_says_how_many_attempts_it_took_where_one_was_not_enough(self, reader: Client) -> None:
        job_ended_make(attempts=3)
        assert "less than a second, 3 attempts" in text_of(reader.get(LIST))

    def test_puts_the_newest_first(self, reader: Client) -> None:
        old = JobFactory.create(created_at=timezone.now() - timedelta(hours=1))
        new = JobFactory.create()
        page = text_of(reader.get(LIST))
        assert page.index(str(new.pk)) < page.index(str(old.pk))

    def test_asks_the_database_no_more_for_more_rows(
        self, reader: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        job_ended_make(owner=UserFactory.create())
        with CaptureQueriesContext(connection) as first:
            reader.get(LIST)
        for state in JobState:
            JobFactory.create(state=state, owner=UserFactory.create(), kind=f"kind-{state.lower()}")
        with django_assert_num_queries(len(first)):
            reader.get(LIST)

    def test_does_not_read_what_it_does_not_show(self, reader: Client) -> None:
        JobFactory.create()
        with CaptureQueriesContext(connection) as queries:
            reader.get(LIST)
        assert not [query for query in queries if '"jobs_job"."traceback"' in query["sql"]]

    def test_says_when_there_is_none(self, reader: Client) -> None:
        assert "There is no job yet" in text_of(reader.get(LIST))
        JobFactory.create()
        assert "No job matches" in text_of(reader.get(LIST, {"is": "failed"}))

    @pytest.mark.parametrize(
        ("word", "states"),
        [
            ("waiting", {"PENDING", "RETRY"}),
            ("running", {"STARTED", "PROGRESS"}),
            ("done", {"SUCCESS"}),
            ("failed", {"FAILURE"}),
            ("cancelled", {"REVOKED"}),
            ("no such word", set(JobState.values)),
        ],
    )
    def test_filters_by_state(self, reader: Client, word: str, states: set[str]) -> None:
        jobs = {state: JobFactory.create(state=state) for state in JobState.values}
        page = text_of(reader.get(LIST, {"is": word}))
        assert {state for state, job in jobs.items() if str(job.pk) in page} == states

    def test_filters_by_kind_those_that_are_gone_too(self, reader: Client) -> None:
        mine, other = JobFactory.create(), JobFactory.create(kind="gone")
        page = text_of(reader.get(LIST, {"kind": "gone"}))
        assert str(other.pk) in page
        assert str(mine.pk) not in page
        assert 'href="?kind=count">Do count</a>' in page

    def test_hides_the_parts_of_batches_until_they_are_asked_for(self, reader: Client) -> None:
        batch = batch_make(JobState.SUCCESS)
        part = Job.objects.get(parent=batch)
        assert str(part.pk) not in text_of(reader.get(LIST))
        for query in ({"parts": "with"}, {"parent__exact": str(batch.pk)}, {"q": str(part.pk)}):
            assert str(part.pk) in text_of(reader.get(LIST, query))

    def test_finds_by_id_and_by_the_owners_address(self, reader: Client) -> None:
        mine = JobFactory.create(owner=UserFactory.create(email="ada@example.com"))
        other = JobFactory.create(owner=UserFactory.create())
        for term in (str(mine.pk), mine.pk.hex, f" {mine.pk} ", "ada@example.com", "ADA@Example.com"):
            page = text_of(reader.get(LIST, {"q": term}))
            assert str(mine.pk) in page
            assert str(other.pk) not in page

    @pytest.mark.parametrize(
        "query",
        [
            {"q": "%"},
            {"q": "' OR 1=1"},
            {"q": "\x00"},
            {"q": "é" * 1000},
            {"parent__exact": "x"},
            {"kind": "\x00" * 3},
            {"created_at__gte": "x"},
            {"p": "9" * 30},
            {"o": "-9.x"},
        ],
    )
    def test_survives_whatever_is_asked_for(self, reader: Client, query: dict[str, str]) -> None:
        JobFactory.create()
        response = reader.get(LIST, query, follow=True)
        assert response.status_code == 200

    def test_counts_no_further_than_a_hundred_pages(self, reader: Client) -> None:
        JobFactory.create()
        with CaptureQueriesContext(connection) as queries:
            reader.get(LIST)
        assert [query for query in queries if "COUNT" in query["sql"] and "LIMIT 10001" in query["sql"]]


class TestJobPage:
    def test_shows_how_far_it_is_with_the_part_that_renews_itself(self, reader: Client) -> None:
        job = job_running_make(state=JobState.PROGRESS, progress_current=3, progress_total=12)
        page = text_of(reader.get(page_of(job)))
        assert "3 of 12" in page
        assert f'data-progress-url="/admin/jobs/job/{job.pk}/progress/"' in page
        assert "jobs/progress.js" in page
        assert "3 of 12" in text_of(reader.get(f"/admin/jobs/job/{job.pk}/progress/"))

    def test_shows_the_traceback_to_staff(self, reader: Client) -> None:
        job = job_ended_make(JobState.FAILURE, traceback="Traceback: ZeroDivisionError", parameters={"until": 7})
        page = text_of(reader.get(page_of(job)))
        assert "ZeroDivisionError" in page
        assert '"until": 7' in page
        assert "It went wrong." in page

    def test_links_what_it_belongs_to(self, reader: Client) -> None:
        batch = batch_make(JobState.FAILURE)
        old = job_ended_make(JobState.FAILURE)
        job = JobFactory.create(parent=batch, retry_of=old)
        for other in (batch, old):
            assert f'<a href="{page_of(other)}">' in text_of(reader.get(page_of(job)))
        assert f'<a href="{page_of(job)}">' in text_of(reader.get(page_of(old)))

    def test_names_the_steps_that_come_after_it(self, reader: Client) -> None:
        job = JobFactory.create(chain_position=1)
        steps = [{"kind": "count", "parameters": {}}, {"kind": "gone", "parameters": {}}]
        JobContinuation.objects.create(after=job, steps=steps, position=2, chain_id=job.pk, priority=5)
        page = text_of(reader.get(page_of(job)))
        assert "2. Do count" in page
        assert "3. gone" in page

    def test_lists_the_parts_that_failed_a_page_at_a_time(self, reader: Client) -> None:
        batch = batch_make(*[JobState.FAILURE] * 21, JobState.SUCCESS)
        failed = list(Job.objects.filter(parent=batch, state=JobState.FAILURE).order_by("finished_at", "pk"))
        page = text_of(reader.get(page_of(batch)))
        assert "22</a>: 1 done, 21 failed, 0 cancelled" in page
        assert str(failed[0].pk) in page
        assert str(failed[20].pk) not in page
        assert str(failed[20].pk) in text_of(reader.get(page_of(batch), {"failed": "2"}))

    @pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999"])
    def test_survives_a_page_that_is_not_there(self, reader: Client, number: str) -> None:
        text_of(reader.get(page_of(batch_make(JobState.FAILURE)), {"failed": number}))

    def test_asks_the_database_no_more_for_more_parts_and_retries(
        self, reader: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        def batch(parts: int) -> Job:
            job = batch_make(*[JobState.FAILURE] * parts, parent={"owner": UserFactory.create()})
            for _ in range(parts):
                job_ended_make(retry_of=job)
                JobContinuation.objects.create(
                    after=job, steps=[{"kind": "count"}], position=2, chain_id=job.pk, priority=5
                )
            return job

        few, many = batch(1), batch(15)
        with CaptureQueriesContext(connection) as first:
            reader.get(page_of(few))
        with django_assert_num_queries(len(first)):
            reader.get(page_of(many))

    def test_of_a_job_that_is_gone_leads_back(self, reader: Client) -> None:
        job = JobFactory.create()
        job.delete()
        job.pk = "00000000-0000-0000-0000-000000000000"
        assert reader.get(page_of(job)).status_code == 302
        assert reader.get(reverse("admin:jobs_job_progress", args=[job.pk])).status_code == 404
