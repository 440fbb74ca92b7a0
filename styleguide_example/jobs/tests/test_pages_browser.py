"""The page of a job in a real browser: it is watched, not loaded again."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from styleguide_example.common.tests.browsers import CHROMIUM, chromium, refreshes_at_once
from styleguide_example.common.tests.processes import wait_until
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import batch_make, job_running_make
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.services import notification_send
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

PATIENCE_MILLISECONDS = 10_000

pytestmark = [
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


Watching = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of this module; each has a context of its own."""
    with chromium() as running:
        yield running


@pytest.fixture
def person() -> User:
    """Whose jobs they are."""
    return user_onboarded()


@pytest.fixture
def watching(browser: Browser, live_server: Any) -> Watching:
    """Lets the owner of a job open its page."""
    return partial(_watching, browser, live_server.url)


@contextmanager
def _watching(browser: Browser, base_url: str, job: Job, *, javascript: bool = True) -> Iterator[Page]:
    """The page of ``job``, which may neither fail nor ask another host. Its clock is the test's."""
    assert job.owner is not None
    client = Client()
    client.force_login(job.owner)
    complaints: list[str] = []
    with browser.new_context(java_script_enabled=javascript) as tab:
        session = client.cookies["sessionid"].value
        tab.add_cookies([{"name": "sessionid", "value": session, "url": base_url}])
        page = tab.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if base_url in asked.url else complaints.append(asked.url))
        if javascript:
            page.clock.install()
        else:
            refreshes_at_once(page)
        page.goto(f"{base_url}/jobs/{job.pk}/")
        yield page
    assert complaints == []


def _reported(job: Job, **fields: Any) -> None:
    """A worker wrote how far it is."""
    Job.objects.filter(pk=job.pk).update(progress_at=timezone.now(), heartbeat_at=timezone.now(), **fields)


def _ended(job: Job, state: JobState = JobState.SUCCESS, **fields: Any) -> None:
    lease: dict[str, Any] = {"lease_token": None, "lease_owner": "", "lease_expires_at": None}
    Job.objects.filter(pk=job.pk).update(state=state, finished_at=timezone.now(), **lease, **fields)


def _half(person: User, **fields: Any) -> Job:
    """One that runs and has done 40 of 100."""
    progress = {"state": JobState.PROGRESS, "progress_current": 40, "progress_total": 100}
    return job_running_make(owner=person, **{**progress, **fields})


def _bar(page: Page) -> Locator:
    return page.get_by_role("progressbar", name="Progress")


def _a_second_later(page: Page) -> None:
    """The page asks again, and has its answer."""
    with page.expect_request_finished(lambda asked: "/progress/" in asked.url):
        page.clock.run_for(1_000)


