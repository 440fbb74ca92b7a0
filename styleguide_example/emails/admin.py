"""E-mail in Django admin: read it, and decide what a person must decide."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.core.redaction import links_masked
from styleguide_example.emails import services
from styleguide_example.emails.models import Email, EmailAttachment, EmailAttempt, Suppression
from styleguide_example.emails.suppressions import address_normalized


def _one_a_line(field: str) -> Callable[[Email], str]:
    """Show a list of addresses, or what was said of each, as a person would write it down and not as JSON."""

    @admin.display(description=field.replace("_", " "))
    def shown(email: Email) -> str:
        value = getattr(email, field)
        lines = [f"{address}: {said}" for address, said in value.items()] if isinstance(value, dict) else value
        return "\n".join(map(str, lines)) or "-"

    return shown


# The bodies are shown without the links that sign in: staff may read an e-mail, not act as its reader.
_FIELDSETS: Any = [  # the stub's own type is private
    (None, {"fields": ["status", *map(_one_a_line, ("to", "cc", "bcc")), "subject", "plain_text_masked"]}),
    (
        "What happened",
        {
            "fields": [
                *("created_at", "queued_at", "attempts", "next_attempt_at", "sent_at", "ended_at"),
                *map(_one_a_line, ("delivered_to", "refused")),
                *("smtp_reply_named", "last_error_kind", "last_error", "cancel_reason"),
            ]
        },
    ),
    (
        "What was asked for",
        {
            "fields": [
                "category",
                "batch",
                "server",
                "priority",
                "send_after",
                "expires_at",
                "resend_of",
                "resend_reason",
            ]
        },
    ),
    (
        "For engineers",
        {
            "classes": ["collapse"],
            "fields": [
                *("id", "message_id", "idempotency_key", "from_email", _one_a_line("reply_to")),
                *("headers_masked", "html_masked"),
                *("on_wire_at", "woken_at", "lease_owner", "lease_expires_at", "updated_at"),
            ],
        },
    ),
]


class _ReadOnlyInline(admin.TabularInline[Any, Any]):
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # whoever may see the e-mail that they stand under

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EmailAttemptInline(_ReadOnlyInline):
    """The attempts that failed."""

    model = EmailAttempt
    verbose_name_plural = "failed attempts"
    # Its number and kind stand in the line above each. The error comes early: on a phone the rest is beyond the edge.
    fields = ("ended_at", "error", "phase", "smtp_code", "worker")


class EmailAttachmentInline(_ReadOnlyInline):
    """Names only: the bytes are not loaded."""

    model = EmailAttachment
    verbose_name_plural = "attachments"
    fields = ("filename", "content_type")


@admin.register(Email)
class EmailAdmin(admin.ModelAdmin[Email]):
    """Rows are written by services and changed by actions, never by a form."""

    list_display = ("id", "status", "recipients", "subject", "attempts", "created_at", "sent_at")
    # Not by category: its list of choices would be read from every row.
    list_filter = ("status", "last_error_kind")
    fieldsets = _FIELDSETS
    search_fields = ("message_id__exact", "to__icontains", "subject__icontains")
    search_help_text = "A Message-ID, a recipient or a part of the subject"
    ordering = ("-id",)
    show_full_result_count = False
    paginator = CappedPaginator
    actions = ("send", "retry", "cancel", "resend")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Email]:
        """Leave the bodies where they are until one e-mail is opened."""
        emails = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == "emails_email_changelist"
        return emails.defer("html", "plain_text") if is_list else emails

    @admin.display(description="to")
    def recipients(self, email: Email) -> str:
        """The first recipients, and how many more."""
        everyone = [*email.to, *email.cc, *email.bcc]
        more = f" and {len(everyone) - 2} more" if len(everyone) > 2 else ""
        return ", ".join(everyone[:2]) + more

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes an e-mail here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Email | None = None) -> bool:
        """No form saves an e-mail: that would write back what a worker has changed since the page was opened."""
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """The actions ask for what "may change e-mails" means here."""
        return bool(request.user.has_perm("emails.change_email"))

    def has_delete_permission(self, request: HttpRequest, obj: Email | None = None) -> bool:
        """The cleanup deletes; a person who does not want an e-mail sent cancels it."""
        return False

    def get_inlines(self, request: HttpRequest, obj: Email | None) -> list[Any]:
        """Only what there is: an empty table says nothing."""
        if obj is None:
            return []
        return [
            *([EmailAttemptInline] if obj.failed_attempts.exists() else []),
            *([EmailAttachmentInline] if obj.attachments.exists() else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Email | None = None) -> list[Any]:
        """Everything: what was sent is a fact."""
        return [name for _, options in _FIELDSETS for name in options["fields"]]

    @admin.display(description="SMTP reply", empty_value="-")
    def smtp_reply_named(self, email: Email) -> str | None:
        """What the server said last, under the name that the protocol has everywhere."""
        return email.smtp_reply or None

    @admin.display(description="plain text")
    def plain_text_masked(self, email: Email) -> str:
        """The text without live links."""
        return links_masked(email.plain_text)

    @admin.display(description="HTML source")
    def html_masked(self, email: Email) -> str:
        """The source without live links."""
        return links_masked(email.html)

    @admin.display(description="headers")
    def headers_masked(self, email: Email) -> str:
        """One a line, without live links: one of them unsubscribes."""
        return links_masked("\n".join(f"{name}: {value}" for name, value in email.headers.items()))

    @admin.action(description="Send (ready ones)", permissions=["act"])
    def send(self, request: HttpRequest, emails: QuerySet[Email]) -> None:
        """Ask for the READY ones."""
        ready = list(emails.filter(status=Email.Status.READY))
        asked = services.email_send_all(emails=emails)
        for email in ready:
            self.log_change(request, email, "asked for")
        self.message_user(request, f"{asked} asked for; the others are not ready and were left alone.")

    @admin.action(description="Retry (failed ones)", permissions=["act"])
    def retry(self, request: HttpRequest, emails: QuerySet[Email]) -> None:
        """Send FAILED ones again."""
        self._each(request, emails, lambda email: services.email_retry(email=email), "retried")

    @admin.action(description="Cancel (those that nobody is sending)", permissions=["act"])
    def cancel(self, request: HttpRequest, emails: QuerySet[Email]) -> None:
        """Make sure that they are not sent."""
        self._each(request, emails, lambda email: services.email_cancel(email=email), "cancelled")

    @admin.action(description="Resend (a new copy of those that ended)", permissions=["act"])
    def resend(self, request: HttpRequest, emails: QuerySet[Email]) -> None:
        """Write linked copies and ask for them."""
        reason = f"Resent in the admin by user {request.user.pk}"
        self._each(
            request, emails, lambda email: services.email_resend(email=email, reason=reason), "sent again as a copy"
        )

    def _each(self, request: HttpRequest, emails: QuerySet[Email], act: Callable[[Email], Email], did: str) -> None:
        """Act on each, log it in the admin's history, and report what was refused and why."""
        done = 0
        for email in emails:
            try:
                act(email)
            except ConflictError as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                done += 1
                self.log_change(request, email, did)
        if done:
            self.message_user(request, f"{done} {did}.", messages.SUCCESS)


@admin.register(Suppression)
class SuppressionAdmin(admin.ModelAdmin[Suppression]):
    """Who gets no e-mail written to many. Deleting a row lets the address get it again; nobody edits one."""

    list_display = ("address", "reason", "created_at")
    list_filter = ("reason",)
    fields = ("address", "reason", "note", "created_at")
    search_fields = ("address__exact",)
    search_help_text = "The whole address"
    ordering = ("-pk",)
    show_full_result_count = False
    paginator = CappedPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        """Find the address however it is written."""
        return super().get_search_results(request, queryset, address_normalized(search_term))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Readers and mail servers decide, not staff."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """It is there, or it is not."""
        return False
