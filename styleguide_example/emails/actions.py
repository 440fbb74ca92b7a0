"""What staff may decide about e-mails: from the list for many, from its own page for one. Each is confirmed first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails import services
from styleguide_example.emails.columns import email_page
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.exceptions import EmailStatusConflictError
from styleguide_example.emails.forms import ReasonForm
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import email_get_by_key

#: One request acts on so many at most: it must be over before a proxy gives up on it.
EMAILS_MAX = 200
#: So many are reported, and asked about, one by one; of the others there is the number.
LINES_MAX = 20

#: No key has so many; a database refuses such numbers.
_DIGITS_MAX = 19

#: What was typed into the form of an act that needs a reason.
Why = Mapping[str, Any]
#: For each e-mail that was changed or written what the history says of it; the first one is the one that was chosen.
Said = list[tuple[Email, str]]


@dataclass(frozen=True)
class Act:
    """What can be done with an e-mail in one of ``statuses``. The service decides once more whether it is."""

    name: str
    verb: str
    did: str
    warning: str
    statuses: frozenset[str]
    do: Callable[[Email, Why], Said]
    needs_reason: bool = False

    def fits(self, email: Email) -> bool:
        """Whether it can be done, as the row was read."""
        is_held = self.name == "cancel" and email.lease_token is not None
        return email.status in self.statuses and not is_held


def _send(email: Email, why: Why) -> Said:
    if email.status != EmailStatus.READY:
        raise EmailStatusConflictError(f"E-mail {email.pk} is {email.status}: only one that is ready can be sent.")
    services.email_queue(email=email)
    return [(email, "Asked for it to be sent.")]


def _retry(email: Email, why: Why) -> Said:
    services.email_retry(email=email)
    return [(email, "Had it tried again; its attempts are counted anew.")]


def _cancel(email: Email, why: Why) -> Said:
    services.email_cancel(email=email)
    return [(email, "Cancelled it: it will not be sent.")]


def _resend(email: Email, why: Why) -> Said:
    reason, key = why["reason"], f"resend:{email.pk}:{why['once']}"
    if (former := email_get_by_key(idempotency_key=key)) is not None:
        raise EmailStatusConflictError(f"E-mail {email.pk} was resent by this form already, as e-mail {former.pk}.")
    copy = services.email_resend(email=email, reason=reason, idempotency_key=key)
    return [
        (email, f"Resent it as e-mail {copy.pk}: {reason}"),
        (copy, f"Written as a resend of e-mail {email.pk}: {reason}"),
    ]


_ENDED = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.CANCELLED})
ACTS = {
    act.name: act
    for act in (
        Act("send", "Send", "asked for", "What was sent cannot be called back.", frozenset({EmailStatus.READY}), _send),
        Act(
            "retry",
            "Retry",
            "tried again",
            "It goes to the readers that it did not reach. Where nobody knows whether it did, it may arrive twice.",
            frozenset({EmailStatus.FAILED}),
            _retry,
        ),
        Act(
            "cancel",
            "Cancel",
            "cancelled",
            "What is cancelled stays so. To have it sent after all, resend it: that writes a new e-mail.",
            frozenset({EmailStatus.READY, EmailStatus.SENDING}),
            _cancel,
        ),
        Act(
            "resend",
            "Resend",
            "resent",
            "A copy is written and sent to all its readers, also to those who have it already.",
            _ENDED,
            _resend,
            needs_reason=True,
        ),
    )
}


class EmailActions(admin.ModelAdmin[Email]):
    """One call of a service for each e-mail, an entry in its history, a line about what became of it."""

    actions = ("send", "retry", "cancel", "resend")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """The actions ask for what "may change e-mails" means here."""
        return bool(request.user.has_perm("emails.change_email"))

    def get_urls(self) -> list[URLPattern]:
        """Ours first: Django's last one takes everything."""
        return [path("act/", self.admin_site.admin_view(self.act_view), name="emails_email_act"), *super().get_urls()]

    @admin.action(description="Send… (ready ones)", permissions=["act"])
    def send(self, request: HttpRequest, emails: QuerySet[Email]) -> HttpResponse:
        """Ask for the READY ones."""
        return self._ask(request, ACTS["send"], emails)

    @admin.action(description="Retry… (failed ones)", permissions=["act"])
    def retry(self, request: HttpRequest, emails: QuerySet[Email]) -> HttpResponse:
        """Send FAILED ones again."""
        return self._ask(request, ACTS["retry"], emails)

    @admin.action(description="Cancel… (those that nobody is sending)", permissions=["act"])
    def cancel(self, request: HttpRequest, emails: QuerySet[Email]) -> HttpResponse:
        """Make sure that they are not sent."""
        return self._ask(request, ACTS["cancel"], emails)

    @admin.action(description="Resend… (a new copy of those that ended)", permissions=["act"])
    def resend(self, request: HttpRequest, emails: QuerySet[Email]) -> HttpResponse:
        """Write linked copies and ask for them."""
        return self._ask(request, ACTS["resend"], emails)

    def act_view(self, request: HttpRequest) -> HttpResponse:
        """Ask about the e-mails that the form names; once that is confirmed, act on each."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        act = ACTS.get(request.POST.get("action", ""))
        keys = request.POST.getlist("key")
        emails = Email.objects.filter(pk__in=[int(key) for key in keys if len(key) < _DIGITS_MAX and key.isdecimal()])
        if act is None or not emails.exists():
            raise Http404
        form = ReasonForm(request.POST if request.POST.get("confirmed") else None)
        if not request.POST.get("confirmed") or (act.needs_reason and not form.is_valid()):
            return self._ask(request, act, emails, form)
        self._each(request, act, emails, why=form.cleaned_data if act.needs_reason else {})
        return redirect(self._back(request))

    def _ask(
        self, request: HttpRequest, act: Act, emails: QuerySet[Email], form: ReasonForm | None = None
    ) -> HttpResponse:
        """A page that says what would happen to which of them. Changes nothing."""
        chosen = _chosen(emails)
        fit = [email for email in chosen[:EMAILS_MAX] if act.fits(email)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"{act.verb} {_count(len(fit))}?",
            "act": act,
            "form": (form or ReasonForm()) if act.needs_reason else None,
            "fit": fit[:LINES_MAX],
            "fit_count": len(fit),
            "unfit_count": len(chosen[:EMAILS_MAX]) - len(fit),
            "more": len(fit) - len(fit[:LINES_MAX]),
            "keys": [email.pk for email in chosen[:EMAILS_MAX]],
            "is_cut": len(chosen) > EMAILS_MAX,
            "emails_max": EMAILS_MAX,
            "page": request.POST.get("page", ""),
            "back": self._back(request),
            "list": request.POST.get("list", request.GET.urlencode()),
        }
        return TemplateResponse(request, "emails_admin/act.html", context)

    def _back(self, request: HttpRequest) -> str:
        """The page, or the list as it was filtered, from which somebody came."""
        page = request.POST.get("page", "")
        if page.isdecimal() and len(page) <= _DIGITS_MAX:
            return email_page(int(page))
        query = request.POST.get("list", request.GET.urlencode())
        return reverse("admin:emails_email_changelist") + (f"?{query}" if query else "")

    def _each(self, request: HttpRequest, act: Act, emails: QuerySet[Email], *, why: Why) -> None:
        done: list[str] = []
        refused: list[str] = []
        for email in _chosen(emails)[:EMAILS_MAX]:
            try:
                done.append(self._act(request, act, email, why))
            except ConflictError as error:
                refused.append(str(error))
        self._report(request, act, done, refused)

    def _act(self, request: HttpRequest, act: Act, email: Email, why: Why) -> str:
        """The change and its entry in the history, both or neither."""
        with transaction.atomic():
            said = act.do(email, why)
            for changed, sentence in said:
                self.log_change(request, changed, sentence)
        return f"E-mail {email.pk}: {said[0][1]}"

    def _report(self, request: HttpRequest, act: Act, done: Sequence[str], refused: Sequence[str]) -> None:
        """What was refused first: that is what somebody has to look at."""
        lines = [*((messages.WARNING, line) for line in refused), *((messages.SUCCESS, line) for line in done)]
        if len(lines) > 1:
            level = messages.WARNING if refused else messages.SUCCESS
            summary = f"{_count(len(done))} {act.did}" + (f", {len(refused)} left alone." if refused else ".")
            self.message_user(request, summary, level)
        for level, line in lines[:LINES_MAX]:
            self.message_user(request, line, level)
        if len(lines) > LINES_MAX:
            self.message_user(request, f"… and {len(lines) - LINES_MAX} more.", messages.INFO)


def _chosen(emails: QuerySet[Email]) -> list[Email]:
    """One more than may be acted on tells that there are more."""
    return list(emails.defer("html", "plain_text").order_by("-pk")[: EMAILS_MAX + 1])


def _count(number: int) -> str:
    return f"{number:,} e-mail{'' if number == 1 else 's'}"


def acts_of(email: Email) -> list[Any]:
    """Return what can be done with ``email`` as it is now, for the buttons of its page."""
    return [act for act in ACTS.values() if act.fits(email)]
