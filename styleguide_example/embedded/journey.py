"""A person who signs up and completes onboarding over HTTP, with what a browser would send and nothing else."""

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from styleguide_example.embedded.mailbox import CaughtMail

#: More pages than any onboarding has: one that shows its form again and again ends here.
PAGES_MAX = 8


class JourneyError(Exception):
    """A page was not what a person would need to go on."""


@dataclass
class Form:
    """A form of a page: where it is sent, and what it would send untouched."""

    action: str = ""
    method: str = "get"
    values: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A page as it came."""

    url: str
    html: str

    @property
    def path(self) -> str:
        """Where it was found after redirects."""
        return urllib.parse.urlsplit(self.url).path

    def form(self) -> Form:
        """Return the page's form. Raises :class:`JourneyError` when it has none."""
        reader = _FormReader()
        reader.feed(self.html)
        posted = [form for form in reader.forms if form.method == "post"]
        if not posted:
            raise JourneyError(f"The page {self.path} has no form to fill in.")
        return posted[0]


class Browser:
    """Follows redirects, keeps cookies, and sends forms."""

    def __init__(self) -> None:
        # No proxy: the product runs on this machine, whatever the environment says.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )

    def get(self, url: str) -> Page:
        """Open a page. Raises :class:`JourneyError` for anything but success."""
        return self._open(urllib.request.Request(url))  # noqa: S310  the address is the demo's own

    def submit(self, page: Page, answers: Mapping[str, str]) -> Page:
        """Send the page's form with ``answers`` by name or by type of field, and return the page that comes next."""
        form = page.form()
        given = {name: answers.get(name, answers.get(form.types[name], value)) for name, value in form.values.items()}
        url = urllib.parse.urljoin(page.url, form.action)
        body = urllib.parse.urlencode(given).encode()
        return self._open(urllib.request.Request(url, data=body, headers={"Referer": page.url}))  # noqa: S310

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=20) as response:
                return Page(url=response.geturl(), html=response.read().decode("utf-8", errors="replace"))
        except urllib.error.HTTPError as error:
            path = urllib.parse.urlsplit(request.full_url).path
            raise JourneyError(
                f"{request.get_method()} {path} was answered with {error.code} {error.reason}."
            ) from error
        except OSError as error:
            raise JourneyError(f"The web server does not answer: {error}.") from error


@dataclass(frozen=True)
class Person:
    """Who signs up."""

    name: str
    address: str
    password: str


def person_sign_up(*, base_url: str, person: Person) -> Browser:
    """Ask for an account. Returns the browser in which it was done."""
    browser = Browser()
    page = browser.submit(browser.get(f"{base_url}/sign-up/"), {"email": person.address})
    if page.path == "/sign-up/":
        raise JourneyError(f"Sign-up showed its form again: {_errors(page)}")
    return browser


def person_onboard(*, browser: Browser, base_url: str, person: Person, confirmation: CaughtMail) -> None:
    """Follow the link in the ``confirmation`` and answer every page until home is reached."""
    link = re.search(rf"{re.escape(base_url)}/confirm/[^\s\"'<>]+", confirmation.text)
    if link is None:
        raise JourneyError(f"The e-mail {confirmation.subject!r} has no link to confirm the address.")
    answers = {"password": person.password, "text": person.name, "email": person.address}
    page = browser.get(link.group())
    for _ in range(PAGES_MAX):
        if page.path == "/home/":
            return
        page = browser.submit(page, answers)
    raise JourneyError(f"Onboarding did not come to an end; {page.path} says: {_errors(page)}")


def _errors(page: Page) -> str:
    found = re.findall(r'class="errorlist[^>]*>(.*?)</ul>', page.html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", " ".join(found)).split()) or "nothing"


class _FormReader(HTMLParser):
    """Collects the forms in ``<main>``: those in the header are on every page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._in_main = False
        self._in_form = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a form or of a field in it."""
        found = {name: value or "" for name, value in attrs}
        if tag == "main":
            self._in_main = True
        elif tag == "form" and self._in_main:
            self._in_form = True
            self.forms.append(Form(action=found.get("action", ""), method=found.get("method", "get").lower()))
        elif self._in_form:
            self._field(tag, found, is_chosen=any(name in ("selected", "checked") for name, _ in attrs))

    def handle_endtag(self, tag: str) -> None:
        """Leave what was entered."""
        if tag == "form":
            self._in_form = False
        elif tag == "select":
            self._select = ""
        elif tag == "main":
            self._in_main = False

    def _field(self, tag: str, found: dict[str, str], *, is_chosen: bool) -> None:
        name = found.get("name", "")
        if tag == "option" and self._select:
            if is_chosen or not self.forms[-1].values[self._select]:
                self.forms[-1].values[self._select] = found.get("value", "")
        elif tag == "select" and name:
            self._select = name
            self._add(name, "select", "")
        elif tag == "textarea" and name:
            self._add(name, "text", "")
        elif tag == "input" and name:
            kind = found.get("type", "text")
            if kind in ("radio", "checkbox") and not is_chosen and name in self.forms[-1].values:
                return
            self._add(name, kind, found.get("value", ""))

    def _add(self, name: str, kind: str, value: str) -> None:
        self.forms[-1].values[name] = value
        self.forms[-1].types[name] = kind
