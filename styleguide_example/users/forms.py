"""What people may type, and what they are told when it does not fit."""

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth.forms import AdminUserCreationForm, AuthenticationForm, SetPasswordForm, UsernameField
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from styleguide_example.users.languages import language_choices
from styleguide_example.users.models import User, address_reachable, one_readable_line, time_zone_names

# The database also holds abbreviations and names of former times ("EST5EDT", "Zulu", "US/Pacific"); these are places.
_REGIONS = {
    "Africa": _("Africa"),
    "America": _("America"),
    "Antarctica": _("Antarctica"),
    "Arctic": _("Arctic"),
    "Asia": _("Asia"),
    "Atlantic": _("Atlantic"),
    "Australia": _("Australia"),
    "Europe": _("Europe"),
    "Indian": _("Indian Ocean"),
    "Pacific": _("Pacific"),
}


def time_zone_choices() -> list[tuple[StrOrPromise, Any]]:
    """Return the time zones as a select shows them: UTC, then places grouped by region."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in sorted(time_zone_names()):
        region, place = name.partition("/")[::2]
        if region in _REGIONS:
            groups[region].append((name, place.replace("_", " ").replace("/", ", ")))
    return [("UTC", _("Nowhere in particular (UTC)")), *((_REGIONS[name], zones) for name, zones in groups.items())]


class AddressField(forms.EmailField):
    """An e-mail address in the form in which it is stored, checked after it was brought into that form."""

    # Not type="email": Chromium sends fass.de for it where faß.de was typed, and nobody here could tell.
    widget = forms.TextInput

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """A keyboard for addresses, and no help with spelling."""
        attributes = {"inputmode": "email", "spellcheck": "false", "autocapitalize": "none"}
        return {**super().widget_attrs(widget), **attributes}

    def to_python(self, value: Any) -> str:
        """Trimmed, in lower case, its domain in ASCII."""
        return User.normalize_username(super().to_python(value) or "")

    def clean(self, value: Any) -> str:
        """Refuse what e-mail could not be sent to, after what is plainly no address: one error at a time."""
        address = super().clean(value)
        if address:
            address_reachable(address)
        return str(address)


class SignUpForm(forms.Form):
    """The address, and nothing else: the password is chosen by whoever reads the e-mail that goes there."""

    email = AddressField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "email"}),
        help_text=_("We send you a link. You choose your password there."),
        error_messages={
            "required": _("Enter your e-mail address."),
            "invalid": _("Enter an e-mail address like name@example.com."),
        },
    )


class SignInForm(AuthenticationForm):
    """Address and password. Does not tell which of the two was wrong."""

    username = UsernameField(
        label=_("E-mail address"),
        widget=forms.EmailInput(attrs={"spellcheck": "false"}),
        error_messages={"required": _("Enter your e-mail address.")},
    )
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _(
            "That e-mail address and password do not go together. Check both, or ask for a link to choose a new one."
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].error_messages["required"] = _("Enter your password.")


class ChoosePasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # a generic in the stubs only
    """A new password, twice. Saving it is left to ``services.user_confirm_email``."""

    error_messages = {"password_mismatch": _("The two passwords are not the same. Type the same one twice.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first, second = self.fields["new_password1"], self.fields["new_password2"]
        first.label, second.label = _("Password"), _("The same password again")
        first.help_text, second.help_text = password_validators_help_text_html(), ""
        first.error_messages["required"] = _("Enter a password.")
        second.error_messages["required"] = _("Enter the same password again.")

    def clean(self) -> dict[str, Any]:
        """As the base class does, but what is wrong with the password is said at the first field, not at the second."""
        self.validate_passwords("new_password1", "new_password2")
        self.validate_password_for_user(self.user, "new_password1")
        return self.cleaned_data


class NameForm(forms.Form):
    """Step 1 of onboarding."""

    full_name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        validators=[one_readable_line],
        widget=forms.TextInput(attrs={"autocomplete": "name", "spellcheck": "false"}),
        help_text=_("As you would like us to greet you."),
        error_messages={"required": _("Enter your name, or what you would like to be called.")},
    )


class TimeZoneForm(forms.Form):
    """Step 2 of onboarding."""

    time_zone = forms.ChoiceField(
        label=_("Where are you?"),
        choices=time_zone_choices,
        help_text=_("So that times are shown as the clock on your wall shows them. Pick the city nearest to you."),
        error_messages={
            "required": _("Choose the place nearest to you."),
            "invalid_choice": _("Choose a place from the list."),
        },
    )


class LanguageForm(forms.Form):
    """What the foot of each page asks."""

    language = forms.ChoiceField(choices=language_choices)


class UserAddForm(AdminUserCreationForm):  # type: ignore[type-arg]  # a generic in the stubs only
    """The admin's form for a new person."""

    usable_password = AdminUserCreationForm.create_usable_password_field(
        "Disabled: they choose a password themselves, behind the link that signing up sends."
    )

    class Meta:
        model = User
        fields = ("email", "full_name")
        field_classes = {"email": AddressField}
        widgets = {"email": AdminTextInputWidget}
