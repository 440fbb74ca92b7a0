"""The page of the schema in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from styleguide_example.common.tests.browsers import CHROMIUM, chromium
from styleguide_example.users.tests.factories import PASSWORD, user_onboarded

pytestmark = [
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def person() -> str:
    """Somebody's address."""
    return user_onboarded(email="ada@example.com").email


@pytest.fixture(params=[1280, 390])
def page(browser: Browser, request: pytest.FixtureRequest, live_server: LiveServer) -> Iterator[Page]:
    """At two widths; it may neither complain nor ask anybody else for anything."""
    complaints: list[str] = []
    tab = browser.new_context(viewport={"width": request.param, "height": 900}).new_page()
    tab.set_default_timeout(10_000)
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda asked: None if _is_local(asked.url, live_server.url) else complaints.append(asked.url))
    yield tab
    tab.context.close()
    # Chromium itself writes down each answer that is an error, as the one that is asked for below.
    assert [line for line in complaints if "status of 404" not in line] == []


def _is_local(url: str, ours: str) -> bool:
    return url.startswith((ours, "data:", "blob:"))


class TestDocsPage:
    def test_shows_the_endpoints_and_calls_them_with_the_session(
        self, page: Page, live_server: LiveServer, person: str
    ) -> None:
        page.goto(f"{live_server.url}/api/docs/")
        page.get_by_label("E-mail address").fill(person)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

        reads = _tried(page, "job_kind_list")
        reads.get_by_role("button", name="Execute").click()
        expect(reads.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")

        changes = _tried(page, "job_start")
        changes.get_by_placeholder("kind").fill("no-such-kind")
        changes.get_by_role("button", name="Execute").click()
        # Not 403: the page sends the CSRF token.
        expect(changes.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("404")

        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def _tried(page: Page, operation: str) -> Locator:
    """One operation, opened to be tried out."""
    block = page.locator(f"#operations-jobs-{operation}")
    block.locator("button").first.click()
    block.get_by_role("button", name="Try it out").click()
    return block
