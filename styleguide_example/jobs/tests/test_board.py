"""The board in the admin: what it says, to whom, what its buttons do, and what it costs."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.jobs import board
from styleguide_example.jobs.enums import JobState, Scope
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_pause
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

BOARD = reverse("admin:jobs_job_board")
LIVE = reverse("admin:jobs_job_board_live")
ATTACK = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"):
        yield


@pytest.fixture
def reader(client: Client) -> Client:
    """Signed in as somebody who may see jobs."""
    client.force_login(staff_make("view_job"))
    return client


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in as somebody who may see and change jobs."""
    client.force_login(staff_make("view_job", "change_job"))
    return client


def _minutes_ago(minutes: float) -> Any:
    return timezone.now() - timedelta(minutes=minutes)


def _section(page: str, heading: str) -> str:
    """The part of the page under a heading."""
    return page.partition(f">{heading}</h2>")[2].partition("</section>")[0]


class TestBoard:
    @pytest.mark.parametrize("somebody", [None, "not staff", "staff without permission"])
    def test_is_shown_to_nobody_else(self, client: Client, somebody: str | None) -> None:
        job_running_make(progress_message="xyzzy")
        status = somebody_else(client, somebody)
        for url in (BOARD, LIVE):
            response = client.get(url)
            assert response.status_code == status
            assert "xyzzy" not in response.content.decode()

    def test_is_found_from_the_list_and_from_the_index_of_the_app(self, reader: Client) -> None:
        for url in (LIST, reverse("admin:app_list", args=["jobs"])):
            assert f'href="{BOARD}"' in text_of(reader.get(url))

    def test_says_what_a_job_is_while_there_is_none(self, reader: Client) -> None:
        page = text_of(reader.get(BOARD))
        assert "Nothing runs now" in page
        assert "Nothing waits" in page
        assert "Nothing ended within the hour" in page
        assert "No worker had anything to do" in page

    def test_shows_what_people_and_programs_wrote_as_text(self, reader: Client) -> None:
        owner = UserFactory.create(email=f'"{ATTACK}"@example.com')
        texts: dict[str, Any] = {"owner": owner, "kind": ATTACK, "worker": ATTACK}
        job_running_make(state=JobState.PROGRESS, progress_message=ATTACK, **texts)
        JobFactory.create(queue=ATTACK, **texts)
        job_ended_make(JobState.FAILURE, error_code=ATTACK[:64], error_message=ATTACK, **texts)
        content = reader.get(BOARD).content.decode()
        assert ATTACK not in content
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in content

    def test_asks_the_database_ten_times_however_much_there_is(
        self, reader: Client, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for state in JobState.values:
            for _ in range(3):
                JobFactory.create(state=state, owner=UserFactory.create(), kind=f"kind-{state}", queue=f"queue-{state}")
            batch_make(state, JobState.STARTED, parent={"owner": UserFactory.create()})
        job_pause(scope=Scope.KIND, name="count")
        with django_assert_max_num_queries(10):
            board.board_read()
        with django_assert_max_num_queries(14):  # with the session, the person, and what they may
            text_of(reader.get(LIVE))

    def test_is_as_short_for_a_thousand(self, reader: Client) -> None:
        template = job_running_make(worker="celery@a", claimed_at=_minutes_ago(1))
        lease = {"state": template.state, "lease_expires_at": template.lease_expires_at, "kind": "count", "task": "t"}
        Job.objects.bulk_create(
            Job(**lease, lease_token=template.lease_token, started_at=_minutes_ago(1), worker="celery@a")
            for _ in range(1000)
        )
        response = reader.get(LIVE)
        page = text_of(response)
        assert len(response.content) < 200_000
        assert page.count('<tr id="runs-') == board.RUNNING_SHOWN
        assert f"Only {board.RUNNING_SHOWN} are shown" in page
        assert "And 901 more" in _section(page, "The last hour, by worker")


class TestRunning:
    def test_says_who_works_on_a_batch_however_many_run_beside_it(
        self, reader: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(board, "BARS_RUNNING", 4)
        for _ in range(5):
            job_running_make(worker="celery@a")
        batch_make(JobState.STARTED, JobState.STARTED, worker="celery@parts")
        assert "celery@parts" in _section(text_of(reader.get(BOARD)), "Running now")

    def test_says_who_started_it_when_where_it_runs_and_how_far_it_is(self, reader: Client) -> None:
        ada = UserFactory.create(email="ada@example.com")
        job = job_running_make(
            state=JobState.PROGRESS,
            owner=ada,
            started_at=_minutes_ago(5),
            worker="celery@far",
            progress_current=3,
            progress_total=12,
            progress_message="The third page",
        )
        part = _section(text_of(reader.get(BOARD)), "Running now")
        for said in (page_of(job), "Do count", "ada@example.com", "5 minutes", "celery@far", "3 of 12", "third page"):
            assert said in part
        assert '<progress max="100" value="25"' in part

    def test_says_that_the_system_started_what_has_no_owner(self, reader: Client) -> None:
        job_running_make()
        assert "the system" in _section(text_of(reader.get(BOARD)), "Running now")

    def test_shows_a_large_batch_as_five_colours_with_their_numbers(self, reader: Client) -> None:
        counts = {"children_total": 10_000, "children_done": 7000, "children_failed": 2, "children_cancelled": 1}
        batch_make(JobState.STARTED, JobState.STARTED, parent=counts, worker="celery@far")
        part = _section(text_of(reader.get(BOARD)), "Running now")
        assert re.findall(r"</span> ([\d,]+ \w+)</li>", part) == [
            "7,000 done",
            "2 running",
            "2 failed",
            "1 cancelled",
            "2,995 waiting",
        ]
        assert part.count("<rect") == 5
        assert part.count("<tr id=") == 1
        assert "celery@far" in part


class TestWaiting:
    def test_is_by_queue_what_was_due_first_first(self, reader: Client, settings: Settings) -> None:
        late, later, other = (
            JobFactory.create(next_attempt_at=_minutes_ago(minutes), queue=queue)
            for minutes, queue in ((9, ""), (3, settings.CELERY_TASK_DEFAULT_QUEUE), (5, "slow"))
        )
        JobFactory.create(next_attempt_at=_minutes_ago(-61))
        part = _section(text_of(reader.get(BOARD)), "Waiting")
        first, _, second = part.partition("Queue slow")
        assert first.index(str(late.pk)) < first.index(str(later.pk))
        assert "3 waiting" in first
        assert "for 9 minutes" in first
        assert "due in 1 hour" in first
        assert str(other.pk) in second

    def test_shows_a_few_of_each_queue_and_no_parts(self, reader: Client) -> None:
        batch_make(*[JobState.PENDING] * 4, parent={"state": JobState.PENDING})
        for _ in range(9):
            JobFactory.create(queue="slow")
        part = _section(text_of(reader.get(BOARD)), "Waiting")
        assert part.count('<tr id="waits-') == 1 + board.WAITING_SHOWN
        assert "4 waiting" in part
        assert "9 waiting" in part

    def test_leads_to_the_list_of_a_queue(self, reader: Client) -> None:
        mine, default = JobFactory.create(queue="slow"), JobFactory.create()
        links = re.findall(r'href="(\S+queue__in=\S+)"', text_of(reader.get(BOARD)))
        pages = {link: text_of(reader.get(link)) for link in links}
        assert [(str(default.pk) in page, str(mine.pk) in page) for page in pages.values()] == [
            (True, False),
            (False, True),
        ]

    def test_says_what_is_paused(self, reader: Client) -> None:
        JobFactory.create()
        job_pause(scope=Scope.KIND, name="count")
        assert "Its kind is paused" in text_of(reader.get(BOARD))
        job_pause(scope=Scope.QUEUE, name="")
        assert "Paused" in _section(text_of(reader.get(BOARD)), "Waiting").partition("</h3>")[0]


class TestEnded:
    def test_is_of_the_last_hour_the_newest_first(self, reader: Client) -> None:
        old, first, last = (job_ended_make(days_ago=minutes / 1440) for minutes in (61, 9, 3))
        part = _section(text_of(reader.get(BOARD)), "Ended within the hour")
        assert str(old.pk) not in part
        assert part.index(str(last.pk)) < part.index(str(first.pk))

    def test_says_how_many_more_there_are_and_leads_to_them(
        self, reader: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(board, "ENDED_SHOWN", 1)
        jobs = [job_ended_make(), job_ended_make(), job_ended_make(days_ago=1 / 12)]
        page = text_of(reader.get(BOARD))
        assert "And 1 more" in page
        shown = text_of(reader.get(f"{LIST}?ended=hour"))
        assert [str(job.pk) in shown for job in jobs] == [True, True, False]
        assert str(jobs[2].pk) in text_of(reader.get(f"{LIST}?ended=day"))

    def test_counts_parts_and_not_their_batch(self, reader: Client) -> None:
        batch_make(JobState.SUCCESS, JobState.SUCCESS, JobState.FAILURE, parent={"state": JobState.FAILURE})
        page = text_of(reader.get(BOARD))
        assert re.findall(r'<span class="figure">(\d+)</span>', page) == ["0", "0", "2", "1", "0"]
        assert _section(page, "Ended within the hour").count("<tr id=") == 1


class TestTheLastHour:
    def test_has_a_bar_and_a_line_of_the_table_for_each_that_a_worker_had(self, reader: Client) -> None:
        failed = job_ended_make(JobState.FAILURE, worker="celery@a", claimed_at=timezone.now())
        running = job_running_make(worker="celery@b", claimed_at=_minutes_ago(30))
        never = job_ended_make(JobState.REVOKED, started_at=None)
        waited = job_ended_make(JobState.REVOKED, claimed_at=_minutes_ago(99), heartbeat_at=_minutes_ago(98))
        part = _section(text_of(reader.get(BOARD)), "The last hour, by worker")
        for job in (failed, running):
            assert f'id="bar-{job.pk}"' in part
            assert f'id="told-{job.pk}"' in part
        assert str(never.pk) not in part
        assert str(waited.pk) not in part
        assert "more, which" not in part
        assert "Do count: failed" in part
        assert "<strong>celery@b</strong>" in part

    def test_says_where_not_everything_is_drawn(self, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(board, "BARS_ENDED", 2)
        for minutes in (50, 40, 10, 5):
            job_ended_make(days_ago=minutes / 1440, worker="celery@a")
        part = _section(text_of(reader.get(BOARD)), "The last hour, by worker")
        assert part.count('id="bar-') == 2
        assert "And 2 more" in part
        assert 'class="gantt-cut"' in part


class TestButtons:
    def test_cancel_and_retry_and_lead_back(self, staff: Client) -> None:
        running, failed = job_running_make(), job_ended_make(JobState.FAILURE)
        page = text_of(staff.get(BOARD))
        for action, job in (("cancel", running), ("retry", failed)):
            assert f'form="board-{action}" name="_selected_action" value="{job.pk}"' in page
            assert f'<input type="hidden" name="action" value="{action}">' in page
            data = {"action": action, "from": "board", "_selected_action": str(job.pk)}
            response = staff.post(f"{LIST}?parts=with", data, follow=True)
            assert response.redirect_chain == [(BOARD, 302)]
        running.refresh_from_db()
        assert running.is_cancel_requested
        assert failed.retries.get().state == JobState.PENDING
        page = text_of(staff.get(BOARD))
        assert "was done again" in page
        assert f'value="{running.pk}"' not in page
        assert f'value="{failed.pk}"' not in page

    def test_are_not_there_for_who_may_not_and_do_nothing_for_them(self, reader: Client) -> None:
        job = job_running_make()
        assert "board-cancel" not in text_of(reader.get(BOARD))
        reader.post(f"{LIST}?parts=with", {"action": "cancel", "from": "board", "_selected_action": str(job.pk)})
        job.refresh_from_db()
        assert not job.is_cancel_requested

    def test_are_not_offered_for_what_succeeded(self, staff: Client) -> None:
        done = job_ended_make()
        assert f'value="{done.pk}"' not in text_of(staff.get(BOARD))
