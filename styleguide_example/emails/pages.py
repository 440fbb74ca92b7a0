"""The page of one e-mail: how its recipient sees it, its text, headers and source, its files, what happened to it."""

from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from styleguide_example.core.redaction import links_masked
from styleguide_example.emails.actions import acts_of
from styleguide_example.emails.columns import recipients_cell
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.letters import letter_response
from styleguide_example.emails.log_lines import log_searches
from styleguide_example.emails.mime import email_to_message, sender_of
from styleguide_example.emails.models import Email, EmailAttachment
from styleguide_example.emails.origins import batch_origins
from styleguide_example.emails.timeline import email_timeline
from styleguide_example.emails.words import email_look

_PARTS = {"html": "As it is read", "text": "Text", "headers": "Headers", "source": "HTML source", "message": "Message"}
_WIDTHS = {"desktop": "Computer", "phone": "Phone"}
_SCHEMES = {"light": "Light", "dark": "Dark"}


class EmailPages(admin.ModelAdmin[Email]):
    """Whoever may see e-mails may see all of one, but for what would let them act as its reader."""

    def get_urls(self) -> list[URLPattern]:
        """Ours first: Django's last one takes everything."""
        pages: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:key>/letter/", xframe_options_sameorigin(self.letter_view), "letter"),
            ("<int:key>/attachments/<int:number>/", self.attachment_view, "attachment"),
        ]
        ours = [
            path(route, self.admin_site.admin_view(require_safe(view)), name=f"emails_email_{name}")
            for route, view, name in pages
        ]
        return [*ours, *super().get_urls()]

    def letter_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """The HTML by itself, for the frame of the page. ``?scheme=dark`` as a reader who prefers that sees it."""
        self._require_view(request)
        html = Email.objects.filter(pk=key).values_list("html", flat=True).first()
        if not html:
            raise Http404
        return letter_response(links_masked(html), scheme=request.GET.get("scheme", ""))

    def attachment_view(self, request: HttpRequest, key: int, number: int) -> HttpResponse:
        """A file, always to be saved and never to be shown: a browser must not run what somebody attached."""
        self._require_view(request)
        attachments = list(EmailAttachment.objects.filter(email=key).values_list("pk", flat=True))
        if not 1 <= number <= len(attachments):
            raise Http404
        attachment = EmailAttachment.objects.select_related("content").get(pk=attachments[number - 1])
        response = HttpResponse(bytes(attachment.content.content), content_type="application/octet-stream")
        name = Path(attachment.filename).name or "attachment"
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
        return response

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def email_facts(email: Email, request: HttpRequest) -> dict[str, Any]:
    """Return what the page of ``email`` shows above its columns, in the view that the address asks for."""
    parts = {name: title for name, title in _PARTS.items() if email.html or name in ("text", "headers", "message")}
    part = _chosen(request, "show", parts)
    width, scheme = _chosen(request, "width", _WIDTHS), _chosen(request, "scheme", _SCHEMES)
    return {
        "look": email_look(email),
        "recipients": recipients_cell(email),
        "acts": acts_of(email),
        "timeline": email_timeline(email),
        "origins": batch_origins(email.batch, viewer=request.user),
        "log_searches": log_searches(email),
        "attachments": list(email.attachments.only("email", "filename", "content_type")),
        "part": part,
        "width": width,
        "scheme": scheme,
        "tabs": _ways(request, "show", parts, part),
        "widths": _ways(request, "width", _WIDTHS, width),
        "schemes": _ways(request, "scheme", _SCHEMES, scheme),
        "words": _words(email, part),
    }


def _words(email: Email, part: str) -> str:
    """What is shown as text: nothing in the place of the frame."""
    match part:
        case "text":
            return links_masked(email.plain_text)
        case "headers":
            return _headers(email)
        case "source":
            return links_masked(email.html)
        case "message":
            return _message(email)
    return ""


def _message(email: Email) -> str:
    """The message as it goes over the wire, without live links and without its files."""
    shown = copy(email)
    shown.html, shown.plain_text = links_masked(email.html), links_masked(email.plain_text)
    shown.headers = {name: links_masked(value) for name, value in email.headers.items()}
    try:
        return email_to_message(shown, attachments=()).payload().decode("utf-8", errors="replace")
    except EmailInvalidError as error:
        return str(error)


def _headers(email: Email) -> str:
    """As they go out, but for the date, which is that of the attempt; without live links: one of them unsubscribes."""
    lines = {
        "From": sender_of(email),
        "To": ", ".join(map(str, email.to)),
        "Cc": ", ".join(map(str, email.cc)),
        "Reply-To": ", ".join(map(str, email.reply_to)),
        "Subject": email.subject,
        "Message-ID": email.message_id,
        **email.headers,
    }
    text = "\n".join(f"{name}: {value}" for name, value in lines.items() if value)
    hidden = f"\n\nIn no header, as it should be (Bcc): {', '.join(map(str, email.bcc))}" if email.bcc else ""
    return links_masked(text) + hidden


def _chosen(request: HttpRequest, name: str, titles: dict[str, str]) -> str:
    """The one that the address names, or else the first."""
    named = request.GET.get(name, "")
    return named if named in titles else next(iter(titles))


def _ways(request: HttpRequest, name: str, titles: dict[str, str], chosen: str) -> list[dict[str, Any]]:
    """Links to each, which keep what else was chosen."""
    ways = []
    for value, title in titles.items():
        params = request.GET.copy()
        params[name] = value
        ways.append({"title": title, "url": f"?{params.urlencode()}#letter", "is_chosen": value == chosen})
    return ways
