"""The dashboard in a real browser: it renews itself, and leaves alone what somebody reads."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from styleguide_example.common.tests.browsers import CHROMIUM, chromium
from styleguide_example.operations.tests.rows import email_due
from styleguide_example.users.tests.factories import user_staff

#: How long anything may take on a busy machine.
PATIENCE_MILLISECONDS = 20_000

pytestmark = [
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture
def page(live_server: Any) -> Iterator[Page]:
    """The first page, on a clock of the test's, with one e-mail that is due."""
    client = Client()
    client.force_login(user_staff(is_superuser=True))
    email_due(seconds=5)
    with chromium() as browser, browser.new_context() as tab:
        session = client.cookies["sessionid"].value
        tab.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = tab.new_page()
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        page.clock.install()
        page.goto(f"{live_server.url}/admin/")
        yield page


def _due(page: Page) -> Any:
    return page.get_by_role("listitem").filter(has_text="E-mails due").locator(".figure")


class TestDashboard:
    def test_renews_itself_until_somebody_pauses_it_and_keeps_a_table_open(self, page: Page) -> None:
        page.locator("#dash-table-hour summary").click()
        page.get_by_role("heading", name="How it is").click()
        page.evaluate("document.activeElement.blur()")
        email_due(seconds=5)
        page.clock.run_for(10_000)
        expect(_due(page)).to_have_text("2")
        expect(page.get_by_role("region", name="E-mails by the hour")).to_be_visible()

        page.get_by_role("button", name="Pause renewing").click()
        email_due(seconds=5)
        page.clock.run_for(30_000)
        expect(_due(page)).to_have_text("2")
        page.get_by_role("button", name="Go on renewing").click()
        expect(_due(page)).to_have_text("3")
