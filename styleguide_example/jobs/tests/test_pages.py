"""The pages of jobs: what their owner sees, and that nobody else sees anything."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import (
    JobFactory,
    batch_make,
    job_ended_make,
    job_running_make,
    kind_known,
)
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.services import notification_send
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db

LIST = "/jobs/"


def _page(client: Client, url: str) -> html.HtmlElement:
    response = client.get(url)
    assert response.status_code == 200
    return html.document_fromstring(response.content.decode())


def _text(element: html.HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


def _url(job: Job, rest: str = "") -> str:
    return f"{LIST}{job.pk}/{rest}"


@pytest.fixture
def person(client: Client) -> User:
    """Somebody who is signed in."""
    user = user_onboarded(time_zone="Asia/Kolkata")
    client.force_login(user)
    return user


class TestJobListView:
    def test_shows_state_title_and_progress_the_newest_first(self, client: Client, person: User) -> None:
        job_ended_make(JobState.FAILURE, owner=person, days_ago=1)
        job_running_make(owner=person, state=JobState.PROGRESS, progress_current=1, progress_total=4)

        with kind_known("count", title="Count the notes"):
            running, failed = _page(client, LIST).find_class("entry")

        assert _text(running).startswith("▶ Running 25 %")
        assert "Count the notes" in _text(running)
        assert "1 of 4" in _text(running)
        assert [bar.get("value") for bar in running.findall(".//progress")] == ["1"]
        assert _text(failed).startswith("✕ Failed ended")
        assert "It went wrong." in _text(failed)
        assert not failed.findall(".//progress")

    @pytest.mark.parametrize(
        ("state", "shown"),
        [
            ("", 5),
            ("active", 2),
            ("done", 1),
            ("failed", 1),
            ("cancelled", 1),
            ("SUCCESS", 5),
            ("'", 5),
        ],
    )
    def test_can_be_narrowed_to_a_state(self, client: Client, person: User, state: str, shown: int) -> None:
        JobFactory.create(owner=person), job_running_make(owner=person)
        for ended in (JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED):
            job_ended_make(ended, owner=person)
        page = _page(client, f"{LIST}?state={state}")
        assert len(page.find_class("entry")) == shown
        assert len(page.xpath("//nav[@class='filters']//a[@aria-current]")) == 1

    def test_keeps_the_state_from_page_to_page(self, client: Client, person: User) -> None:
        for _ in range(21):
            job_ended_make(owner=person)
        page = _page(client, f"{LIST}?state=done")
        assert len(page.find_class("entry")) == 20
        assert page.xpath("//a[@rel='next']/@href") == ["?state=done&page=2"]

    def test_says_so_when_there_is_nothing(self, client: Client, person: User) -> None:
        assert "Nothing yet." in _text(_page(client, LIST))
        assert "None of these." in _text(_page(client, f"{LIST}?state=failed"))

    def test_costs_the_same_however_many_there_are(self, client: Client, person: User) -> None:
        job_running_make(owner=person)
        with CaptureQueriesContext(connection) as few:
            client.get(LIST)
        for _ in range(15):
            job_running_make(owner=person)
        with CaptureQueriesContext(connection) as many:
            client.get(LIST)
        assert len(many) == len(few)

    def test_does_not_load_what_may_be_large(self, client: Client, person: User) -> None:
        job_ended_make(owner=person)
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        assert not [query for query in queries if "traceback" in query["sql"] or '"result"' in query["sql"]]


class TestJobView:
    def test_shows_how_far_it_is_and_how_long_still(self, client: Client, person: User) -> None:
        job = job_running_make(
            owner=person,
            state=JobState.PROGRESS,
            progress_current=4213,
            progress_total=10_000,
            progress_rate=118.4,
            progress_message="Writing to people in Europe/Berlin",
            progress_at=timezone.now(),
        )

        page = _page(client, _url(job))

        (progress,) = page.find_class("job-progress")
        text = _text(progress)
        for words in ("▶ Running", "42 %", "4,213 of 10,000", "118 a second", "about 50 seconds left", "Europe/Berlin"):
            assert words in text
        (bar,) = progress.findall(".//progress")
        assert (bar.get("value"), bar.get("max"), bar.get("aria-label")) == ("4213", "10000", "Progress")

    def test_shows_a_bar_without_an_end_where_nobody_knows_how_much_it_is(self, client: Client, person: User) -> None:
        (bar,) = _page(client, _url(job_running_make(owner=person))).findall(".//progress")
        assert bar.get("value") is None

    def test_shows_what_happened_where_the_person_is(self, client: Client, person: User) -> None:
        times = {
            "created_at": "2020-01-31T20:00:00Z",
            "started_at": "2020-01-31T20:00:05Z",
            "cancel_requested_at": "2020-01-31T20:01:00Z",
            "finished_at": "2020-01-31T20:01:35Z",
        }
        job = JobFactory.create(owner=person, state=JobState.REVOKED, attempts=2, **times)

        (timeline,) = _page(client, _url(job)).find_class("job-timeline")

        assert [_text(line) for line in timeline] == [
            "Written 1 Feb 2020, 01:30:00",
            "Begun 1 Feb 2020, 01:30:05 after 5 seconds",
            "Begun again, attempt 2",
            "Asked to stop 1 Feb 2020, 01:31:00",
            "Cancelled 1 Feb 2020, 01:31:35 after 1 minute 30 seconds",
        ]

    def test_says_when_somebody_else_asked_it_to_stop(self, client: Client, person: User) -> None:
        asked = {"cancel_requested_at": timezone.now(), "cancel_requested_by": user_onboarded()}
        (timeline,) = _page(client, _url(job_running_make(owner=person, **asked))).find_class("job-timeline")
        assert _text(timeline[-1]).endswith("by somebody else")

    def test_tells_the_owner_what_went_wrong_and_never_the_traceback(self, client: Client, person: User) -> None:
        job = job_ended_make(JobState.FAILURE, owner=person, error_code="worker_lost", traceback="Traceback: secret")
        page = _page(client, _url(job))
        (error,) = page.find_class("job-error")
        assert _text(error) == "Its worker was killed or cut off It went wrong. Code worker_lost"
        assert "secret" not in _text(page)

    @pytest.mark.parametrize(
        ("result", "shown"),
        [
            ({"is_test": False, "notes_written": 1200}, "Result Is test no Notes written 1,200"),
            ([1, 2], "Result [ 1, 2 ]"),
            ("<b>bold</b>", "Result <b>bold</b>"),
            ({"files": [{"name": "a"}]}, 'Result { "files": [ { "name": "a" } ] }'),
            (0, "Result 0"),
        ],
    )
    def test_shows_the_result(self, client: Client, person: User, result: Any, shown: str) -> None:
        page = _page(client, _url(job_ended_make(owner=person, result=result)))
        (section,) = page.xpath("//section[@aria-labelledby='job-result-title']")
        assert _text(section) == shown

    def test_shows_the_parts_of_a_batch_and_those_that_failed(self, client: Client, person: User) -> None:
        states = [JobState.SUCCESS] * 5 + [JobState.FAILURE, JobState.REVOKED, JobState.PENDING]
        batch = batch_make(*states, parent={"owner": person}, owner=person)

        page = _page(client, _url(batch))

        (parts,) = page.find_class("job-parts")
        assert [_text(part) for part in parts] == ["✓ 5 done", "✕ 1 failed", "⊘ 1 cancelled", "○ 1 to do"]
        widths = [int(width) for width in page.xpath("//*[local-name()='rect']/@width")]
        assert sum(widths) == 1000
        failed = Job.objects.get(parent=batch, state=JobState.FAILURE)
        assert page.xpath("//ul[@class='job-failed']//a/@href") == [_url(failed)]
        assert client.get(_url(failed)).status_code == 200

    def test_leads_to_the_former_and_the_next_try(self, client: Client, person: User) -> None:
        former = job_ended_make(JobState.FAILURE, owner=person)
        following = JobFactory.create(owner=person, retry_of=former)
        assert _url(following) in _page(client, _url(former)).xpath("//a/@href")
        assert not _page(client, _url(former)).xpath("//button[.='Try again']")
        assert _url(former) in _page(client, _url(following)).xpath("//a/@href")

    def test_says_that_a_worker_was_not_heard(self, client: Client, person: User) -> None:
        silent_since = timezone.now() - timedelta(minutes=3)
        job = job_running_make(owner=person, heartbeat_at=silent_since)
        (silence,) = _page(client, _url(job)).find_class("job-silence")
        assert "Nothing was heard from its worker for 3 minutes" in _text(silence)

    @pytest.mark.parametrize("state", [JobState.PENDING, JobState.PROGRESS, JobState.RETRY])
    def test_is_loaded_again_without_javascript_while_it_is_active(
        self, client: Client, person: User, state: JobState
    ) -> None:
        page = _page(client, _url(JobFactory.create(owner=person, state=state)))
        assert page.xpath("//head/noscript/meta/@http-equiv") == ["refresh"]

    @pytest.mark.parametrize("state", [JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED])
    def test_is_not_loaded_again_when_it_has_ended(self, client: Client, person: User, state: JobState) -> None:
        assert not _page(client, _url(job_ended_make(state, owner=person))).xpath("//noscript")

    @pytest.mark.parametrize("state", JobState.values)
    def test_has_no_inline_style_or_script(self, client: Client, person: User, state: str) -> None:
        page = _page(client, _url(JobFactory.create(owner=person, state=state)))
        assert not page.xpath("//style | //@style | //script[not(@src)]")
        assert all(value.startswith("/static/") for value in page.xpath("//script/@src | //link/@href | //img/@src"))

    def test_marks_as_read_what_told_of_its_end(self, client: Client, person: User) -> None:
        job, other = job_ended_make(owner=person), job_ended_make(owner=person)
        for one in (job, other):
            notification_send(user_id=person.pk, level=Level.SUCCESS, title="Done", url=_url(one))

        client.get(_url(job))

        assert [unread.url for unread in Notification.objects.filter(read_at=None)] == [_url(other)]


class TestJobProgressView:
    def test_answers_with_the_live_part_alone(self, client: Client, person: User) -> None:
        response = client.get(_url(job_running_make(owner=person), "progress/"))
        page = response.content.decode()
        assert "job-progress" in page
        assert "<html" not in page
        assert "no-store" in response.headers["Cache-Control"]

    def test_costs_few_queries(self, client: Client, person: User) -> None:
        job = job_running_make(owner=person)
        with CaptureQueriesContext(connection) as queries:
            client.get(_url(job, "progress/"))
        assert len(queries) == 3  # the session, the person, the job

    def test_marks_as_read_only_where_somebody_looks(self, client: Client, person: User) -> None:
        job = job_ended_make(owner=person)
        notification_send(user_id=person.pk, level=Level.SUCCESS, title="Done", url=_url(job))
        client.get(_url(job, "progress/"))
        assert Notification.objects.get().is_unread
        client.get(_url(job, "progress/?seen=1"))
        assert not Notification.objects.get().is_unread
