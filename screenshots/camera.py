"""Takes the pictures, in a headless Chromium."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, FloatRect, Page, ViewportSize, sync_playwright

from screenshots.pages import Shot

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
_NO_SIDEBAR = "localStorage.setItem('django.admin.navSidebarIsOpen', 'false')"
_TOP = ViewportSize(width=1280, height=800)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
#: What is longer is cut off.
_HEIGHT_MAX = 4_000
_OK = 200
_FRAME_MILLISECONDS = 400


@dataclass(frozen=True)
class Studio:
    """Where the product is, who is signed in with which session, what stands in the addresses, where pictures go."""

    base_url: str
    sessions: Mapping[str, str]
    places: Mapping[str, str]
    directory: Path
    complaints: list[str] = field(default_factory=list)

    def address_of(self, shot: Shot) -> str:
        """With the world's own keys in it."""
        return self.base_url + shot.address.format_map(self.places)


@contextmanager
def camera() -> Iterator[Browser]:
    """A browser. It needs Chromium on the PATH, or the one that Playwright brings."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


def pictures_take(browser: Browser, studio: Studio, shot: Shot) -> list[Path]:
    """Photograph a page at both widths in both schemes. What is wrong with it goes to ``studio.complaints``."""
    with browser.new_context(locale=shot.language, timezone_id="Europe/Berlin", viewport=DESKTOP) as context:
        context.add_cookies(_session(studio, shot))
        page = context.new_page()
        page.on("pageerror", lambda error: studio.complaints.append(f"{shot.name}: {error}"))
        answer = page.goto(studio.address_of(shot))
        if answer and answer.status != _OK:
            studio.complaints.append(f"{shot.name}: {answer.status} at {shot.address}")
        return [_take(page, studio, shot, size, scheme) for size in (DESKTOP, PHONE) for scheme in SCHEMES]


def picture_of_the_top(browser: Browser, studio: Studio, shot: Shot, path: Path) -> None:
    """Photograph as much of a page as a desktop shows, without Django's list at its side."""
    with browser.new_context(locale=shot.language, timezone_id="Europe/Berlin", viewport=_TOP) as context:
        context.add_cookies(_session(studio, shot))
        context.add_init_script(_NO_SIDEBAR)
        page = context.new_page()
        page.goto(studio.address_of(shot))
        _settle(page)
        page.screenshot(path=path, animations="disabled")


def _session(studio: Studio, shot: Shot) -> list[Any]:
    if not shot.who:
        return []
    return [{"name": "sessionid", "value": studio.sessions[shot.who], "url": studio.base_url}]


def _settle(page: Page) -> None:
    """Wait until all of it is there. A letter's frame is drawn by a process of its own, which tells nobody when."""
    page.wait_for_load_state("networkidle")
    if page.locator("iframe").count():
        page.wait_for_timeout(_FRAME_MILLISECONDS)


def _take(page: Page, studio: Studio, shot: Shot, size: ViewportSize, scheme: Literal["light", "dark"]) -> Path:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    _settle(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > size["width"]:
        studio.complaints.append(f"{shot.name}: {width} px wide on a screen of {size['width']} px")
    path = studio.directory / f"{shot.name}-{size['width']}-{scheme}.png"
    height = min(page.evaluate("document.documentElement.scrollHeight"), _HEIGHT_MAX)
    clip = FloatRect(x=0, y=0, width=size["width"], height=height)
    page.screenshot(path=path, full_page=True, animations="disabled", clip=clip)
    return path
