"""What staff type to pause, resume or purge."""

from typing import Any

from django import forms

from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.models import KIND_LENGTH_MAX
from styleguide_example.jobs.pauses import REASON_LENGTH_MAX


class ControlForm(forms.Form):
    """A queue or a kind, and why something is done to it."""

    scope = forms.ChoiceField(choices=Scope.choices)
    name = forms.CharField(max_length=KIND_LENGTH_MAX)
    reason = forms.CharField(max_length=REASON_LENGTH_MAX, required=False)

    @property
    def target(self) -> dict[str, Any]:
        """What the services call it."""
        return {"scope": Scope(self.cleaned_data["scope"]), "name": self.cleaned_data["name"]}

    @property
    def problem(self) -> str:
        """What is wrong, in one line."""
        return " ".join(f"{name}: {error}" for name, errors in self.errors.items() for error in errors)
