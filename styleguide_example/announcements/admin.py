"""Announcements in Django admin: the list, and the form of a draft. The pages beside them are in ``pages``."""

from datetime import datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ChangeList
from django.db.models import CharField, QuerySet, Value
from django.forms import ModelForm, Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html

from styleguide_example.announcements import columns, services
from styleguide_example.announcements.exceptions import AnnouncementStatusConflictError
from styleguide_example.announcements.forms import PARAMETER_FIELDS, PREVIEW_BUTTON, AnnouncementForm
from styleguide_example.announcements.models import BATCH_PREFIX, Announcement
from styleguide_example.announcements.origins import batch_origins
from styleguide_example.announcements.pages import AnnouncementPages, preview_of
from styleguide_example.emails.origins import origin_register
from styleguide_example.users.models import User

origin_register(BATCH_PREFIX, batch_origins)

#: The submit button that saves, and leads to the page that shows the e-mail.
LOOK_BUTTON = "_look"
_FIELDSETS: Any = [  # the stub's own type is private
    (None, {"fields": ["subject", "body"]}),
    ("Audience", {"fields": ["audience", *PARAMETER_FIELDS]}),
]
#: For those who may look and not touch, and for everybody once the sending began.
_FACTS: Any = [
    (None, {"fields": ["subject", "body", "audience_in_words"]}),
    ("What happened", {"fields": ["author", "began", "sent"]}),
]


