"""The rules that say whom an announcement goes to: a fixed list, each a name, a label, its parameters and a queryset.

Every audience is a part of those who may be written to: their address is confirmed and their account is open. A rule
is asked *as of a moment*, so that somebody who completes onboarding while an announcement is being sent does not fall
out of its audience, or into it, half-way.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet

from styleguide_example.announcements.exceptions import AnnouncementAudienceError
from styleguide_example.users.models import User

#: Values by the parameter's name, cleaned.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Audience:
    """One rule.

    Args:
        name: stored with the announcement.
        label: for people.
        rule: from the cleaned parameters and the moment to the condition.
        parameters: form fields by name. They clean what is stored, and a form can show them.
        missing: what a person is asked for while the parameters do not fit.
    """

    name: str
    label: str
    rule: Callable[[Values, datetime], Q]
    parameters: Mapping[str, forms.Field] = field(default_factory=dict)
    missing: str = ""

    def parameters_checked(self, parameters: Values) -> dict[str, Any]:
        """Return the parameters as they are stored: plain JSON, no more and no fewer than the rule has.

        Raises:
            django.core.exceptions.ValidationError: with messages by parameter.
        """
        cleaned = self._cleaned(parameters)
        stored: dict[str, Any] = json.loads(json.dumps(cleaned, cls=DjangoJSONEncoder))
        return stored

    def people(self, parameters: Values, *, as_of: datetime) -> QuerySet[User]:
        """Return the people whom the rule meant at that moment.

        Raises:
            django.core.exceptions.ValidationError: when the parameters do not fit the rule.
        """
        reachable = Q(is_active=True, email_confirmed_at__lte=as_of)
        return User.objects.filter(reachable, self.rule(self._cleaned(parameters), as_of))

    def _cleaned(self, parameters: Values) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        errors: dict[str, Any] = dict.fromkeys(set(parameters) - {*self.parameters}, "There is no such parameter.")
        for name, parameter in self.parameters.items():
            try:
                cleaned[name] = parameter.clean(parameters.get(name))
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(errors)
        return cleaned


def _date(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        # One way to write it, whatever the language of the page: it is stored as it is written.
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )


_AUDIENCES = (
    Audience("everyone", "Everyone", lambda values, as_of: Q()),
    Audience(
        "onboarded", "Everyone who completed onboarding", lambda values, as_of: Q(onboarding_completed_at__lte=as_of)
    ),
    Audience(
        "not-onboarded",
        "Everyone who has not completed onboarding",
        lambda values, as_of: Q(onboarding_completed_at__isnull=True) | Q(onboarding_completed_at__gt=as_of),
    ),
    Audience("staff", "Staff", lambda values, as_of: Q(is_staff=True)),
    Audience(
        "joined-since",
        "Everyone who joined since a date",
        lambda values, as_of: Q(created_at__date__gte=values["since"]),
        {"since": _date("Joined on this day or later")},
        missing="Type the date",
    ),
)
AUDIENCES: Mapping[str, Audience] = {audience.name: audience for audience in _AUDIENCES}
#: For a form's field.
AUDIENCE_CHOICES = [(audience.name, audience.label) for audience in _AUDIENCES]


def audience_get(name: str) -> Audience:
    """Return the rule of that name.

    Raises:
        AnnouncementAudienceError: when there is none.
    """
    try:
        return AUDIENCES[name]
    except KeyError:
        raise AnnouncementAudienceError(f"There is no audience called {name!r}.") from None
