"""The mailbox: what the product has sent, as its recipients see it. For development only."""

from collections.abc import Callable
from email.utils import getaddresses
from itertools import takewhile
from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from styleguide_example.embedded.forms import OrderForm
from styleguide_example.embedded.guards import development_only
from styleguide_example.embedded.letters import header_lines
from styleguide_example.embedded.links import link_list
from styleguide_example.embedded.mailbox import CaughtMail, caught_get, caught_mark, caught_paths, key_order
from styleguide_example.embedded.pages import answers, directory, list_context, state
from styleguide_example.embedded.parts import SANDBOX

#: What is longer is shown so far, with the way to the whole.
TEXT_CHARACTERS_SHOWN = 200_000
HEADERS_SHOWN = 300
ATTACHMENTS_SHOWN = 100


@development_only
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """What was caught, newest first, and what the next message gets."""
    context = {**list_context(request), "form": OrderForm(), "history": answers().history}
    return render(request, "embedded/mailbox.html", context)


@development_only
@require_safe
def pulse(request: HttpRequest) -> HttpResponse:
    """Whether anything changed, and how many messages came after the one named ``after``. Reads no message."""
    paths = caught_paths(directory())
    after = key_order(request.GET.get("after", ""))
    new = takewhile(lambda key: key_order(key) > after, paths)
    return JsonResponse({"state": state(paths, answers()), "new": len(list(new))})


@development_only
@require_safe
def message(request: HttpRequest, key: str) -> HttpResponse:
    """One message: as HTML, as plain text, its headers, its links, or as it came over the wire. Marks it as read."""
    mail = caught_get(directory(), key)
    if mail is None:
        return render(request, "embedded/gone.html", list_context(request), status=404)
    if request.method == "GET":
        caught_mark(directory(), keys=[key], seen=True)
    context = list_context(request, key=key)
    part, parts = _parts(mail, request.GET.get("part", ""))
    shown = {**_head(mail), "part": part, "parts": parts, **SHOWN[part](mail)}
    options = {name: request.GET.get(name, "") for name in ("width", "scheme")}
    return render(request, "embedded/message.html", {**context, **options, **shown, "mail": mail, "sandbox": SANDBOX})


def _parts(mail: CaughtMail, wanted: str) -> tuple[str, list[tuple[str, str]]]:
    parts = [("html", "HTML")] if mail.html else []
    parts += [("text", "Plain text")] if mail.text else []
    parts += [("links", "Links"), ("headers", "Headers"), ("source", "Source")]
    # One that has neither HTML nor text shows where it came from.
    first = parts[0][0] if mail.html or mail.text else "source"
    return wanted if wanted in dict(parts) else first, parts


def _head(mail: CaughtMail) -> dict[str, Any]:
    """What stands above each message."""
    named = getaddresses([str(value) for name in ("To", "Cc") for value in mail.message.get_all(name, [])])
    visible = {address.lower() for _, address in named}
    return {
        "ago": naturaltime(mail.caught_at),
        "to": mail.header("To"),
        "cc": mail.header("Cc"),
        "bcc": [address for address in mail.envelope_to if address.lower() not in visible],
        "date": mail.header("Date"),
        "files": mail.attachments[:ATTACHMENTS_SHOWN],
        "files_more": max(0, len(mail.attachments) - ATTACHMENTS_SHOWN),
    }


def _text(text: str) -> dict[str, Any]:
    cut = f"{TEXT_CHARACTERS_SHOWN:,} of {len(text):,}" if len(text) > TEXT_CHARACTERS_SHOWN else ""
    return {"text": text[:TEXT_CHARACTERS_SHOWN], "cut": cut}


def _headers(mail: CaughtMail) -> dict[str, Any]:
    lines = header_lines(mail.message)
    return {"headers": lines[:HEADERS_SHOWN], "headers_more": max(0, len(lines) - HEADERS_SHOWN)}


#: What each part of a message needs besides the message.
SHOWN: dict[str, Callable[[CaughtMail], dict[str, Any]]] = {
    "html": lambda _mail: {},
    "text": lambda mail: _text(mail.text),
    "links": lambda mail: {"links": link_list(mail)},
    "headers": _headers,
    "source": lambda mail: _text(mail.source.decode("utf-8", errors="replace")),
}
