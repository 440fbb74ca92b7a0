"""What happened to an e-mail, moment by moment, and what is expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.words import (
    AGAIN,
    ASKED_FOR,
    CANCELLED,
    FAILED,
    HELD,
    READY,
    SENT,
    Look,
    email_look,
    span_words,
)

#: More resends than these are not listed one by one.
RESENDS_MAX = 20


@dataclass(frozen=True)
class Event:
    """Something that happened, or will: ``is_expected``. ``reply`` is what the server said, or our own error.

    ``email_id`` names another e-mail that it leads to, ``gap`` is how long after the event before.
    """

    at: datetime
    look: Look
    facts: tuple[str, ...] = ()
    reply: str = ""
    email_id: int | None = None
    is_expected: bool = False
    gap: str = ""


def email_timeline(email: Email) -> list[Event]:
    """Return what happened to ``email`` in order, then what is expected. Two queries."""
    attempts = list(email.failed_attempts.all())
    resends = list(email.resends.order_by("pk").only("created_at", "resend_reason")[:RESENDS_MAX])
    happened = [
        _written(email),
        *_asked_for(email, attempts),
        *_claimed(email),
        *map(_attempt, attempts),
        *_ended(email, attempts),
        *map(_resent, resends),
    ]
    # Stable: what has the same moment stays in the order above. The first one is by the clock of whoever wrote the
    # e-mail, the others are by the database's.
    in_order = sorted(happened, key=lambda event: max(event.at, email.created_at))
    return [*_with_gaps(in_order), *_expected(email)]


def _with_gaps(events: Sequence[Event]) -> Iterator[Event]:
    before: Event | None = None
    for event in events:
        yield event if before is None else replace(event, gap=span_words(event.at - before.at))
        before = event


def _written(email: Email) -> Event:
    facts = [f"from the template {email.category}"] if email.category else []
    if email.resend_of_id is not None:
        facts.append(f"as a resend: {email.resend_reason}")
    return Event(email.created_at, _look(READY, "Written"), tuple(facts), email_id=email.resend_of_id)


def _asked_for(email: Email, attempts: Sequence[EmailAttempt]) -> Iterator[Event]:
    if email.queued_at is None:
        return
    is_again = any(attempt.ended_at < email.queued_at for attempt in attempts)
    facts = (f"not before {email.send_after:%Y-%m-%d %H:%M:%S}",) if email.send_after else ()
    yield Event(email.queued_at, _look(ASKED_FOR, "Asked for again" if is_again else "Asked for"), facts)


def _claimed(email: Email) -> Iterator[Event]:
    """Of several claims the last one; the attempts tell who had the others."""
    if email.claimed_at is not None:
        yield Event(email.claimed_at, _look(HELD, "Claimed"), (f"by {email.worker}", f"attempt {email.attempts}"))
    if email.lease_token is not None and email.on_wire_at is not None:
        yield Event(email.on_wire_at, _look(HELD, "On the wire"), ("whether the server takes it is not known yet",))


def _attempt(attempt: EmailAttempt) -> Event:
    facts = [attempt.get_kind_display()]
    if attempt.phase:
        facts.append(f"at: {attempt.get_phase_display()}")
    if attempt.took_ms is not None:
        facts.append(f"{attempt.took_ms:,} ms")
    if attempt.worker:
        facts.append(f"by {attempt.worker}")
    look = _look(AGAIN, f"Attempt {attempt.number} failed")
    return Event(attempt.ended_at, look, tuple(facts), reply=attempt.smtp_reply or attempt.error)


def _ended(email: Email, attempts: Sequence[EmailAttempt]) -> Iterator[Event]:
    if email.ended_at is None:
        return
    if email.status == EmailStatus.SENT:
        yield Event(email.ended_at, SENT, tuple(_how_it_was_sent(email)), reply=email.smtp_reply)
    elif email.status == EmailStatus.FAILED:
        is_told = bool(attempts) and attempts[-1].error == email.last_error
        look = _look(email_look(email), "Failed")
        yield Event(email.ended_at, look, ("no further attempt",), reply="" if is_told else email.last_error)
    else:
        why = email.get_cancel_reason_display() if email.cancel_reason else "by a person: the history says who"
        yield Event(email.ended_at, CANCELLED, (why,))


def _how_it_was_sent(email: Email) -> Iterator[str]:
    if email.took_ms is not None:
        yield f"{email.took_ms:,} ms"
    if email.refused:
        yield f"to {len(email.delivered_to)} of its readers; refused for {len(email.refused)}"


def _resent(copy: Email) -> Event:
    return Event(copy.created_at, _look(ASKED_FOR, "Resent"), (copy.resend_reason,), email_id=copy.pk)


def _expected(email: Email) -> Iterator[Event]:
    if email.status not in (EmailStatus.READY, EmailStatus.SENDING):
        return
    if email.lease_expires_at is not None:
        facts = ("then another worker takes it, if this one has not said how it went",)
        yield Event(email.lease_expires_at, _look(HELD, "The claim ends"), facts, is_expected=True)
    elif email.next_attempt_at is not None:
        look = _look(AGAIN, "Next attempt is due") if email.attempts else _look(ASKED_FOR, "First attempt is due")
        yield Event(email.next_attempt_at, look, is_expected=True)
    if email.expires_at is not None:
        yield Event(email.expires_at, _look(FAILED, "Expires"), ("not sent any more after this",), is_expected=True)


def _look(look: Look, word: str) -> Look:
    return replace(look, word=word)
