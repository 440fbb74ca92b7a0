"""The mailbox page: what the product has sent, as its recipients see it. For development only."""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from styleguide_example.embedded.mailbox import (
    CaughtMail,
    caught_delete,
    caught_get,
    caught_keys,
    caught_list,
    mailbox_directory,
)

PAGE_SIZE = 25

# The message is a stranger's HTML: no scripts, no forms, no plug-ins, an origin of its own. Its links open in a new tab
# that is not sandboxed, or the page behind a confirmation link could not be used.
# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/sandbox
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MESSAGE_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'; font-src data:; "
    "frame-ancestors 'self'"
)
_BASE = '<base target="_blank">'
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


def development_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The page exists only with ``DEBUG``, however the app came to be installed, and no copy of it is kept."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEBUG:
            raise Http404
        return view(request, *args, **kwargs)

    return never_cache(guarded)


@development_only
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """What was caught, newest first."""
    page = Paginator(caught_keys(_directory()), PAGE_SIZE).get_page(request.GET.get("page"))
    mails = [(mail, naturaltime(mail.caught_at)) for mail in caught_list(_directory(), keys=list(page.object_list))]
    return render(request, "embedded/mailbox.html", {"page": page, "mails": mails})


@development_only
@require_safe
def message(request: HttpRequest, key: str) -> HttpResponse:
    """One message: as HTML, as plain text, or as it came over the wire."""
    mail = _mail(key)
    parts = [("html", "HTML")] if mail.html else []
    parts += [("text", "Plain text")] if mail.text else []
    parts += [("source", "Source")]
    wanted = request.GET.get("part", "")
    part = wanted if wanted in dict(parts) else parts[0][0]
    context = {
        "mail": mail,
        "ago": naturaltime(mail.caught_at),
        "part": part,
        "parts": parts,
        "sandbox": SANDBOX,
        "source": mail.source.decode("utf-8", errors="replace") if part == "source" else "",
    }
    return render(request, "embedded/message.html", context)


@development_only
@require_safe
@xframe_options_sameorigin
def message_html(request: HttpRequest, key: str) -> HttpResponse:
    """The message's HTML alone, for the frame on its page. Harmless outside of the frame too."""
    html = _mail(key).html
    framed, count = _HEAD.subn(lambda head: head.group() + _BASE, html, count=1)
    response = HttpResponse(framed if count else _BASE + html)
    response["Content-Security-Policy"] = MESSAGE_POLICY
    return response


@development_only
@require_safe
def attachment(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """A file, always to be saved and never to be shown: its name and type are a stranger's."""
    attachments = _mail(key).attachments
    if not 1 <= number <= len(attachments):
        raise Http404
    found = attachments[number - 1]
    response = HttpResponse(found.content, content_type="application/octet-stream")
    disposition = content_disposition_header(as_attachment=True, filename=Path(found.filename).name or "attachment")
    response["Content-Disposition"] = disposition or "attachment"
    return response


@development_only
@require_POST
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Delete one message."""
    if not caught_delete(_directory(), keys=[key]):
        raise Http404
    messages.success(request, "The message was deleted.")
    return redirect("embedded:mailbox")


@development_only
@require_POST
def delete_all(request: HttpRequest) -> HttpResponse:
    """Delete every message."""
    count = caught_delete(_directory(), keys=caught_keys(_directory()))
    messages.success(request, "One message was deleted." if count == 1 else f"{count} messages were deleted.")
    return redirect("embedded:mailbox")


def _directory() -> Path:
    return mailbox_directory(settings.VAR_DIR)


def _mail(key: str) -> CaughtMail:
    mail = caught_get(_directory(), key)
    if mail is None:
        raise Http404("This message is not in the mailbox; it may have been deleted.")
    return mail