class TestProgressPage:
    def test_moves_without_a_reload_and_stops_at_the_end(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job) as page:
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.evaluate("window.stillHere = true")
            expect(_bar(page)).to_have_js_property("value", 40)

            _reported(job, progress_current=72, progress_message="Writing to people in Oslo")
            _a_second_later(page)
            expect(_bar(page)).to_have_js_property("value", 72)
            expect(page.get_by_text("72 of 100")).to_be_visible()
            expect(page.get_by_text("Writing to people in Oslo")).to_be_visible()
            expect(page).to_have_title("72 % \N{EN DASH} count \N{EN DASH} Fieldnote")

            _ended(job, progress_current=100, result={"notes": 7})
            _a_second_later(page)
            expect(page.get_by_text("✓ Done")).to_be_visible()
            expect(page.get_by_role("heading", name="Result")).to_be_visible()
            expect(page.get_by_role("link", name="Cancel")).to_have_count(0)

            before = len(asked)
            page.clock.run_for(60_000)
            page.wait_for_timeout(200)  # a request would be on its way: nothing is there to wait for
            assert len(asked) == before
            assert page.evaluate("window.stillHere") is True

    def test_never_goes_backwards(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job) as page:
            _reported(job, progress_current=60)
            _a_second_later(page)
            expect(_bar(page)).to_have_js_property("value", 60)

            _reported(job, progress_current=30)
            _a_second_later(page)
            _a_second_later(page)
            assert _bar(page).evaluate("bar => bar.value") == 60

            _reported(job, progress_current=61)
            _a_second_later(page)
            expect(_bar(page)).to_have_js_property("value", 61)

    def test_shows_how_it_is_cancelled(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job) as page:
            page.get_by_role("link", name="Cancel").click()
            page.get_by_role("button", name="Cancel it").click()
            expect(page.get_by_text("◼ Stopping")).to_be_visible()

            _ended(job, JobState.REVOKED, error_code="cancelled")
            _a_second_later(page)
            expect(page.get_by_text("⊘ Cancelled")).to_be_visible()
            expect(page.get_by_role("button", name="Try again")).to_be_visible()

    def test_keeps_the_focus_where_it_is(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job) as page:
            page.get_by_role("link", name="Cancel").focus()
            _reported(job, progress_current=50, progress_message="Further")
            _a_second_later(page)
            expect(page.get_by_text("Further")).to_be_visible()
            expect(page.get_by_role("link", name="Cancel")).to_be_focused()

            _ended(job)
            _a_second_later(page)
            expect(page.get_by_text("✓ Done")).to_be_visible()
            expect(page.locator("[data-progress-url]")).to_be_focused()

    def test_tells_a_screen_reader_of_each_quarter_and_of_the_end(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job) as page:
            speech = page.locator(".job-say[role=status]")
            _reported(job, progress_current=49)
            _a_second_later(page)
            expect(_bar(page)).to_have_js_property("value", 49)
            expect(speech).to_be_empty()

            _reported(job, progress_current=51)
            _a_second_later(page)
            expect(speech).to_have_text("count: Running, 51 percent")
            _reported(job, progress_current=60)
            _a_second_later(page)
            expect(_bar(page)).to_have_js_property("value", 60)
            expect(speech).to_have_text("count: Running, 51 percent")

            _ended(job, JobState.FAILURE, error_code="failed")
            _a_second_later(page)
            expect(speech).to_have_text("count: Failed, 60 percent")

    def test_goes_on_when_the_server_is_back(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job) as page:
            page.route("**/progress/**", lambda route: route.fulfill(status=503, body="away"))
            _a_second_later(page)
            expect(page.get_by_text("No answer from the server.")).to_be_visible()
            expect(_bar(page)).to_have_js_property("value", 40)

            page.unroute("**/progress/**")
            _reported(job, progress_current=55)
            page.clock.run_for(2_000)  # after one failure it waits for so long
            expect(_bar(page)).to_have_js_property("value", 55)
            expect(page.get_by_text("No answer from the server.")).to_have_count(0)

    def test_asks_for_the_sign_in_when_the_session_is_over(self, watching: Watching, person: User) -> None:
        with watching(_half(person)) as page:
            page.context.clear_cookies()
            page.clock.run_for(1_000)
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    def test_counts_as_having_seen_the_end(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job) as page:
            notification_send(user_id=person.pk, level=Level.SUCCESS, title="Done", url=f"/jobs/{job.pk}/")
            _ended(job)
            _a_second_later(page)
            expect(page.get_by_text("✓ Done")).to_be_visible()
            wait_until(lambda: not Notification.objects.get().is_unread)

    def test_counts_the_parts_of_a_batch(self, watching: Watching, person: User) -> None:
        batch = batch_make(JobState.SUCCESS, JobState.PENDING, JobState.PENDING, parent={"owner": person})
        with watching(batch) as page:
            parts = page.get_by_role("list", name="Parts").get_by_role("listitem")
            expect(parts).to_have_text(["✓ 1 done", "○ 2 to do"])
            _reported(batch, children_failed=1)
            _a_second_later(page)
            expect(parts).to_have_text(["✓ 1 done", "✕ 1 failed", "○ 1 to do"])

    def test_needs_no_javascript(self, watching: Watching, person: User) -> None:
        job = _half(person)
        with watching(job, javascript=False) as page:
            _reported(job, progress_current=72)
            expect(page.get_by_text("72 of 100")).to_be_visible()
            _ended(job)
            expect(page.get_by_text("✓ Done")).to_be_visible()
