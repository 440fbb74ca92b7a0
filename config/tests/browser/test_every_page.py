"""Every page of the product in a real browser. The addresses are read from the product: no new one is forgotten."""

from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from config.tests.browser.looking import faults_of, faults_on_a_phone
from config.tests.browser.tabs import tab
from config.tests.security.access import ACCESS
from config.tests.security.world import PEOPLE, World, routes, world_make
from screenshots.world import letters
from screenshots.world.letters import letters_make
from screenshots.world.work import work_make
from styleguide_example.announcements.models import Announcement
from styleguide_example.common.tests.browsers import CHROMIUM
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_resend
from styleguide_example.embedded.mailbox import caught_add, mailbox_directory
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [
    pytest.mark.long,
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

#: Who is asked first whether they see a page: most pages look the same to everybody.
VISITORS = ("nobody", "owner", "staff")
#: Pages of Django's own that are the same for each model: one of them is enough.
ALIKE = ("history/", "delete/")
#: The browser's own words would keep an empty form from being sent.
NO_VALIDATION = """addEventListener("DOMContentLoaded", () => {
  for (const form of document.forms) form.noValidate = true;
})"""
#: Written by the product for machines and developers, in English.
ENGLISH_ALONE = ("admin/", "api/", "mailbox/")


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> Iterator[World]:
    """One row of everything, and a message in the mailbox of a developer's machine."""
    settings.DEBUG = True
    settings.VAR_DIR = tmp_path
    with kind_known():
        world = world_make()
        yield World(world.ada, {"mailbox/": {"key": _caught(tmp_path)}, **world.parameters})


@pytest.fixture
def busy(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Much goes on besides. Returns addresses of rows in states that the one row of everything is not in."""
    monkeypatch.setattr(letters, "DAYS", 0)
    monkeypatch.setattr(letters, "HOURS", 0)
    work_make([world.ada, user_onboarded(email="grace@example.com")])
    letters_make(world.ada)
    failed, waiting = Email.objects.filter(status="failed").latest("pk"), Email.objects.filter(attempts=2).latest("pk")
    email_resend(email=failed, reason="It was mended")
    running, batch = Job.objects.get(progress_total=10_000), Job.objects.get(is_batch=True)
    announcement = Announcement.objects.get(written__gt=0, sent_at=None)
    return [
        *(f"/admin/emails/email/{email.pk}/change/" for email in (failed, waiting)),
        *(f"/admin/jobs/job/{job.pk}/change/" for job in (running, batch)),
        f"/admin/announcements/announcement/{announcement.pk}/progress/",
        f"/jobs/{running.pk}/",
    ]


def _caught(directory: Path) -> str:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "hello@example.com", "ada@example.com", "Welcome"
    message.set_content("Hello")
    message.add_alternative("<p>Hello</p>", subtype="html")
    mailbox = mailbox_directory(directory)
    return caught_add(mailbox, envelope_from="", envelope_to=["ada@example.com"], source=message.as_bytes(policy=SMTP))


def _sees(visitor: str, route: str) -> bool:
    """Whether the route has a page that this one is the first to see. The mailbox is there with DEBUG alone."""
    if route.startswith("mailbox/"):
        return visitor == "nobody"
    if route not in ACCESS:  # which a test of the security suite says
        return visitor == "owner"
    answers = dict(zip(PEOPLE, ACCESS[route].get, strict=True))
    return visitor == next((each for each in VISITORS if answers[each] == "200"), None)


def _is_page(client: Client, address: str) -> bool:
    """Not a part of one, not a letter in its frame, not data."""
    response = client.get(address)
    if response.status_code != 200 or not response.headers["Content-Type"].startswith("text/html"):
        return False
    return b"<html" in response.content and "sandbox" not in response.headers["Content-Security-Policy"]


def _different(every: list[str]) -> list[str]:
    alike = {next(route for route in every if route.endswith(ending)) for ending in ALIKE}
    return [route for route in every if route in alike or not route.endswith(ALIKE)]


def _pages(world: World, client: Client, visitor: str) -> list[tuple[str, str]]:
    """The routes of which this visitor sees a page, each with its address."""
    seen = [(route, world.address(route)) for route in _different(routes()) if _sees(visitor, route)]
    return [(route, address) for route, address in seen if _is_page(client, address)]


class TestEveryPage:
    @pytest.mark.parametrize("visitor", VISITORS)
    def test_can_be_seen_and_used_by_everybody(
        self, world: World, busy: list[str], browser: Browser, live_server: LiveServer, visitor: str
    ) -> None:
        client, found = world.client(visitor), list[str]()
        pages = _pages(world, client, visitor)
        if visitor == "owner":
            pages += [(address, address) for address in busy]
        with tab(browser, live_server.url, client) as page:
            for route, address in pages:
                found += faults_of(page, address, name=f"{route or 'the first page'} for {visitor}")
        assert pages
        assert not found, "\n".join(found)

    @pytest.mark.parametrize("address", ["/nothing/", "/confirm/for/ged/", "/unsubscribe/forged/"])
    def test_that_says_no_can_be_read_by_everybody(
        self, browser: Browser, live_server: LiveServer, address: str
    ) -> None:
        with tab(browser, live_server.url) as page:
            found = faults_of(page, address, name=address)
        assert not found, "\n".join(found)

    @pytest.mark.parametrize(("address", "button"), [("/sign-up/", "Send me the link"), ("/sign-in/", "Sign in")])
    def test_tells_everybody_what_is_wrong_with_a_form(
        self, browser: Browser, live_server: LiveServer, address: str, button: str
    ) -> None:
        with tab(browser, live_server.url) as page:
            page.add_init_script(NO_VALIDATION)
            send = page.get_by_role("main").get_by_role("button", name=button).click
            found = faults_of(page, address, name=address, first=send)
            assert page.title().startswith("Error:")
        assert not found, "\n".join(found)

    @pytest.mark.parametrize("visitor", VISITORS)
    def test_is_no_wider_than_a_phone_in_german(
        self, world: World, browser: Browser, live_server: LiveServer, visitor: str
    ) -> None:
        client, found = world.client(visitor), list[str]()
        with tab(browser, live_server.url, client, locale="de-DE") as page:
            for route, address in _pages(world, client, visitor):
                if not route.startswith(ENGLISH_ALONE):
                    found += faults_on_a_phone(page, address, name=route, lang="de")
        assert not found, "\n".join(found)
