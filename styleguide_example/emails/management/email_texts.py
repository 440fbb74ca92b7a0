"""What the commands say of e-mails: in lines for a person, in plain values for a program."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from styleguide_example.core.enums import Priority
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.selectors import BatchCounts
from styleguide_example.emails.timeline import Event, email_timeline
from styleguide_example.emails.words import email_look

_WIDTH, _INDENT = 80, 13
_MOMENTS = (
    *("created_at", "queued_at", "send_after", "next_attempt_at", "lease_expires_at"),
    *("on_wire_at", "expires_at", "sent_at", "ended_at"),
)
_VALUES = (
    *("id", "message_id", "status", "category", "subject", "to", "cc", "bcc", "from_email", "reply_to", "server"),
    *("batch", "idempotency_key", "attempts", "delivered_to", "refused", "smtp_reply", "last_error"),
    *("last_error_kind", "cancel_reason", "resend_reason"),
)
_ATTEMPT_VALUES = ("number", "kind", "phase", "error", "smtp_code", "smtp_reply", "worker")


def email_json(email: Email) -> dict[str, Any]:
    """Return everything that is known of ``email`` but its text. Moments are ISO 8601, in UTC. One query."""
    return {
        **{name: getattr(email, name) for name in _VALUES},
        "priority": Priority(email.priority).name.lower(),
        "resend_of": email.resend_of_id,
        **{name: moment_text(getattr(email, name)) for name in _MOMENTS},
        "failed_attempts": [_attempt_json(attempt) for attempt in email.failed_attempts.all()],
    }


def email_lines(email: Email) -> Iterator[str]:
    """Yield who and what it is, and what happened to it, moment by moment. Two queries."""
    look = email_look(email)
    yield f"E-mail {email.pk}: {look.symbol} {look.word}"
    for name, value in (("To", email.to), ("Cc", email.cc), ("Bcc", email.bcc)):
        if value:
            yield from _fact(name, ", ".join(value))
    yield from _fact("Subject", email.subject)
    yield from _fact("Message-ID", email.message_id)
    if email.refused:
        yield from _fact("Refused", "; ".join(f"{address}: {reply}" for address, reply in email.refused.items()))
    yield ""
    for event in email_timeline(email):
        yield from _event(event)


def batch_json(batch: str, counts: BatchCounts) -> dict[str, Any]:
    """Return how many e-mails of a batch are where."""
    return {"batch": batch, **asdict(counts), "waiting": counts.waiting, "known": counts.known}


def batch_line(batch: str, counts: BatchCounts) -> str:
    """Return the same in a line: what is nothing is not said."""
    said = ", ".join(f"{count:,} {name}" for name, count in asdict(counts).items() if count)
    return f"Batch {batch}: {counts.known:,} e-mails; {said or 'nothing is known of them any more'}."


def moment_text(moment: datetime | None) -> str | None:
    """Return a moment as a program reads it."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _fact(name: str, value: str) -> Iterator[str]:
    for number, line in enumerate(wrap(value, _WIDTH - _INDENT, break_long_words=False)):
        yield f"  {'' if number else name:<{_INDENT - 2}}{line}"


def _event(event: Event) -> Iterator[str]:
    gap = f" (+{event.gap})" if event.gap else ""
    expected = " expected:" if event.is_expected else ""
    yield f"  {event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC{gap}{expected} {event.look.symbol} {event.look.word}"
    other = [f"e-mail {event.email_id}"] if event.email_id is not None else []
    for text in (", ".join([*event.facts, *other]), event.reply):
        for line in wrap(text, _WIDTH - 6, break_long_words=False):
            yield f"      {line}"


def _attempt_json(attempt: EmailAttempt) -> dict[str, Any]:
    values = {name: getattr(attempt, name) for name in _ATTEMPT_VALUES}
    return {**values, "ended_at": moment_text(attempt.ended_at)}
