"""Tokens in the admin: who has which, make one, revoke them."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from styleguide_example.api.models import ApiToken
from styleguide_example.api.tokens import TokenCreated, token_create, token_revoke

DEFAULT_DAYS = 90
_NO_BREAK = "\N{NO-BREAK SPACE}"


class TokenForm(forms.ModelForm[ApiToken]):
    """What a person decides about a new token."""

    days = forms.IntegerField(label="Works for (days)", initial=DEFAULT_DAYS, min_value=1)

    class Meta:
        model = ApiToken
        fields = ("user", "name", "days")

    def clean_days(self) -> int:
        """Refuse what the service would."""
        days: int = self.cleaned_data["days"]
        if days > settings.API_TOKEN_MAX_DAYS:
            raise forms.ValidationError(f"At most {settings.API_TOKEN_MAX_DAYS} days.")
        return days


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """A new token's secret is shown once, in the answer to the form, and is nowhere afterwards.

    Who is not a superuser makes tokens for themselves alone: a token acts as its person.
    """

    form = TokenForm
    list_display = ("name", "prefix", "user", "state", "last_used")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix__startswith", "user__email")
    search_help_text = "A part of the name or the address, or how the token begins."
    autocomplete_fields = ("user",)
    ordering = ("-pk",)
    show_full_result_count = False
    actions = ("revoke",)

    class Media:
        css = {"all": ["api/admin.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Under its name."""
        return super().changelist_view(request, {"title": "API tokens", **(extra_context or {})})

    @admin.display(description="state", ordering="expires_at")
    def state(self, token: ApiToken) -> str:
        """Whether it lets somebody in, until or since when."""
        if token.revoked_at is not None:
            return f"✕ Revoked {_moment(token.revoked_at)}"
        if not token.is_valid:
            return f"✕ Expired {_moment(token.expires_at)}"
        if not token.user.is_active:
            return "✕ The account is closed"
        if not cast("Any", token.user).is_email_confirmed:
            return "✕ The address is not confirmed"
        return f"✓ Valid until {_moment(token.expires_at)}"

    @admin.display(description="last used", ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        """To the minute."""
        return _moment(token.last_used_at) if token.last_used_at else "never"

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        """Show the facts of one that exists; ask for the decisions of a new one."""
        if obj is not None:
            return ("user", "name", "prefix", "created_at", "expires_at", "last_used_at", "revoked_at")
        return ("user", "name", "days") if _is_superuser(request) else ("name", "days")

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Nothing about a token changes, but that it is revoked."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """A revoked one stays for a while, so that somebody can ask what it was; the clean-up deletes it."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """What "may change tokens" means here."""
        return bool(request.user.has_perm("api.change_apitoken"))

    def save_model(
        self,
        request: HttpRequest,
        obj: ApiToken,
        form: TokenForm,
        change: bool,  # noqa: FBT001  Django calls it so
    ) -> None:
        """Make it through the door, and keep the secret for this one answer."""
        data = form.cleaned_data
        created = token_create(user=data.get("user", request.user), name=data["name"], days=data["days"])
        obj.__dict__.update(created.token.__dict__)
        cast("Any", request).token_created = created

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret. Not as a message, which would travel in a cookie first."""
        created: TokenCreated = cast("Any", request).token_created
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "The new token"}
        return TemplateResponse(request, "api/admin/token_created.html", {**context, "created": created})

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        """Refuse them from now on."""
        revoked = [token for token in tokens if token_revoke(token=token)]
        for token in revoked:
            self.log_change(request, token, "revoked")
        self.message_user(request, f"{len(revoked)} revoked.", messages.SUCCESS)


def _moment(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}".replace(" ", _NO_BREAK)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_superuser
