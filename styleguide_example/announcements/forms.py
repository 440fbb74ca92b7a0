"""What a person types into an announcement, checked before anything is written."""

from copy import deepcopy
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from styleguide_example.announcements.audiences import AUDIENCE_CHOICES, AUDIENCES, Audience
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.reach import Reach, audience_reach

#: The submit button that shows the e-mail and saves nothing.
PREVIEW_BUTTON = "_preview"


def field_name(audience: str, parameter: str) -> str:
    """Return what the form calls a rule's parameter: two rules may have one of the same name."""
    return f"{audience}__{parameter}"


#: The form's name of each parameter.
PARAMETER_FIELDS = tuple(
    field_name(audience.name, name) for audience in AUDIENCES.values() for name in audience.parameters
)


class AnnouncementForm(forms.ModelForm[Announcement]):
    """Subject, text and audience of a draft. Writes nothing: the admin gives what it read to a service."""

    audience = forms.ChoiceField(
        label="Who gets it",
        choices=AUDIENCE_CHOICES,
        widget=forms.RadioSelect,
        help_text="Of these, all whose address is confirmed and whose account is open.",
    )
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Announcement
        fields = ("subject", "body", "audience")
        widgets = {
            "subject": forms.TextInput(attrs={"class": "vTextField"}),
            "body": forms.Textarea(attrs={"rows": 16, "class": "vLargeTextField", "spellcheck": "true"}),
        }
        labels = {"body": "Text"}
        help_texts = {
            "body": "Markdown. HTML is shown as it is typed. The e-mail begins with “Hello &lt;name&gt;,” by itself."
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        stored = self.instance
        for audience in AUDIENCES.values():
            self._add_parameters(audience, stored.audience_parameters if audience.name == stored.audience else {})
        if stored.pk:
            self.initial["version"] = version_of(stored)

    def is_valid(self) -> bool:
        """Whether it may be saved: a preview never is."""
        return super().is_valid() and PREVIEW_BUTTON not in self.data

    @cached_property
    def changed_data(self) -> list[str]:
        """What a person changed."""
        return [name for name in super().changed_data if name != "version"]

    @property
    def chosen(self) -> Audience | None:
        """The rule that was chosen."""
        return AUDIENCES.get(str(self["audience"].value()))

    @property
    def draft(self) -> dict[str, Any]:
        """What it read, in the words of the service."""
        read = self.cleaned_data
        return {name: read[name] for name in ("subject", "body", "audience", "audience_parameters")}

    @property
    def reach(self) -> Reach | None:
        """How many people it would go to; None while that cannot be said."""
        audience = self.chosen
        if audience is None:
            return None
        parameters = {name: self[field_name(audience.name, name)].value() for name in audience.parameters}
        try:
            return audience_reach(audience=audience.name, parameters=parameters)
        except ValidationError:
            return None

    @property
    def reach_hint(self) -> str:
        """What is missing to say how many people it would go to."""
        return self.chosen.missing if self.chosen and self.chosen.missing else "Choose who gets it"

    def clean(self) -> dict[str, Any]:
        """Read the parameters of the chosen rule, and forget what was typed for others."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        self._check_version(data)
        audience = self.chosen
        own = {name: field_name(audience.name, name) for name in audience.parameters} if audience else {}
        for name in set(PARAMETER_FIELDS) - set(own.values()):
            self.errors.pop(name, None)
        if audience is not None and not set(own.values()) & set(self.errors):
            data["audience_parameters"] = audience.parameters_checked({name: data[own[name]] for name in own})
        return data

    def _add_parameters(self, audience: Audience, stored: dict[str, Any]) -> None:
        for name, parameter in audience.parameters.items():
            field = deepcopy(parameter)
            # Of a rule that was not chosen nothing is required.
            field.required = parameter.required and self.is_bound and self.chosen is audience
            field.widget.attrs["data-audience"] = audience.name
            field.help_text = f"For “{audience.label}”. {field.help_text}".strip()
            field.initial = stored.get(name)
            self.fields[field_name(audience.name, name)] = field

    def _check_version(self, data: dict[str, Any]) -> None:
        """A form that was open meanwhile would undo what somebody else wrote."""
        if self.instance.pk and data.get("version") and data["version"] != version_of(self.instance):
            self.add_error(
                None,
                "Somebody else changed this announcement since you opened it. Nothing was saved: copy what you typed, "
                "and open the page again to see how it is now.",
            )


def version_of(announcement: Announcement) -> str:
    """Return what tells whether an announcement was saved since a page showed it."""
    return announcement.updated_at.isoformat()
