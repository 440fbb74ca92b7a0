"""E-mail: whether the servers answer, and whether what is due goes out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from styleguide_example.core.redaction import redact
from styleguide_example.emails.backends import SMTPBackend
from styleguide_example.emails.connections import DEFAULT_SERVER, connection_close, connection_ensure
from styleguide_example.emails.enums import EmailStatus, FailureKind
from styleguide_example.emails.exceptions import DeliveryError
from styleguide_example.emails.models import Email, SendingPace
from styleguide_example.operations.bounded import Asked
from styleguide_example.operations.doctor.findings import Finding, counted, error, lasted, ok, warning
from styleguide_example.operations.standings import Topic, standings_read

HELD_DAYS = 7
_COUNTED_MAX = 1000


def emails(seconds: float) -> list[Finding]:
    """Look for e-mails that are due and that nobody takes, and for those that wait for a person."""
    return [*_late(), *_held(), *_slowed()] or [ok("No e-mail is late, and none waits for a person.")]


def mail_servers(seconds: float) -> list[Finding]:
    """Say hello to each server, sign in where there is a password, and say goodbye. Nothing is sent.

    All at once, for one that hangs takes longer than a check has: it is named, and hides no other.
    """
    by = time.monotonic() + seconds
    aliases = dict.fromkeys([DEFAULT_SERVER, *settings.EMAIL_SENDING_SERVERS])
    asked = {alias: Asked(partial(_server, alias)) for alias in aliases}
    return [_answer(alias, question, by, seconds) for alias, question in asked.items()]


def _late() -> list[Finding]:
    lines = standings_read([Topic.EMAILS, Topic.EMAILS_ENDED], now=timezone.now()).emails
    found = [
        ok(
            f"{counted(line.count, 'e-mail')} of priority {line.name} go out in order: "
            f"{line.a_minute:,} a minute, about {lasted(60 * line.minutes_left)} left."
        )
        for line in lines
        if line.is_busy
    ]
    if late := [line for line in lines if line.is_too_old]:
        count, age = sum(line.count for line in late), max(line.seconds for line in late)
        found.append(
            error(
                f"{counted(count, 'e-mail')} due and not taken, the oldest for {lasted(age)}.",
                meaning="People wait for them. They go out by themselves, in order, when what holds them is mended.",
                advice="Look at the workers, at a paused queue (manage.py jobs status) and at EMAIL_LIMITS.",
            )
        )
    return found


def _held() -> list[Finding]:
    held = Email.objects.filter(
        status=EmailStatus.FAILED,
        last_error_kind=FailureKind.UNKNOWN_OUTCOME,
        ended_at__gt=Now() - timedelta(days=HELD_DAYS),
    )
    if not (count := _count(held)):
        return []
    return [
        warning(
            f"{counted(count, 'e-mail', at_most=_COUNTED_MAX)} held for a person, of the last {HELD_DAYS} days.",
            meaning="Nobody can know whether the server took them, so they are neither sent again nor given up.",
            advice="In the admin, E-mails: ask the recipient, or the server's log by Message-ID. Then resend or leave.",
        )
    ]


def _slowed() -> list[Finding]:
    troubles = SendingPace.objects.filter(level__gt=0, paused_until__gt=Now()).order_by("scope")[:_COUNTED_MAX]
    return [
        warning(
            f"Nothing is sent to {trouble.scope.removeprefix('connect:')} for a while: "
            f"{redact(trouble.reason) or 'it could not be reached'}",
            meaning="All workers of all machines wait, or use the fallback. They try again by themselves.",
            advice="Look at that mail server. If it says 'too much' every day, set EMAIL_LIMITS.",
        )
        for trouble in troubles
    ]


def _answer(alias: str, question: Asked[Finding], by: float, seconds: float) -> Finding:
    try:
        return question.answer(by=by)
    except TimeoutError:
        return error(
            f"{_name(alias)} does not answer within {seconds:g} seconds.",
            meaning="E-mails that use it wait, and each try keeps a process of a worker waiting.",
            advice="Ask the machine itself, and the firewalls before it. A slow network has longer with --timeout.",
        )


def _server(alias: str) -> Finding:
    name = _name(alias)
    try:
        with _farewell():
            backend = connection_ensure(alias)
    except DeliveryError as problem:
        return error(
            f"{name} does not let us in: {redact(str(problem))}",
            meaning=f"E-mails that use it wait, and are tried for {lasted(settings.EMAIL_SENDING_MAX_AGE_SECONDS)}.",
            advice="Start it, or mend its URL (EMAIL_URL, EMAIL_SERVERS): host, port, TLS, user and password.",
        )
    if isinstance(backend, SMTPBackend):
        return ok(f"{name} answers.")
    return warning(
        f"{name} is no mail server but {type(backend).__module__}.",
        meaning="No e-mail leaves this machine.",
        advice="Set EMAIL_URL to smtp+tls://user:password@host:587.",
    )


def _name(alias: str) -> str:
    server: dict[str, Any] = settings.EMAIL_SENDING_SERVERS.get(alias, {})
    place = f"{server.get('host', settings.EMAIL_HOST)}:{server.get('port', settings.EMAIL_PORT)}"
    return f"The mail server {alias} ({place})"


@contextmanager
def _farewell() -> Iterator[None]:
    try:
        yield
    finally:
        connection_close()


def _count(rows: QuerySet[Any]) -> int:
    """As far as anybody reads."""
    return len(rows.values_list("pk")[:_COUNTED_MAX])
