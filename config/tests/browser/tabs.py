"""A tab of a browser, in the hands of whoever is signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client
from playwright.sync_api import Browser, Page, expect

#: How long anything may take on a busy machine.
_PATIENCE_MILLISECONDS = 15_000


@contextmanager
def tab(browser: Browser, url: str, client: Client | None = None, **options: Any) -> Iterator[Page]:
    """A page to go to the product at ``url``, of the person whose ``client`` is signed in. It may ask nobody else."""
    complaints: list[str] = []
    with browser.new_context(base_url=url, **options) as context:
        if client and (session := client.cookies.get("sessionid")):
            context.add_cookies([{"name": "sessionid", "value": session.value, "url": url}])
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MILLISECONDS)
        expect.set_options(timeout=_PATIENCE_MILLISECONDS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if _is_ours(asked.url, url) else complaints.append(asked.url))
        yield page
    assert complaints == []


def _is_ours(asked: str, url: str) -> bool:
    return asked.startswith((url, "data:", "blob:", "about:"))
