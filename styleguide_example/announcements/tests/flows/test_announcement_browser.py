"""An announcement from the first word to the last e-mail, through the browser, with a real worker."""

import re
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.admins import ADD
from styleguide_example.announcements.tests.factories import job_worked, people_make
from styleguide_example.common.tests.browsers import CHROMIUM, refreshes_at_once
from styleguide_example.common.tests.processes import Queue, Worker, wait_until
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_send
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.jobs.models import Job
from styleguide_example.tasks.tests.browsers import AdminBrowser, admin_browser, superuser_make

pytestmark = [
    pytest.mark.long,
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

#: With the one who writes.
PEOPLE = 500
#: How long a sending may take on a busy machine.
PATIENCE_MILLISECONDS = 60_000
#: Notes down where the bar stands whenever it is drawn anew.
WATCH = """() => {
  window.steps = [];
  const note = () => {
    const bar = document.querySelector("progress");
    window.steps.push([bar.ariaLabel, bar.value]);
  };
  new MutationObserver(note).observe(document.body, { subtree: true, attributes: true, childList: true });
  note();
}"""


@pytest.fixture(autouse=True)
def _orm_beside_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's own event loop runs in this thread, and Django takes what the test does for a part of it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def _write(admin: AdminBrowser, base_url: str) -> Page:
    """Sign in and type; nothing is saved."""
    admin.sign_in("ada@example.com")
    page = admin.page
    page.goto(f"{base_url}{ADD}")
    page.get_by_label("Subject").fill("Notes you can find again")
    page.get_by_role("textbox", name="Text").fill("From today you can search **everything**.")
    page.get_by_label("Everyone", exact=True).check()
    return page


def _dealt_with(page: Page) -> int:
    return int(page.locator("progress").first.get_attribute("value") or 0)


def _moves_beyond(page: Page, seen: int) -> bool:
    """Whether the bar does; the second after which the page asks again passes on its own clock."""
    page.clock.run_for(1_000)
    return _dealt_with(page) > seen


class TestAnnouncementInABrowser:
    def test_is_written_looked_at_sent_stopped_and_resumed(
        self, live_server: Any, worker: Worker, smtp: SMTPServer
    ) -> None:
        superuser_make()
        people_make(PEOPLE - 1)
        # One person a batch: there is something to watch.
        process = worker.start(ANNOUNCEMENT_BATCH_SIZE=1)
        with admin_browser(live_server.url) as admin:
            page = _write(admin, live_server.url)
            expect(page.locator("#preview strong").filter(has_text="everything")).to_be_visible()
            expect(page.locator("#preview")).to_contain_text(f"{PEOPLE} people")
            expect(page.get_by_label("Joined on this day or later")).to_be_hidden()
            page.get_by_role("button", name="Save and see how it looks").click()
            letter = page.frame_locator("iframe").first
            expect(letter.get_by_text("From today you can search everything.")).to_be_visible()

            page.get_by_role("link", name="Send…").click()
            expect(page.locator("#content")).to_contain_text(f"{PEOPLE} people")
            page.clock.install()  # not before: it is a script, and the frames of the letter run none
            page.get_by_role("button", name=f"Send it to {PEOPLE} people").click()

            page.evaluate("window.stayed = true")
            wait_until(lambda: _moves_beyond(page, 10))
            seen = _dealt_with(page)
            wait_until(lambda: _moves_beyond(page, seen))
            assert page.evaluate("window.stayed")

            process.pause()  # a click can take longer than all that is left to write
            page.get_by_role("button", name=re.compile(r"Stop the \d+ that have not gone out")).click()
            process.resume()
            expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
            stopped_at = Announcement.objects.get().dealt_with
            assert seen < stopped_at < PEOPLE
            page.get_by_role("button", name="Resume").click()

            assert _dealt_with(page) >= stopped_at
            page.evaluate(WATCH)
            expect(page.locator(".job-state").first).to_contain_text("Sent", timeout=PATIENCE_MILLISECONDS)
            for name in ("Progress", "Sent"):  # one bar for the writing, one for the sending
                steps = [value for bar, value in page.evaluate("window.steps") if bar == name]
                assert steps == sorted(steps)
            expect(page.locator(".figures .running dd")).to_have_text(str(PEOPLE))
            page.goto(f"{live_server.url}/notifications/")
            expect(page.locator("main")).to_contain_text("Send an announcement")
        written = Counter(address for email in Email.objects.all() for address in email.to)
        assert len(written) == PEOPLE
        assert set(written.values()) == {1}

    def test_needs_no_javascript(self, live_server: Any, queue: Queue, smtp: SMTPServer) -> None:
        superuser_make()
        people_make(3)
        with admin_browser(live_server.url, javascript=False) as admin:
            refreshes_at_once(admin.page)
            page = _write(admin, live_server.url)
            page.get_by_role("button", name="Preview").click()
            expect(page.locator("#preview")).to_contain_text("4 people")
            assert not Announcement.objects.exists()
            page.get_by_role("button", name="Save and see how it looks").click()
            page.get_by_role("button", name="Send a test to me").click()
            expect(page.get_by_text("A test is on its way to your own address.")).to_be_visible()
            page.get_by_role("link", name="Send…").click()
            page.get_by_role("button", name="Send it to 4 people").click()
            page.reload()  # what a redirect leads to is not hurried
            expect(page.locator(".job-state").first).to_contain_text("Waiting")
            job_worked(Job.objects.get())
            for email in Email.objects.filter(status=Email.Status.SENDING):
                email_send(email=email)
            # The page comes again by itself.
            expect(page.locator(".figures .done dd")).to_have_text("4", timeout=PATIENCE_MILLISECONDS)
            expect(page.get_by_role("heading", name="What became of it")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
        assert len(smtp.received) == 5