@admin.register(Announcement)
class AnnouncementAdmin(AnnouncementPages):
    """A draft is changed by a form. What is being sent is a fact."""

    form = AnnouncementForm
    list_display = (
        *("subject_and_link", "audience_in_words", "state"),
        *("recipients", "written_count", "sent_count", "failed_count"),
        *("author", "sent"),
    )
    list_display_links = None
    search_fields = ("subject",)
    search_help_text = "A part of the subject"
    ordering = ("-pk",)
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    actions = None
    change_list_template = "announcements/admin/list.html"
    change_form_template = "announcements/admin/form.html"

    class Media:
        css = {"all": ["jobs/progress.css", "announcements/admin.css"]}
        js = [Script("announcements/form.js", defer=True)]

    # -- the list --

    def get_queryset(self, request: HttpRequest) -> QuerySet[Announcement]:
        """With all that a row says, the viewer's clock, and in the list without its text."""
        zone = Value(getattr(request.user, "time_zone", "UTC"), output_field=CharField())
        announcements = super().get_queryset(request).select_related("job", "created_by").annotate(zone=zone)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == _name("changelist")
        return announcements.defer("body", "job__result", "job__traceback") if is_list else announcements

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, under its own name, and as wide as it needs."""
        context = {"title": "Announcements", "is_nav_sidebar_enabled": False, **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """The page reads what belongs to its rows at once."""
        return columns.AnnouncementChangeList

    @admin.display(description="subject", ordering="subject")
    def subject_and_link(self, announcement: Announcement) -> str:
        """Leads to the form of a draft, and to the account of all others."""
        page = "change" if announcement.is_editable else "progress"
        url = reverse(f"admin:{_name(page)}", args=[announcement.pk])
        return format_html('<a href="{}">{}</a>', url, announcement.subject)

    @admin.display(description="audience")
    def audience_in_words(self, announcement: Announcement) -> str:
        """The rule, with its parameters."""
        return columns.audience_in_words(announcement)

    @admin.display(description="status")
    def state(self, announcement: Any) -> str:
        """A symbol and a word, and how far it is."""
        look = columns.status_look(announcement)
        context = {"look": look, "announcement": announcement, "percent": columns.percent(announcement)}
        return render_to_string("announcements/admin/cells/state.html", context)

    @admin.display(description="recipients", empty_value="")
    def recipients(self, announcement: Announcement) -> str:
        """How many people its audience had when the sending began."""
        return _number(announcement, announcement.audience_total)

    @admin.display(description="written", empty_value="")
    def written_count(self, announcement: Announcement) -> str:
        """How many e-mails were written."""
        return _number(announcement, announcement.written)

    @admin.display(description="sent", empty_value="")
    def sent_count(self, announcement: Any) -> str:
        """How many of them were sent."""
        return _number_known(announcement, announcement.counts.sent)

    @admin.display(description="failed", empty_value="")
    def failed_count(self, announcement: Any) -> str:
        """How many were not: the e-mail failed, or the address cannot be written to."""
        return _number_known(announcement, announcement.counts.failed + announcement.invalid)

    @admin.display(description="created by")
    def author(self, announcement: Announcement) -> str:
        """Who wrote it."""
        return announcement.created_by.get_short_name() if announcement.created_by else ""

    @admin.display(description="written at", ordering="sent_at", empty_value="")
    def sent(self, announcement: Any) -> str:
        """When all e-mails were written, on the viewer's clock."""
        return _moment(announcement, announcement.sent_at)

    @admin.display(description="sending began")
    def began(self, announcement: Any) -> str:
        """When the text and the audience were fixed, on the viewer's clock."""
        return _moment(announcement, announcement.sending_began_at)

    # -- the form --

    def has_change_permission(self, request: HttpRequest, obj: Announcement | None = None) -> bool:
        """Only a draft changes."""
        return super().has_change_permission(request, obj) and (obj is None or obj.is_editable)

    def has_delete_permission(self, request: HttpRequest, obj: Announcement | None = None) -> bool:
        """What was sent stays, as the account of it."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_editable)

    def get_fieldsets(self, request: HttpRequest, obj: Announcement | None = None) -> Any:
        """The form, or the facts for those who may only look."""
        return _FIELDSETS if self._may_write(request, obj) else _FACTS

    def get_readonly_fields(self, request: HttpRequest, obj: Announcement | None = None) -> list[str]:
        """Where there is no form, everything."""
        return [] if self._may_write(request, obj) else flatten_fieldsets(_FACTS)

    def get_form(self, request: HttpRequest, obj: Announcement | None = None, *args: Any, **options: Any) -> Any:
        """Leave the parameters to the form: they are no columns."""
        options["fields"] = [name for name in options.get("fields") or () if name not in PARAMETER_FIELDS]
        return super().get_form(request, obj, *args, **options)

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **options: Any) -> Any:
        """Answer a form that comes too late with the page that shows why."""
        try:
            self._refuse_if_begun(request, object_id)
            return super().changeform_view(request, object_id, *args, **options)
        except AnnouncementStatusConflictError:
            text = "Its sending began meanwhile: what you typed was not saved."
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(reverse(f"admin:{_name('progress')}", args=[object_id]))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Answer in the same way when its sending begins between the question and the answer."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except AnnouncementStatusConflictError:
            self.message_user(request, "Its sending began meanwhile: it was not deleted.", messages.WARNING)
            return HttpResponseRedirect(reverse(f"admin:{_name('progress')}", args=[object_id]))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Add the preview of what is typed, and the ways on."""
        obj, form = options.get("obj"), context["adminform"].form
        context |= {
            "preview": preview_of(form) if self._may_write(request, obj) else None,
            "preview_button": PREVIEW_BUTTON,
            "announcement": obj,
            "may_send": self.has_send_permission(request),
            "is_nav_sidebar_enabled": False,
        }
        if obj is not None:
            context |= {"subtitle": obj.subject, "look": columns.status_look(obj)}
        return super().render_change_form(request, context, *args, **options)

    def save_model(self, request: HttpRequest, obj: Announcement, form: ModelForm[Announcement], change: bool) -> None:  # noqa: FBT001  Django's
        """Save through the services."""
        draft = form.draft  # type: ignore[attr-defined]  # it is an AnnouncementForm
        if change:
            services.announcement_update(announcement=obj, data=draft)
        else:
            author = cast("User", request.user)  # the admin lets nobody in who has not signed in
            obj.pk = services.announcement_create(**draft, created_by=author).pk

    def delete_model(self, request: HttpRequest, obj: Announcement) -> None:
        """Delete a draft, if it is one still."""
        services.announcement_delete(announcement=obj)

    def response_add(self, request: HttpRequest, obj: Announcement, post_url_continue: str | None = None) -> Any:
        """Go on to the page that shows it, if that was asked for."""
        return self._to_look(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Announcement) -> HttpResponse:
        """Go on to the page that shows it, if that was asked for."""
        return self._to_look(request, obj) or super().response_change(request, obj)

    def _to_look(self, request: HttpRequest, obj: Announcement) -> HttpResponse | None:
        if LOOK_BUTTON not in request.POST:
            return None
        self.message_user(request, "Saved. Nothing was sent.", messages.SUCCESS)
        return HttpResponseRedirect(reverse(f"admin:{_name('look')}", args=[obj.pk]))

    def _may_write(self, request: HttpRequest, obj: Announcement | None) -> bool:
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def _refuse_if_begun(self, request: HttpRequest, object_id: str | None) -> None:
        """For those who could have saved it a moment ago; the others have no business here."""
        if request.method != "POST" or object_id is None or not super().has_change_permission(request):
            return
        announcement = self.get_object(request, object_id)
        if announcement is not None and not announcement.is_editable:
            raise AnnouncementStatusConflictError(f"Announcement {announcement.pk} is being sent or was sent.")


def _name(page: str) -> str:
    return f"announcements_announcement_{page}"


def _number(announcement: Announcement, number: int) -> str:
    """Nothing for a draft: no 0 stands where nothing was tried."""
    return "" if announcement.is_editable else number_format(number, force_grouping=True)


def _number_known(announcement: Any, number: int) -> str:
    """Nothing for one of which the clean-up has deleted e-mails: nobody knows any more how those ended."""
    return "" if announcement.counts.known < announcement.written else _number(announcement, number)


def _moment(announcement: Any, at: datetime | None) -> str:
    context = {"at": at, "zone": announcement.zone}
    return render_to_string("announcements/admin/cells/moment.html", context) if at else ""
