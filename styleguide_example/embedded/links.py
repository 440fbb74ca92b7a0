"""Where the links of a message lead, judged without following one: a link may work only once."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.urls import Resolver404, resolve

from styleguide_example.embedded.letters import html_links, text_links
from styleguide_example.embedded.mailbox import CaughtMail

LINKS_SHOWN = 200
_CHARACTERS_READ = 500_000

#: As the signs of the page are called: good, bad, to be looked at, nothing to say.
Judgement = Literal["go", "bad", "hold", "off"]


@dataclass(frozen=True)
class Link:
    """A link, whether it is good as far as can be told from here, and why."""

    target: str
    name: str
    judgement: Judgement
    reason: str

    @property
    def is_web(self) -> bool:
        """Whether the page may make it a link: nothing but the web is opened from there."""
        return self.target.lower().startswith(("http://", "https://"))


def link_list(mail: CaughtMail) -> list[Link]:
    """Return the links of the HTML, then those that only the plain text has; each target once, 200 at most."""
    named = html_links(mail.html[:_CHARACTERS_READ])
    named += [(target, "") for target in text_links(mail.text[:_CHARACTERS_READ])]
    names: dict[str, str] = {}
    for target, name in named:
        names.setdefault(target, name)
    return [Link(target, name, *_judged(target, name)) for target, name in list(names.items())[:LINKS_SHOWN]]


def _judged(target: str, name: str) -> tuple[Judgement, str]:
    try:
        url = urlsplit(target)
        host = url.hostname
    except ValueError:
        return "bad", "Not an address."
    if url.scheme in ("mailto", "tel"):
        return "off", "Opens another program."
    if url.scheme not in ("http", "https"):
        return "bad", "Leads nowhere from an e-mail: an address has to begin with https://."
    if _names_another_host(name, host):
        return "bad", "Its text names another host than the one it leads to."
    if url.netloc == urlsplit(settings.APP_BASE_URL).netloc:
        return _judged_ours(url)
    return ("hold", "Another site, not encrypted.") if url.scheme == "http" else ("off", "Another site.")


def _judged_ours(url: SplitResult) -> tuple[Judgement, str]:
    try:
        match = resolve(url.path or "/")
    except Resolver404:
        return "bad", "Leads to no page of this product."
    return "go", f"This product: {match.view_name}."


def _names_another_host(name: str, host: str | None) -> bool:
    """Return whether a link's text is itself an address, of somebody else: what fraud does, and filters look for."""
    named = text_links(name)
    try:
        return bool(named) and urlsplit(named[0]).hostname != host
    except ValueError:
        return True
