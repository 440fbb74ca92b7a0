"""What is wrong with a page in a browser: each fault is a line that names the page, the rule and the element."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
_DRAWN_MILLISECONDS = 15_000
_SEVERE = {"serious", "critical"}
#: By rule, what stands in the elements that are not ours to mend, and why they may stay.
_EXCUSED = {
    # Its label is a picture with a text, which this rule does not read.
    "label-title-only": "#searchbar",
    # The two boxes of Django's permission chooser: the help is in the field's description, too.
    "aria-prohibited-attr": ".help-tooltip",
    # select2, which Django brings for autocompletion; its own role and value are announced.
    "aria-input-field-name": "select2",
}

#: Frames hold a letter or a message, which other people wrote; the page of the schema is Swagger UI's own. The list at
#: the side of the admin's pages is that of its first page.
_AXE = """async (rules) => {
  const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
  const options = { resultTypes: ["violations"], iframes: false, ...only };
  const found = await axe.run({ exclude: [".swagger-ui", "#nav-sidebar"] }, options);
  return found.violations.flatMap(({ id, impact, nodes }) =>
    nodes.map((node) => ({ id, impact, target: node.target.join(" "), says: node.failureSummary })));
}"""
#: What changes its colour slowly would be looked at half-way.
_AT_ONCE = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets = [sheet];
}"""
_HEAD = """() => ({
  lang: document.documentElement.lang,
  title: document.title.trim(),
  headings: [...document.querySelectorAll("h1")].filter((heading) => heading.checkVisibility()).length,
})"""
#: What sticks out by itself, not because of something in it that may be scrolled.
_TOO_WIDE = """() => {
  const page = document.documentElement;
  if (page.scrollWidth <= page.clientWidth) return [];
  const scrolls = (element) =>
    element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
  const out = [...document.body.querySelectorAll("*")].filter((element) =>
    element.getBoundingClientRect().right > page.clientWidth + 1 && !scrolls(element.parentElement));
  return [`${page.scrollWidth} px`, ...out.slice(0, 2).map((element) => element.outerHTML.slice(0, 120))];
}"""
#: One of each kind of element is enough. Called after a key was pressed: only then is focus shown.
_FOCUS_UNSEEN = """() => {
  const looks = (element) => {
    const { outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor, color, textDecorationLine }
      = getComputedStyle(element);
    return [outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor, color, textDecorationLine].join();
  };
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const kinds = new Map();
  for (const element of all) {
    const kind = [element.tagName, element.className, element.type, element.parentElement.className].join();
    if (element.checkVisibility() && !element.closest(".swagger-ui") && !kinds.has(kind)) kinds.set(kind, element);
  }
  return [...kinds.values()].filter((element) => {
    element.blur();
    const before = looks(element);
    element.focus({ preventScroll: true });
    return document.activeElement === element && looks(element) === before;
  }).map((element) => element.outerHTML.slice(0, 120));
}"""


def faults_of(page: Page, url: str, *, name: str, first: Callable[[], None] | None = None) -> list[str]:
    """Open a page and look at it: on a desktop, light and dark, with the keyboard, and as wide as a phone.

    ``first`` does what leads to the page that is meant, such as to send an empty form.
    """
    _open(page, url, DESKTOP)
    if first:
        first()
    page.evaluate(_AT_ONCE)
    page.evaluate(AXE_SCRIPT)
    found = [*_head(page), *_axe(page, "light")]
    page.emulate_media(color_scheme="dark")
    found += _axe(page, "dark", rules=["color-contrast"])
    page.keyboard.press("Tab")
    found += [f"focus is not seen: {element}" for element in page.evaluate(_FOCUS_UNSEEN)]
    page.set_viewport_size(PHONE)
    return [f"{name}: {fault}" for fault in [*found, *_too_wide(page)]]


def faults_on_a_phone(page: Page, url: str, *, name: str, lang: str) -> list[str]:
    """Open a page in another language: it is in that language, and as wide as a phone."""
    _open(page, url, PHONE)
    found = [] if page.evaluate(_HEAD)["lang"] == lang else [f"not in {lang}"]
    return [f"{name}: {fault}" for fault in [*found, *_too_wide(page)]]


def _open(page: Page, url: str, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme="light")
    page.goto(url)
    with suppress(PlaywrightTimeoutError):  # it is missed below
        page.locator("h1").first.wait_for(timeout=_DRAWN_MILLISECONDS)  # a script draws the page of the schema


def _head(page: Page) -> list[str]:
    head: dict[str, Any] = page.evaluate(_HEAD)
    missing = [f"no {name}" for name in ("lang", "title") if not head[name]]
    return [*missing, *([] if head["headings"] == 1 else [f"{head['headings']} h1"])]


def _axe(page: Page, scheme: str, *, rules: list[str] | None = None) -> list[str]:
    severe = [each for each in page.evaluate(_AXE, rules) if each["impact"] in _SEVERE and not _is_excused(each)]
    return [f"{each['id']} ({scheme}): {each['target']}: {' '.join(each['says'].split())}" for each in severe]


def _is_excused(violation: dict[str, str]) -> bool:
    excused = _EXCUSED.get(violation["id"])
    return excused is not None and excused in violation["target"]


def _too_wide(page: Page) -> list[str]:
    return [f"sticks out on a phone: {element}" for element in page.evaluate(_TOO_WIDE)]
