"""A real browser for the tests of pages. Starting one takes a second, so the tests of a module share it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, Route, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_REFRESH = '<meta http-equiv="refresh" content="5">'


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser to open contexts in, one for each test. Make it a fixture of the module, before the database's.

    Playwright's own event loop runs in this thread, and Django takes what the tests do for a part of it.
    https://docs.djangoproject.com/en/5.2/topics/async/#envvar-DJANGO_ALLOW_ASYNC_UNSAFE
    """
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield browser
        finally:
            # Beside an event loop Django opens another connection (asgiref.local), which nobody else would close.
            connections.close_all()
            browser.close()


def refreshes_at_once(page: Page) -> None:
    """Let what refreshes itself every 5 seconds do so each second: the page is what it is, and the test is quicker.

    Not the page that a redirect leads to: Playwright shows those to nobody.
    """

    def hurried(route: Route) -> None:
        if route.request.resource_type != "document":
            route.continue_()
            return
        response = route.fetch(max_redirects=0)
        route.fulfill(response=response, body=response.text().replace(_REFRESH, _REFRESH.replace("5", "1")))

    page.route("**/*", hurried)
