"""The admin in a real browser, in the words of a person who uses it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import Locator, Page, expect, sync_playwright

from styleguide_example.tasks.tests.admins import DRIFT, LIST, page_of
from styleguide_example.users.models import User

#: The first page of a browser that has just started brings many files; on a busy machine that takes long.
PATIENCE_MILLISECONDS = 20_000
PASSWORD = "correct horse battery staple"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class AdminBrowser:
    """One tab. Whatever it waits for, it waits for 20 seconds at most."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self._base_url = base_url

    def sign_in(self, email: str) -> None:
        self.page.goto(f"{self._base_url}{LIST}")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Schedules")).to_be_visible()

    def open(self, row: PeriodicTask) -> None:
        self.page.goto(f"{self._base_url}{page_of(row)}")

    def type_cron(self, line: str) -> None:
        self.page.get_by_role("textbox", name="Crontab line").press_sequentially(line)

    def clear_cron(self) -> None:
        self.page.get_by_role("textbox", name="Crontab line").clear()

    def choose_interval(self, every: int, period: str) -> None:
        self.page.get_by_label("at an interval").check()
        self.page.get_by_role("spinbutton", name="Every").fill(str(every))
        self.page.get_by_label("Unit").select_option(period)

    def preview(self) -> Locator:
        return self.page.locator("#preview")

    def save(self) -> None:
        self.page.get_by_role("button", name="Save", exact=True).click()
        expect(self.page.get_by_text("was changed successfully")).to_be_visible()

    def line(self, name: str) -> Locator:
        """The row of the list, read anew."""
        self.page.goto(f"{self._base_url}{LIST}")
        return self.page.get_by_role("row").filter(has_text=name)

    def switch(self, name: str) -> None:
        self.line(name).get_by_role("switch").click()

    def reset_to_code(self, name: str) -> None:
        self.line(name).get_by_role("checkbox").check()
        self.page.get_by_label("Action:").select_option("reset_to_code")
        self.page.get_by_role("button", name="Go").click()
        expect(self.page.get_by_text("1 schedule reset to code:")).to_be_visible()

    def drift(self) -> Locator:
        """The page of the drift, read anew."""
        self.page.goto(f"{self._base_url}{DRIFT}")
        return self.page.locator("#content")


@contextmanager
def admin_browser(base_url: str, *, javascript: bool = True) -> Iterator[AdminBrowser]:
    """A browser whose page may neither fail to load a thing nor write to the console."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_context(java_script_enabled=javascript).new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        page.on("console", lambda message: complaints.append(f"{message.text} {message.location['url']}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if base_url not in request.url else None)
        try:
            yield AdminBrowser(page, base_url)
        finally:
            # Beside an event loop Django opens another connection (asgiref.local), which nobody else would close.
            connections.close_all()
            browser.close()
    # Chromium asks for the icon of every site; Django's admin has none.
    assert [line for line in complaints if not line.endswith("/favicon.ico")] == []


def superuser_make() -> User:
    """With the password that the browser types."""
    user: User = User.objects.create_superuser("ada@example.com", PASSWORD)
    return user
