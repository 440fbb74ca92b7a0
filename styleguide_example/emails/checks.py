"""System checks: settings that would lose or double e-mails."""

from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from styleguide_example.emails.connections import DEFAULT_SERVER
from styleguide_example.emails.enums import UnknownOutcome

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


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


@register
def sender_is_an_address(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """The sender where an e-mail names none must be one that a mail server takes."""
    try:
        validate_email(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])
    except ValidationError:
        return [
            Error(
                f"DEFAULT_FROM_EMAIL is {settings.DEFAULT_FROM_EMAIL!r}.",
                hint="Write name@example.com or Name <name@example.com>.",
                id="emails.E004",
            )
        ]
    return []


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


@register
def fallbacks_end(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """A mail server's fallback is another one that is known, and no chain of them comes back to where it began."""
    servers = settings.EMAIL_SENDING_SERVERS
    fallbacks = {alias: server.get("fallback", "") for alias, server in servers.items()}
    return [
        Error(
            f"EMAIL_FALLBACKS leads from the mail server {alias!r} to {end}.",
            hint="Each chain must end at a server that has no fallback.",
            id="emails.E003",
        )
        for alias in fallbacks
        if (end := _wrong_end(alias, fallbacks))
    ]


@register(Tags.security, deploy=True)
def passwords_are_encrypted(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """A password goes to another machine under TLS alone."""
    return [
        CheckWarning(
            f"The password of the mail server {alias!r} is sent without TLS.",
            hint="Let its URL begin with smtp+tls:// or smtp+ssl://.",
            id="emails.W001",
        )
        for alias, server in _servers().items()
        if server.get("password") and server["host"] not in _THIS_MACHINE
        if not (server.get("use_tls") or server.get("use_ssl"))
    ]


def _wrong_end(alias: str, fallbacks: Mapping[str, str]) -> str:
    """Where the chain from ``alias`` leads that it must not lead to, in words; empty: nowhere."""
    passed = [alias]
    while following := fallbacks.get(passed[-1]):
        if following in passed:
            return f"{following!r} again"
        if following not in {DEFAULT_SERVER, *fallbacks}:
            return f"{following!r}, which is no server"
        passed.append(following)
    return ""


def _servers() -> dict[str, dict[str, Any]]:
    default = {
        "host": settings.EMAIL_HOST,
        "password": settings.EMAIL_HOST_PASSWORD,
        "use_tls": settings.EMAIL_USE_TLS,
        "use_ssl": settings.EMAIL_USE_SSL,
    }
    return {**settings.EMAIL_SENDING_SERVERS, DEFAULT_SERVER: default}
