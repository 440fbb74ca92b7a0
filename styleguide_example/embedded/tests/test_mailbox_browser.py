"""The mailbox in a real browser: what arrives appears by itself, keys move through the list, nothing needs a script."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from styleguide_example.common.tests.browsers import CHROMIUM, chromium
from styleguide_example.embedded.answers import Answer, Order, Stage, answer_order, answers_path
from styleguide_example.embedded.mailbox import caught_keys
from styleguide_example.embedded.tests.conftest import Catch

pytestmark = [
    pytest.mark.once,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

PATIENCE_MILLISECONDS = 10_000
Looking = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of this module; each has a context of its own."""
    with chromium() as running:
        yield running


@pytest.fixture
def looking(browser: Browser, live_server: LiveServer, directory: Path) -> Looking:
    """Lets somebody open the mailbox."""
    return partial(_looking, browser, live_server.url)


@contextmanager
def _looking(browser: Browser, base_url: str, *, javascript: bool = True) -> Iterator[Page]:
    """The mailbox, in which no script may fail and no policy be broken. Its clock is the test's."""
    complaints: list[str] = []
    with browser.new_context(java_script_enabled=javascript) as tab:
        page = tab.new_page()
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None
        )
        if javascript:
            page.clock.install()
        page.goto(f"{base_url}/mailbox/")
        yield page
    assert complaints == []


def _two_seconds_later(page: Page) -> None:
    """The page asks whether anything is new, and has its answer."""
    with page.expect_request_finished(lambda asked: "/pulse/" in asked.url):
        page.clock.run_for(2_000)


class TestMailbox:
    def test_shows_what_arrives_and_keeps_what_is_ticked_and_focused(self, looking: Looking, catch: Catch) -> None:
        catch(subject="First")
        with looking() as page:
            page.get_by_label("Select: First").check()
            page.get_by_role("link", name="First").focus()
            catch(subject="Second")
            catch(subject="<b>Third</b>")

            _two_seconds_later(page)

            expect(page.locator(".row .subject")).to_have_text(["<b>Third</b>", "Second", "First"])
            expect(page.get_by_role("status")).to_have_text("2 new messages")
            expect(page.get_by_label("Select: First")).to_be_checked()
            expect(page.get_by_role("link", name="First")).to_be_focused()
            expect(page).to_have_title("(3) Mailbox")

    def test_shows_what_was_ordered_elsewhere(self, looking: Looking, directory: Path) -> None:
        with looking() as page:
            answer_order(answers_path(directory), Order(Answer.CUT, Stage.DATA, left=2))

            _two_seconds_later(page)

            expect(page.locator("#armed")).to_contain_text("The next 2 messages get: A cut connection")
            page.get_by_role("button", name="Switch off").click()
            expect(page.locator("#armed")).to_be_empty()

    def test_is_used_with_the_keyboard(self, looking: Looking, catch: Catch, directory: Path) -> None:
        kept, _, read = catch(subject="Kept"), catch(subject="Deleted"), catch(subject="Read")
        with looking() as page:
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1)).to_have_text("Read")
            page.wait_for_load_state()  # and with it the script
            page.keyboard.press("j")
            page.keyboard.press("Delete")
            expect(page.get_by_role("status").first).to_have_text("One message was deleted.")
            assert caught_keys(directory) == [read, kept]

            page.wait_for_load_state()
            page.keyboard.press("/")
            page.keyboard.type("kept j")
            expect(page.get_by_label("Search subjects, addresses and texts")).to_have_value("kept j")

    def test_needs_no_script(self, looking: Looking, catch: Catch, directory: Path) -> None:
        catch(subject="First", html="<p>Hello</p><script>document.body.textContent = 'run'</script>")
        with looking(javascript=False) as page:
            catch(subject="Second")
            page.get_by_role("link", name="Refresh").click()
            page.get_by_role("link", name="First").click()
            expect(page.frame_locator("iframe").get_by_text("Hello")).to_be_visible()
            page.get_by_role("link", name="Dark").click()
            page.locator(".mail").get_by_role("button", name="Delete").click()

            expect(page.locator(".row .subject")).to_have_text(["Second"])
