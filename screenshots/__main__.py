"""``make screenshots``: pictures of each page, into ``var/screenshots/``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError

from screenshots.camera import Studio, camera, picture_of_the_top, pictures_take
from screenshots.pages import IN_DOCS, SHOTS, Shot
from screenshots.stack import filled_stack
from styleguide_example.embedded.environment import PROJECT_DIR
from styleguide_example.embedded.interrupts import interrupts_become_one
from styleguide_example.embedded.output import say
from styleguide_example.embedded.stack import StackError

PICTURES, DOCS = PROJECT_DIR / "var" / "screenshots", PROJECT_DIR / "docs" / "images"


def main() -> int:
    """Take them. Returns 0, or 1 where a page did not answer, ran into an error or sticks out of the screen."""
    options = _options()
    interrupts_become_one()
    shots = options.only or SHOTS
    try:
        with filled_stack() as (base_url, found), camera() as browser:
            studio = Studio(base_url, found["sessions"], _places(browser, base_url, found["places"]), options.to)
            _take(browser, studio, shots, docs=options.docs)
    except KeyboardInterrupt:
        return 130
    except (StackError, PlaywrightError) as error:
        say(f"make screenshots: {error}", to=sys.stderr)
        return 1
    for complaint in studio.complaints:
        say(f"  ! {complaint}", to=sys.stderr)
    return 1 if studio.complaints else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--docs", action="store_true", help="renew the pictures in docs/images, too")
    parser.add_argument("--to", type=Path, default=PICTURES, metavar="FOLDER", help="where they go (var/screenshots)")
    parser.add_argument("only", nargs="*", type=_shot, metavar="NAME", help="only these pages")
    return parser.parse_args()


def _shot(name: str) -> Shot:
    try:
        return next(shot for shot in SHOTS if shot.name == name)
    except StopIteration:
        names = ", ".join(shot.name for shot in SHOTS)
        raise argparse.ArgumentTypeError(f"there is no page {name!r}; there are {names}") from None


def _places(browser: Browser, base_url: str, known: dict[str, str]) -> dict[str, str]:
    """And the newest message of the mailbox."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{base_url}/mailbox/")
        address = page.locator("main a[href^='/mailbox/']").first.get_attribute("href")
    return {**known, "message": address or "/mailbox/"}


def _take(browser: Browser, studio: Studio, shots: Sequence[Shot], *, docs: bool) -> None:
    studio.directory.mkdir(parents=True, exist_ok=True)
    # First: after a minute without workers, the first page says that all is too old.
    for shot in IN_DOCS if docs else ():
        path = DOCS / f"{shot.name}.png"
        picture_of_the_top(browser, studio, shot, path)
        say(f"  {path}")
    for shot in shots:
        for path in pictures_take(browser, studio, shot):
            say(f"  {path}")


if __name__ == "__main__":
    sys.exit(main())
