"""The gallery in the admin: every template of an e-mail, as it looks with its samples in its languages."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from styleguide_example.common.rate_limits import rate_limit_hit
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.gallery import Look, template_looks
from styleguide_example.emails.gallery_services import template_send_test
from styleguide_example.emails.letters import LETTER_POLICY
from styleguide_example.emails.models import Email
from styleguide_example.emails.samples import template_names

#: So many tests one person may send themselves in RATE_LIMIT_WINDOW_SECONDS.
TESTS_PER_PERSON = 20


class GalleryPages(admin.ModelAdmin[Email]):
    """Whoever may see e-mails may look; a test goes to who asks for it alone, and takes leave to change e-mails."""

    def get_urls(self) -> list[URLPattern]:
        """Ours first: Django's last one takes everything."""
        frame = xframe_options_sameorigin(self.frame_view)
        pages: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("templates", require_GET(self.gallery_view), "gallery"),
            # Not below each other: a template in a folder may have any name.
            ("templates/<path:template>", require_GET(self.template_view), "template"),
            ("template-frames/<path:template>", require_GET(frame), "template_frame"),
            ("template-tests/<path:template>", require_POST(self.test_view), "template_test"),
        ]
        ours = [
            path(f"{route}/", self.admin_site.admin_view(view), name=f"emails_email_{name}")
            for route, view, name in pages
        ]
        return [*ours, *super().get_urls()]

    def gallery_view(self, request: HttpRequest) -> HttpResponse:
        """Each template with its subject, its languages, and whether it is broken: those first."""
        self._require_look(request)
        rows = sorted((_row(template) for template in template_names()), key=lambda row: not row["complaints"])
        page = {"title": "Templates", "rows": rows, "broken": sum(bool(row["complaints"]) for row in rows)}
        return self._gallery_page(request, "index", page)

    def template_view(self, request: HttpRequest, template: str) -> HttpResponse:
        """One of them, on a computer and on a phone, light or dark, as text and as source."""
        self._require_look(request)
        looks = _looks(template)
        look = _chosen(looks, request.GET)
        page = {
            "title": template,
            "look": look,
            "samples": list(dict.fromkeys(each.sample for each in looks)),
            "broken": {each.sample for each in looks if each.error},
            "languages": settings.LANGUAGES,
            "is_dark": _is_dark(request),
            "size": len(look.rendered.html.encode()) if look.rendered else 0,
            "may_send": self._may_send(request) and look.rendered,
        }
        return self._gallery_page(request, "template", page)

    def frame_view(self, request: HttpRequest, template: str) -> HttpResponse:
        """The e-mail itself, for the frames of that page. A sample's links are nobody's, so they are shown whole."""
        self._require_look(request)
        look = _chosen(_looks(template), request.GET)
        if look.rendered is None:
            raise Http404
        html = _in_colours(look.rendered.html, is_dark=_is_dark(request))
        return HttpResponse(html, headers={"Content-Security-Policy": LETTER_POLICY, "Referrer-Policy": "no-referrer"})

    def test_view(self, request: HttpRequest, template: str) -> HttpResponse:
        """Send it to the person who asks, and to nobody else."""
        if not self._may_send(request):
            raise PermissionDenied
        look = _chosen(_looks(template), request.POST)
        if not rate_limit_hit(scope="template-test", subject=str(request.user.pk), limit=TESTS_PER_PERSON):
            minutes = settings.RATE_LIMIT_WINDOW_SECONDS // 60
            text = f"Nothing was sent: {TESTS_PER_PERSON} tests in {minutes} minutes are the most."
            self.message_user(request, text, messages.WARNING)
        else:
            self._send(request, look)
        shown = {"sample": look.sample, "language": look.language}
        return HttpResponseRedirect(reverse("admin:emails_email_template", args=[template], query=shown))

    def _send(self, request: HttpRequest, look: Look) -> None:
        did = f"Sent a test of the template {look.template} ({look.sample}, {look.language}) to themselves."
        to = getattr(request.user, "email", "")
        try:
            with transaction.atomic():
                email = template_send_test(look=look, to=to)
                self.log_addition(request, email, did)
        except ConflictError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        page = reverse("admin:emails_email_change", args=[email.pk])
        text = format_html('A test is on its way to {}: <a href="{}">e-mail {}</a>.', to, page, email.pk)
        self.message_user(request, text, messages.SUCCESS)

    def _require_look(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _may_send(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("emails.change_email"))

    def _gallery_page(self, request: HttpRequest, name: str, page: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.model._meta, **page}
        return TemplateResponse(request, f"emails_gallery/{name}.html", context)


def _is_dark(request: HttpRequest) -> bool:
    return request.GET.get("dark") == "1"


def _in_colours(html: str, *, is_dark: bool) -> str:
    # What the style sheet asks of the reader's system is answered here: not every browser lets a frame have its own.
    return html.replace("(prefers-color-scheme: dark)", "all" if is_dark else "not all")


def _row(template: str) -> dict[str, Any]:
    looks = template_looks(template)
    rendered = next((look.rendered for look in looks if look.rendered), None)
    return {
        "template": template,
        "subject": rendered.subject if rendered else "",
        "samples": list(dict.fromkeys(look.sample for look in looks if look.sample)),
        "languages": list(dict.fromkeys(look.language for look in looks if look.rendered)),
        # The same in all languages is said once.
        "complaints": list({look.error: look.complaint for look in reversed(looks) if look.error}.values())[::-1],
    }


def _looks(template: str) -> list[Look]:
    if template not in template_names():
        raise Http404
    return template_looks(template)


def _chosen(looks: list[Look], asked: Any) -> Look:
    """The sample and the language that were asked for, as far as there are."""
    sample = _one_of([look.sample for look in looks], asked.get("sample"))
    of_sample = [look for look in looks if look.sample == sample]
    language = _one_of([look.language for look in of_sample], asked.get("language"))
    return next(look for look in of_sample if look.language == language)


def _one_of(known: list[str], asked: str | None) -> str:
    return asked if asked in known else known[0]
