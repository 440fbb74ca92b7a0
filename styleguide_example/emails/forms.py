"""What people type in the admin: why an e-mail is sent again, and an address that gets no more of them."""

import uuid
from email.utils import parseaddr
from typing import Any, ClassVar

from django import forms

from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.mime import address_check
from styleguide_example.emails.models import Email, Suppression
from styleguide_example.emails.suppressions import address_normalized

REASON_MAX_LENGTH: int = Email._meta.get_field("resend_reason").max_length or 0


class ReasonForm(forms.Form):
    """Why a person sends something once more."""

    reason = forms.CharField(
        max_length=REASON_MAX_LENGTH,
        help_text="Stays with the new e-mail and in the history of both, for whoever asks later.",
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    once = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)  # a form that is sent twice is meant once


class SuppressionForm(forms.ModelForm[Suppression]):
    """An address that shall get no e-mail written to many."""

    note = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why, and who asked for it: staff read it.",
    )

    class Meta:
        model = Suppression
        fields = ("address", "note")
        help_texts: ClassVar = {
            "address": "Gets no announcements any more. What is written to one person goes out all the same."
        }

    def clean_address(self) -> str:
        """Return the address in the form in which it is compared."""
        address = self.cleaned_data["address"].strip()
        try:
            address_check(address)
        except EmailInvalidError as error:
            raise forms.ValidationError(str(error)) from error
        if parseaddr(address)[1] != address:
            raise forms.ValidationError("Give the bare address, without a name: name@example.com.")
        return address_normalized(address)

    def validate_unique(self) -> None:
        """Say it in words that do not sound like a mistake."""
        address: Any = self.cleaned_data.get("address")
        if address and Suppression.objects.filter(address=address).exists():
            self.add_error("address", "This address gets no e-mail written to many already.")
