"""System checks: settings that would lose or double e-mails."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from styleguide_example.emails.enums import UnknownOutcome


@register
def unknown_outcome_is_known(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """The policy must be one of its words."""
    if settings.EMAIL_SENDING_UNKNOWN_OUTCOME in UnknownOutcome.values:
        return []
    return [
        Error(
            f"EMAIL_SENDING_UNKNOWN_OUTCOME is {settings.EMAIL_SENDING_UNKNOWN_OUTCOME!r}.",
            hint=f"Use one of: {', '.join(UnknownOutcome.values)}.",
            id="emails.E001",
        )
    ]


@register(Tags.security, deploy=True)
def no_faults_on_purpose(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Faults are for demonstrations and tests."""
    if not settings.EMAIL_SENDING_FAILURE_TRIGGER:
        return []
    return [
        Error(
            "EMAIL_SENDING_FAILURE_TRIGGER makes e-mails fail on purpose.",
            hint="Remove it from the environment of this deployment.",
            id="emails.E002",
        )
    ]
