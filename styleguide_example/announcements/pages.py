"""Pages of the admin beside the form: how it looks, a test, the sending, and watching it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from styleguide_example.announcements import columns, selectors, services
from styleguide_example.announcements.enums import AnnouncementStatus
from styleguide_example.announcements.exceptions import AnnouncementAudienceError, AnnouncementStatusConflictError
from styleguide_example.announcements.forms import AnnouncementForm, version_of
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.reach import Reach, audience_reach
from styleguide_example.announcements.rendering import body_html
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.letters import letter_response
from styleguide_example.jobs.exceptions import JobAlreadyActiveError, JobNotAllowedError
from styleguide_example.notifications.services import notifications_mark_seen
from styleguide_example.users.models import User

FAILURES_PER_PAGE = 25


class AnnouncementPages(admin.ModelAdmin[Announcement]):
    """Each is one call of a service at most. Whoever may send may look; to change the text is another permission."""

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Sending is more than writing, and may be granted without it."""
        return bool(request.user.has_perm("announcements.send_announcement"))

    def has_view_permission(self, request: HttpRequest, obj: Announcement | None = None) -> bool:
        """Nobody sends what they may not see."""
        return super().has_view_permission(request, obj) or self.has_send_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Ours first: Django's last one takes everything."""
        pages: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("preview/", require_POST(self.preview_view), "preview"),
            ("<int:key>/look/", require_GET(self.look_view), "look"),
            ("<int:key>/letter/", require_GET(xframe_options_sameorigin(self.letter_view)), "letter"),
            ("<int:key>/test/", require_POST(self.test_view), "test"),
            ("<int:key>/send/", require_http_methods(["GET", "POST"])(self.send_view), "send"),
            ("<int:key>/progress/", require_GET(self.progress_view), "progress"),
            ("<int:key>/progress/<int:page>/", require_GET(self.live_view), "live"),
            ("<int:key>/cancel/", require_POST(self.cancel_view), "cancel"),
            ("<int:key>/resume/", require_POST(self.resume_view), "resume"),
        ]
        ours = [
            path(route, self.admin_site.admin_view(view), name=f"announcements_announcement_{name}")
            for route, view, name in pages
        ]
        return [*ours, *super().get_urls()]

    # -- before --

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What is being typed, as a fragment. Saves nothing; a POST because a text does not fit into an address."""
        self._require(self.has_add_permission(request) or self.has_change_permission(request))
        return TemplateResponse(request, "announcements/admin/preview.html", preview_of(AnnouncementForm(request.POST)))

    def look_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """The e-mail as it will look, on a computer and on a phone, and as plain text."""
        announcement = self._announcement(request, key)
        rendered = services.announcement_preview(announcement=announcement, user=_person(request))
        page = {"title": "Preview", "rendered": rendered, "reach": _reach(announcement)}
        return self._page(request, "look", announcement, page)

    def letter_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """The e-mail itself, for the frames of the page above; ``sandbox`` holds also where it is opened by itself."""
        announcement = self._announcement(request, key)
        rendered = services.announcement_preview(announcement=announcement, user=_person(request))
        return letter_response(rendered.html)

    def test_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Send it to the person who asks, and to nobody else."""
        announcement = self._announcement(request, key, to_send=True)

        def act() -> None:
            services.announcement_send_test(announcement=announcement, to=_person(request))

        if self._acted(request, announcement, act, "Sent a test to themselves."):
            self.message_user(request, "A test is on its way to your own address.", messages.SUCCESS)
        return HttpResponseRedirect(_url("look", announcement))

    # -- the sending --

    def send_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Ask whether this shall go to these people; then send it."""
        announcement = self._announcement(request, key, to_send=True)
        if announcement.sending_began_at is not None:
            return self._began_already(request, announcement)
        if request.method == "POST":
            return self._send(request, announcement)
        page = {"title": "Send it?", "reach": _reach(announcement), "version": version_of(announcement)}
        return self._page(request, "send", announcement, page)

    def cancel_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Stop what has not gone out."""
        announcement = self._announcement(request, key, to_send=True)

        def act() -> None:
            services.announcement_cancel(announcement=announcement, by=_person(request))

        # Not in one transaction: that would hold thousands of e-mails, and whoever sends them.
        self._acted(request, announcement, act, "Stopped what had not gone out.", whole=nullcontext())
        return HttpResponseRedirect(_url("progress", announcement))

    def resume_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Take it up where it stopped."""
        announcement = self._announcement(request, key, to_send=True)

        def act() -> None:
            services.announcement_resume(announcement=announcement, by=_person(request))

        self._acted(request, announcement, act, "Resumed the sending.")
        return HttpResponseRedirect(_url("progress", announcement))

    # -- watching --

    def progress_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """The sending, to watch. Its live part is fetched each second; without JavaScript the page is, now and then."""
        announcement = self._announcement(request, key)
        if announcement.sending_began_at is None:
            return HttpResponseRedirect(_url("look", announcement))
        page = self._account(request, announcement, request.GET.get("page", "1"), is_seen=True)
        return self._page(request, "progress", announcement, {"title": "Progress", **page})

    def live_view(self, request: HttpRequest, key: int, page: int) -> HttpResponse:
        """The live part of that page. ``?seen=1`` says that somebody looks at it, and not a tab in the background."""
        announcement = self._announcement(request, key)
        if announcement.sending_began_at is None:
            raise Http404
        account = self._account(request, announcement, page, is_seen=request.GET.get("seen") == "1")
        return self._page(request, "live", announcement, account)

    def _account(
        self, request: HttpRequest, announcement: Announcement, page: int | str, *, is_seen: bool
    ) -> dict[str, Any]:
        account = selectors.announcement_account(announcement=announcement)
        announcement.waits_known = account.waiting > 0
        is_writing = announcement.status is AnnouncementStatus.SENDING
        job = columns.job_shown(announcement)
        if is_seen and not (job and job.is_active):
            notifications_mark_seen(user_id=_person(request).pk, url=_url("progress", announcement))
        failures = Paginator(columns.Failures(announcement, request.user), FAILURES_PER_PAGE)
        return {
            "account": account,
            "job": job,
            "shares": columns.shares(account),
            "is_writing": is_writing,
            "percent": columns.percent(announcement) if is_writing else columns.percent_sent(account),
            "may_stop": self.has_send_permission(request) and announcement.is_stoppable,
            # Written e-mails go on being sent when the job has ended, or was cancelled.
            "is_live": bool((job and job.is_active) or account.waiting),
            # What never goes back: a failed e-mail may be tried again.
            "current": account.dealt_with + account.sent + account.deleted,
            "failures": failures.get_page(page),
        }

    # -- how --

    def _send(self, request: HttpRequest, announcement: Announcement) -> HttpResponse:
        if request.POST.get("version") != version_of(announcement):
            text = "It was changed since you looked at it. Nothing was sent: look again."
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(_url("send", announcement))

        seen_at = announcement.updated_at

        def act() -> None:
            services.announcement_send(announcement=announcement, by=_person(request), unchanged_since=seen_at)

        if self._acted(request, announcement, act, "Began the sending."):
            return HttpResponseRedirect(_url("progress", announcement))
        began = Announcement.objects.filter(pk=announcement.pk, sending_began_at__isnull=False).exists()
        return HttpResponseRedirect(_url("progress" if began else "send", announcement))

    def _began_already(self, request: HttpRequest, announcement: Announcement) -> HttpResponse:
        """Of two clicks, or two people, one has sent it: this is the page to watch it."""
        if request.method == "POST":
            text = "Its sending has begun already, and it is sent once: this is it."
            self.message_user(request, text, messages.INFO)
        return HttpResponseRedirect(_url("progress", announcement))

    def _acted(
        self,
        request: HttpRequest,
        announcement: Announcement,
        act: Callable[[], object],
        did: str,
        whole: AbstractContextManager[None] | None = None,
    ) -> bool:
        """Act and enter it in the history, both or neither unless told otherwise; or say why it was refused."""
        try:
            with whole or transaction.atomic():
                act()
                self.log_change(request, announcement, did)
        except JobNotAllowedError as error:
            raise PermissionDenied from error
        except JobAlreadyActiveError:
            self.message_user(request, "It is being sent already: this is it.", messages.INFO)
        except AnnouncementStatusConflictError:
            text = "It had changed meanwhile: this is how it is now."
            self.message_user(request, text, messages.WARNING)
        except ConflictError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            return True
        return False

    def _announcement(self, request: HttpRequest, key: int, *, to_send: bool = False) -> Announcement:
        """Return it, for those who may see it, or send it."""
        self._require(self.has_send_permission(request) if to_send else self.has_view_permission(request))
        announcement = selectors.announcement_get(announcement_id=key)
        if announcement is None:
            raise Http404
        return announcement

    def _page(self, request: HttpRequest, name: str, announcement: Announcement, page: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "is_nav_sidebar_enabled": False,
            "opts": self.opts,
            "media": self.media,
            "announcement": announcement,
            "subtitle": announcement.subject,
            "audience": columns.audience_in_words(announcement),
            "look": columns.status_look(announcement),
            "may_send": self.has_send_permission(request),
            "may_change": self.has_change_permission(request, announcement),
            **page,
        }
        return TemplateResponse(request, f"announcements/admin/{name}.html", context, status=HTTPStatus.OK)

    def _require(self, may: bool) -> None:  # noqa: FBT001
        if not may:
            raise PermissionDenied


def preview_of(form: AnnouncementForm) -> dict[str, Any]:
    """Return what the pane beside the form shows: what is typed, as it will read, and for how many people."""
    errors = form.errors if form.is_bound else {}
    body = form["body"].value() or ""
    is_readable = "body" not in errors or not body.strip()
    return {
        "subject": form["subject"].value() or "",
        "body_html": body_html(body) if is_readable else "",
        "reach": form.reach,
        "reach_hint": form.reach_hint,
        "errors": [error for name in ("subject", "body") for error in errors.get(name, []) if form[name].value()],
    }


def _reach(announcement: Announcement) -> Reach:
    """Whom it would reach now; of one that began, whom it had then."""
    if announcement.sending_began_at is not None:
        return Reach(people=announcement.audience_total, suppressed=announcement.suppressed)
    try:
        return audience_reach(audience=announcement.audience, parameters=announcement.audience_parameters)
    except (AnnouncementAudienceError, ValidationError):  # a rule that was changed or removed since
        return Reach(people=0, suppressed=0)


def _person(request: HttpRequest) -> User:
    """Whoever asks. The admin lets nobody in who has not signed in."""
    return cast("User", request.user)


def _url(name: str, announcement: Announcement) -> str:
    return reverse(f"admin:announcements_announcement_{name}", args=[announcement.pk])
