"""What people do over HTTP, with what a browser would send and nothing else: sign up, onboard, administer."""

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
    """A form of a page: where it is sent, what it would send untouched, and of which types all its fields are."""

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
        given |= {name: answer for name, answer in answers.items() if name in form.types}  # a box, a button
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


def admin_sign_in(*, base_url: str, address: str, password: str) -> Browser:
    """Sign in to the admin. Returns the browser in which it was done."""
    browser = Browser()
    page = browser.submit(browser.get(f"{base_url}/admin/"), {"username": address, "password": password})
    if page.path != "/admin/":
        raise JourneyError(f"Signing in to the admin did not lead there but to {page.path}: {_errors(page)}")
    return browser


def schedule_edit(*, browser: Browser, base_url: str, name: str, cron_line: str) -> None:
    """Give the schedule of that name another crontab line, as an admin does."""
    schedules = browser.get(f"{base_url}/admin/django_celery_beat/periodictask/")
    link = re.search(rf'href="([^"]*/\d+/change/[^"]*)"[^>]*>\s*{re.escape(name)}\s*<', schedules.html)
    if link is None:
        raise JourneyError(f"The admin does not list the schedule {name!r}.")
    page = browser.get(urllib.parse.urljoin(schedules.url, link.group(1)))
    saved = browser.submit(page, {"cron_line": cron_line, "_save": "Save"})
    if saved.path != schedules.path:
        raise JourneyError(f"The admin did not save the schedule {name!r}: {_errors(saved)}")


def announcement_send(*, browser: Browser, base_url: str, subject: str, text: str, audience: str) -> Page:
    """Write an announcement and send it, as an admin does. Returns the page on which its sending can be watched."""
    answers = {"subject": subject, "body": text, "audience": audience, "_save": "Save"}
    browser.submit(browser.get(f"{base_url}/admin/announcements/announcement/add/"), answers)
    announcements = browser.get(f"{base_url}/admin/announcements/announcement/")
    link = re.search(rf'href="[^"]*/(\d+)/[^"]*"[^>]*>\s*{re.escape(subject)}\s*<', announcements.html)
    if link is None:
        raise JourneyError(f"The admin does not list the announcement {subject!r}.")
    page = browser.submit(browser.get(urllib.parse.urljoin(announcements.url, f"{link.group(1)}/send/")), {})
    if not page.path.endswith("/progress/"):
        raise JourneyError(f"The announcement was not sent: {page.path} says: {_errors(page)}")
    return page


def is_ended(page: Page) -> bool:
    """Return whether the page of something that goes on says that it has come to its end."""
    return 'data-active="1"' not in page.html


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
        self._textarea = ""

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
        elif tag == "textarea":
            self._textarea = ""
        elif tag == "main":
            self._in_main = False

    def handle_data(self, data: str) -> None:
        """Read the text of a text area; a line break after its tag is not part of it."""
        if self._in_form and self._textarea:
            self.forms[-1].values[self._textarea] += data.removeprefix("\n")

    def _field(self, tag: str, found: dict[str, str], *, is_chosen: bool) -> None:
        name = found.get("name", "")
        if tag == "option" and self._select:
            if is_chosen or self._select not in self.forms[-1].values:  # the first, unless one is chosen
                self.forms[-1].values[self._select] = found.get("value", "")
        elif tag == "select" and name:
            self._select = name
            self._add(name, "select", None)
        elif tag == "textarea" and name:
            self._textarea = name
            self._add(name, "text", "")
        elif tag == "input" and name:
            kind = found.get("type", "text")
            is_sent = is_chosen or kind not in ("radio", "checkbox", "submit")
            untouched = "on" if kind in ("radio", "checkbox") else ""
            self._add(name, kind, found.get("value", untouched) if is_sent else None)
        elif tag == "button" and name:
            self._add(name, "submit", None)

    def _add(self, name: str, kind: str, value: str | None) -> None:
        self.forms[-1].types[name] = kind
        if value is not None:
            self.forms[-1].values[name] = value
