"""E-mail in Django admin: find it, read it, decide what a person must decide; who gets none, and how fast it goes."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.core.redaction import links_masked
from styleguide_example.emails import columns
from styleguide_example.emails.actions import EmailActions
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.forms import SuppressionForm
from styleguide_example.emails.gallery_views import GalleryPages
from styleguide_example.emails.list_filters import DayFilter, ErrorFilter, TemplateFilter
from styleguide_example.emails.models import Email, SendingPace, Suppression
from styleguide_example.emails.pages import EmailPages, email_facts
from styleguide_example.emails.search import emails_found
from styleguide_example.emails.suppressions import address_normalized, suppression_add
from styleguide_example.emails.words import SUPPRESSED_BY, pace_look, scope_words


def _one_a_line(field: str) -> Callable[[Email], str]:
    """Show a list of addresses, or what was said of each, as a person would write it down and not as JSON."""

    @admin.display(description=field.replace("_", " "))
    def shown(email: Email) -> str:
        value = getattr(email, field)
        lines = [f"{address}: {said}" for address, said in value.items()] if isinstance(value, dict) else value
        return "\n".join(map(str, lines)) or "-"

    return shown


_FIELDSETS: Any = [  # the stub's own type is private
    (
        "What was asked for",
        {
            "fields": [
                *map(_one_a_line, ("to", "cc", "bcc")),
                *("category", "batch", "server", "priority", "send_after", "expires_at"),
            ]
        },
    ),
    (
        "What came of it",
        {"fields": [*map(_one_a_line, ("delivered_to", "refused")), "attempts", "last_error_kind", "last_error"]},
    ),
    (
        "For engineers",
        {
            "classes": ["collapse"],
            "fields": [
                *("id", "message_id", "idempotency_key", "recipient", "headers_masked"),
                *("created_at", "queued_at", "next_attempt_at", "woken_at", "claimed_at", "on_wire_at", "ended_at"),
                *("worker", "task_id", "lease_owner", "lease_expires_at", "updated_at"),
            ],
        },
    ),
]


class _ListAdmin(admin.ModelAdmin[Any]):
    """A long list: counted up to a point, and never by its columns, most of which have no index."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 50
    #: What the list is called; what it says when there is nothing, and what is so then.
    list_title = ""
    nothing = ("", "")

    class Media:
        css = {"all": ["emails/lists.css", "emails/page.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Under its name, and not "Select … to change"."""
        nothing, meaning = self.nothing
        context = {"title": self.list_title, "nothing": nothing, "meaning": meaning, **(extra_context or {})}
        return super().changelist_view(request, context)


@admin.register(Email)
class EmailAdmin(EmailPages, GalleryPages, EmailActions, _ListAdmin):
    """Rows are written by services and changed by actions, never by a form."""

    list_display = ("status_shown", "recipients", "subject_shown", "template", "attempts", "age")
    list_display_links = ("subject_shown",)
    list_filter = ("status", TemplateFilter, DayFilter, ErrorFilter)
    sortable_by = ("age",)
    fieldsets = _FIELDSETS
    search_fields = ("pk",)  # see get_search_results
    search_help_text = "An id, a Message-ID, or the whole address of the first recipient"
    ordering = ("-id",)
    change_list_template = "emails_admin/list.html"
    change_form_template = "emails_admin/email.html"
    list_title = "E-mails"
    nothing = ("There is no e-mail yet", "One is here as soon as a service has written it.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Email]:
        """Leave the bodies where they are until one e-mail is opened."""
        emails: QuerySet[Email] = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == "emails_email_changelist"
        return emails.defer("html", "plain_text") if is_list else emails

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Email], search_term: str
    ) -> tuple[QuerySet[Email], bool]:
        """Find what an index finds, and nothing else."""
        return (emails_found(emails=queryset, words=search_term) if search_term.strip() else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes an e-mail here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Email | None = None) -> bool:
        """No form saves an e-mail: that would write back what a worker has changed since the page was opened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Email | None = None) -> bool:
        """The cleanup deletes; a person who does not want an e-mail sent cancels it."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Email | None = None) -> list[Any]:
        """Everything: what was sent is a fact."""
        return [name for _, options in _FIELDSETS for name in options["fields"]]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Add how it looks, and what happened to it."""
        email = options.get("obj")
        if email is not None:
            context |= {**email_facts(email, request), "may_act": self.has_act_permission(request)}
            context |= {"title": email.subject or "(no subject)", "subtitle": None}
        return super().render_change_form(request, context, *args, **options)

    @admin.display(description="status")
    def status_shown(self, email: Email) -> str:
        """A sign and a word, and why."""
        return columns.status_cell(email)

    @admin.display(description="recipient")
    def recipients(self, email: Email) -> str:
        """The first ones, and how many more."""
        return columns.recipients_cell(email)

    @admin.display(description="subject")
    def subject_shown(self, email: Email) -> str:
        """What leads to its page, so it is never empty."""
        return email.subject or "(no subject)"

    @admin.display(description="template", empty_value="")
    def template(self, email: Email) -> str:
        """The one that it was written from."""
        return email.category

    @admin.display(description="age", ordering="id")
    def age(self, email: Email) -> str:
        """Since it was written."""
        return columns.age_cell(email.created_at)

    @admin.display(description="headers")
    def headers_masked(self, email: Email) -> str:
        """One a line, without live links: one of them unsubscribes."""
        return links_masked("\n".join(f"{name}: {value}" for name, value in email.headers.items()))


@admin.register(Suppression)
class SuppressionAdmin(_ListAdmin):
    """Who gets no e-mail written to many. Deleting a row lets the address get it again; nobody edits one."""

    form = SuppressionForm
    list_display = ("address", "reason_shown", "note", "since")
    list_filter = ("reason",)
    sortable_by = ("since",)
    search_fields = ("address__exact",)
    search_help_text = "The whole address"
    ordering = ("-pk",)
    change_list_template = "emails_admin/plain_list.html"
    list_title = "Suppressed addresses"
    nothing = (
        "No address is suppressed",
        "One is, as soon as its reader unsubscribes, a mail server says that nobody is there, or you add it.",
    )

    def get_fields(self, request: HttpRequest, obj: Suppression | None = None) -> list[Any]:
        """What one types, and then what is so."""
        return ["address", "note"] if obj is None else ["address", "reason", "note", "created_at"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        """Find the address however it is written."""
        return super().get_search_results(request, queryset, address_normalized(search_term))

    def has_change_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """It is there, or it is not."""
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: ModelForm[Suppression], change: bool) -> None:  # noqa: FBT001  Django's
        """Add it through the service; of two who add it at once both are right."""
        suppression_add(address=obj.address, reason=SuppressionReason.BY_HAND, note=obj.note)
        obj.pk = Suppression.objects.get(address=obj.address).pk

    @admin.display(description="reason")
    def reason_shown(self, suppression: Suppression) -> str:
        """A sign and a word."""
        return columns.sign_cell(SUPPRESSED_BY[SuppressionReason(suppression.reason)])

    @admin.display(description="since", ordering="pk")
    def since(self, suppression: Suppression) -> str:
        """With its seconds."""
        return columns.moment_cell(suppression.created_at)


@admin.register(SendingPace)
class SendingPaceAdmin(_ListAdmin):
    """How fast each mail server, and each domain at it, may be used just now. Workers write it, people read it."""

    list_display = ("state_shown", "scope_shown", "level", "paused", "rate", "reason", "changed")
    list_display_links = None
    sortable_by = ()
    ordering = ("-level", "scope")
    actions = None
    change_list_template = "emails_admin/plain_list.html"
    list_title = "How fast e-mail goes"
    nothing = (
        "Nothing slows e-mail down",
        "A line is here for each mail server or domain that said “too much”, could not be reached, or has a limit.",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Mail servers and EMAIL_LIMITS decide."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: SendingPace | None = None) -> bool:
        """A worker would write over it in the next second."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SendingPace | None = None) -> bool:
        """What recovered is deleted by the clean-up."""
        return False

    @admin.display(description="state")
    def state_shown(self, pace: SendingPace) -> str:
        """A sign and a word."""
        return columns.sign_cell(pace_look(pace, now=timezone.now()))

    @admin.display(description="scope")
    def scope_shown(self, pace: SendingPace) -> str:
        """A server, a domain at it, or the way to it."""
        return scope_words(pace.scope)

    @admin.display(description="paused until", empty_value="")
    def paused(self, pace: SendingPace) -> str:
        """With its seconds."""
        return columns.moment_cell(pace.paused_until)

    @admin.display(description="changed")
    def changed(self, pace: SendingPace) -> str:
        """With its seconds."""
        return columns.moment_cell(pace.changed_at)
