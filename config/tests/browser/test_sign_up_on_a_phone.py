"""Somebody signs up with a thumb: from the first page to the welcome, with a real worker and a real mail server."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from config.tests.browser.looking import PHONE
from config.tests.browser.tabs import tab
from styleguide_example.common.tests.browsers import CHROMIUM
from styleguide_example.common.tests.processes import Worker
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD

pytestmark = [
    pytest.mark.long,
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

A_PHONE: dict[str, Any] = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


def _tap(page: Page, role: Any, name: str) -> None:
    """What is tapped has to be as large as a finger needs it (WCAG 2.2, 2.5.8)."""
    target = page.get_by_role(role, name=name, exact=True).first
    size = target.bounding_box()
    assert size
    assert min(size["width"], size["height"]) >= 24
    target.tap()


def _link_in(text: str) -> str:
    found = re.search(r"http\S+/confirm/\S+", text)
    assert found
    return found.group()


class TestSignUpOnAPhone:
    def test_ends_with_a_welcome(
        self, browser: Browser, live_server: LiveServer, settings: Settings, worker: Worker, smtp: SMTPServer
    ) -> None:
        settings.APP_BASE_URL = live_server.url
        worker.start()
        with tab(browser, live_server.url, **A_PHONE) as page:
            page.goto("/")
            _tap(page, "link", "Sign up")
            page.get_by_label("E-mail address").fill("ada@example.com")
            _tap(page, "button", "Send me the link")
            expect(page.get_by_role("heading", name="We wrote to you")).to_be_visible()

            confirmation = smtp.wait_for(1)[0].message.get_body(("plain",))
            assert confirmation
            page.goto(_link_in(confirmation.get_content()))
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_label("The same password again").fill(PASSWORD)
            _tap(page, "button", "Save and go on")

            page.get_by_label("Your name").fill("Ada Lovelace")
            _tap(page, "button", "Go on")
            page.get_by_role("combobox").first.select_option("Europe/Berlin")
            _tap(page, "button", "Done")

            welcomed = page.get_by_role("heading", name="You are set, Ada Lovelace")
            expect(welcomed).to_be_visible()
            welcome = smtp.wait_for(2)[1].message
        assert "Ada Lovelace" in str(welcome)
        assert User.objects.get().time_zone == "Europe/Berlin"
