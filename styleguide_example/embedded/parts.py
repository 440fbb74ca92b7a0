"""What a message consists of, each at an address of its own: a stranger's content, of which nothing is ever run."""

import re
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from styleguide_example.embedded.guards import development_only
from styleguide_example.embedded.letters import Attachment
from styleguide_example.embedded.mailbox import CaughtMail, caught_get
from styleguide_example.embedded.pages import directory

# The message is a stranger's HTML: no scripts, no forms, no plug-ins, an origin of its own. Its links open in a new tab
# that is not sandboxed, or the page behind a confirmation link could not be used.
# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/sandbox
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MESSAGE_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'; font-src data:; "
    "frame-ancestors 'self'"
)
PICTURE_POLICY = "sandbox; default-src 'none'"
#: A browser takes seconds for more; it is shown so far.
HTML_CHARACTERS_SHOWN = 2_000_000
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_SCHEME = re.compile(r"(?<![\w-])(color-scheme\s*:)[^;}\"'<]*", re.IGNORECASE)
_CONTENT_ID = re.compile(r"\bcid:([^\s\"'<>()]+)", re.IGNORECASE)


@development_only
@require_safe
@xframe_options_sameorigin
def message_html(request: HttpRequest, key: str) -> HttpResponse:
    """The message's HTML alone, for the frame on its page. Harmless outside of the frame too."""
    mail = _mail(key)
    scheme = "dark" if request.GET.get("scheme") == "dark" else "light"
    html = _in_scheme(_with_pictures(request, mail, mail.html[:HTML_CHARACTERS_SHOWN]), scheme)
    first = f'<base target="_blank"><meta name="color-scheme" content="{scheme}">'
    framed, count = _HEAD.subn(lambda head: head.group() + first, html, count=1)
    response = HttpResponse(framed if count else first + html)
    response["Content-Security-Policy"] = MESSAGE_POLICY
    return response


@development_only
@require_safe
def source(request: HttpRequest, key: str) -> HttpResponse:
    """The message as it came over the wire, as a file that mail programs open."""
    mail = _mail(key)
    return _saved(mail.source, filename=f"{mail.subject[:60] or 'message'}.eml")


@development_only
@require_safe
def attachment(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """A file, always to be saved and never to be shown: its name and type are a stranger's."""
    found = _attachment(key, number)
    return _saved(found.content, filename=Path(found.filename).name)


@development_only
@require_safe
def picture(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """A file that says that it is a picture and begins as one, to be shown; no other."""
    found = _attachment(key, number)
    if not found.is_picture:
        raise Http404
    response = HttpResponse(found.content, content_type=found.content_type)
    response["Content-Security-Policy"] = PICTURE_POLICY
    return response


def _mail(key: str) -> CaughtMail:
    mail = caught_get(directory(), key)
    if mail is None:
        raise Http404("This message is not in the mailbox; it may have been deleted.")
    return mail


def _attachment(key: str, number: int) -> Attachment:
    attachments = _mail(key).attachments
    if not 1 <= number <= len(attachments):
        raise Http404
    return attachments[number - 1]


def _saved(content: bytes, *, filename: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/octet-stream")
    name = "".join(letter for letter in filename.replace("/", "-") if letter.isprintable())
    disposition = content_disposition_header(as_attachment=True, filename=name or "attachment")
    response["Content-Disposition"] = disposition or "attachment"
    return response


def _in_scheme(html: str, scheme: str) -> str:
    """Show it as to somebody who prefers ``scheme``: a frame of another origin is told the reader's own preference."""
    asked = _PREFERS.sub(lambda found: "(min-width: 0)" if found[1].lower() == scheme else "(max-width: 0)", html)
    return _SCHEME.sub(rf"\1 {scheme}", asked)


def _with_pictures(request: HttpRequest, mail: CaughtMail, html: str) -> str:
    """Let what names a picture by its Content-ID (RFC 2392) find it. A frame without origin needs full addresses."""
    numbers = {file.content_id: number for number, file in enumerate(mail.attachments, start=1) if file.content_id}

    def address(found: re.Match[str]) -> str:
        number = numbers.get(found[1])
        if number is None:
            return found[0]
        return request.build_absolute_uri(reverse("embedded:picture", args=[mail.key, number]))

    return _CONTENT_ID.sub(address, html)
