"""What an admin does all day, with a real worker and a real mail server."""

import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from config.tests.browser.tabs import tab
from styleguide_example.common.tests.browsers import CHROMIUM
from styleguide_example.common.tests.processes import Worker, wait_until
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_queue
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import JobFactory, job_running_make
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [
    pytest.mark.long,
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

#: More stops than any of these pages has.
STOPS_MAX = 200


@pytest.fixture
def admin(transactional_db: None) -> Client:
    """Ada, signed in."""
    client = Client()
    client.force_login(user_onboarded(email="ada@example.com", is_staff=True, is_superuser=True))
    return client


def _press(page: Page, target: Locator, key: str = "Enter") -> None:
    """Walk there with the Tab key, and press the key."""
    expect(target).to_be_visible()
    for _ in range(STOPS_MAX):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            page.keyboard.press(key)
            return
    raise AssertionError(f"{target} cannot be reached with the keyboard")


def _refused(smtp: SMTPServer, to: str) -> Email:
    """An e-mail that a worker was told is for nobody; then the server is mended."""
    smtp.refusals[to] = "550 5.1.1 User unknown"
    email = email_asked_for(to=[to], subject="Your notes of June")
    wait_until(lambda: Email.objects.filter(pk=email.pk, status=Email.Status.FAILED).exists())
    del smtp.refusals[to]
    return email


class TestAdmin:
    def test_finds_a_failed_email_reads_why_and_retries_it_with_the_keyboard_alone(
        self, browser: Browser, live_server: LiveServer, admin: Client, worker: Worker, smtp: SMTPServer
    ) -> None:
        worker.start()
        email_asked_for(to=["grace@example.com"], subject="Not this one")
        email = _refused(smtp, "katherine@example.com")
        with tab(browser, live_server.url, admin) as page:
            page.goto("/admin/emails/email/")
            _press(page, page.locator("#changelist").get_by_role("link", name="Failed", exact=True))
            expect(page.get_by_text("Not this one")).to_have_count(0)
            _press(page, page.get_by_role("link", name="Your notes of June"))
            expect(page.locator(".email-timeline")).to_contain_text("550 5.1.1 User unknown")

            _press(page, page.get_by_role("button", name=re.compile("Retry")))
            _press(page, page.get_by_role("button", name=re.compile("Retry")))
            expect(page.locator(".messagelist")).to_contain_text("Had it tried again")
            wait_until(lambda: Email.objects.filter(pk=email.pk, status=Email.Status.SENT).exists())
            page.reload()

            expect(page.locator(".email-head .sign")).to_contain_text("Sent")
            expect(page.get_by_role("button", name=re.compile("Retry"))).to_have_count(0)
        assert [received.recipients for received in smtp.received] == [["grace@example.com"], ["katherine@example.com"]]

    def test_sends_themselves_a_test_of_a_template(
        self, browser: Browser, live_server: LiveServer, admin: Client, worker: Worker, smtp: SMTPServer
    ) -> None:
        worker.start()
        with tab(browser, live_server.url, admin) as page:
            page.goto("/admin/emails/email/templates/")
            page.get_by_role("link", name="welcome", exact=True).click()
            page.get_by_role("link", name="Deutsch").click()
            letter = page.frame_locator("iframe").first
            expect(letter.get_by_text("Ada Lovelace").first).to_be_visible()
            page.get_by_role("button", name="Send me a test").click()

            expect(page.locator(".messagelist")).to_contain_text("ada@example.com")
            received = smtp.wait_for(1)[0]
        assert received.recipients == ["ada@example.com"]
        assert str(received.message["Subject"]).startswith("[Test] Willkommen")

    def test_sees_the_dashboard_move_while_emails_go_out(
        self, browser: Browser, live_server: LiveServer, admin: Client, worker: Worker, smtp: SMTPServer
    ) -> None:
        worker.start()
        emails = EmailFactory.create_batch(5)
        with tab(browser, live_server.url, admin) as page:
            page.clock.install()
            page.goto("/admin/")
            last_hour = page.locator(".dash-chart .figures").first
            expect(last_hour).to_contain_text("0 sent")
            page.evaluate("window.stayed = true")

            for email in emails:
                email_queue(email=email)
            smtp.wait_for(5)
            wait_until(lambda: Email.objects.filter(status=Email.Status.SENT).count() == 5)
            page.clock.run_for(10_000)

            expect(last_hour).to_contain_text("5 sent")
            assert page.evaluate("window.stayed")

    def test_cancels_from_the_board_what_runs_and_what_waits(
        self, browser: Browser, live_server: LiveServer, admin: Client
    ) -> None:
        progress: dict[str, Any] = {"state": JobState.PROGRESS, "worker": "celery@atlas"}
        running, waiting = job_running_make(kind="export", **progress), JobFactory.create(kind="import")
        with tab(browser, live_server.url, admin) as page:
            page.goto("/admin/jobs/job/board/")
            for job in (running, waiting):
                row = page.get_by_role("row").filter(has_text=job.kind)
                row.locator("summary").click()
                row.get_by_role("button", name="Cancel it").click()
                expect(page.locator(".messagelist")).to_be_visible()
        assert Job.objects.get(pk=running.pk).cancel_requested_at
        assert Job.objects.get(pk=waiting.pk).state == JobState.REVOKED
