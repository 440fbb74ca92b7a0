"""An e-mail in a person's words: how it stands, why, since when. Short enough for a cell of a list."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from styleguide_example.emails.enums import CancelReason, EmailStatus, FailureKind, SuppressionReason
from styleguide_example.emails.models import Email, SendingPace

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: For so long one that is due waits on a good day.
_SOME_SECONDS = timedelta(seconds=10)
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"))


@dataclass(frozen=True)
class Look:
    """A state as a person sees it, never by its colour alone. ``name`` is a class of ``common/admin.css``."""

    name: str
    symbol: str
    word: str


READY = Look("off", "○", "Ready")
ASKED_FOR = Look("wait", "…", "Sending")
HELD = Look("wait", "▶", "Sending")
AGAIN = Look("hold", "↻", "Sending")
SENT = Look("go", "✓", "Sent")
FAILED = Look("bad", "✕", "Failed")
IN_DOUBT = Look("hold", "?", "Failed")
CANCELLED = Look("off", "⊘", "Cancelled")

#: The classes of errors, in a word or two.
KINDS = {
    FailureKind.TRANSIENT: "for now",
    FailureKind.PERMANENT: "for good",
    FailureKind.UNKNOWN_OUTCOME: "outcome unknown",
    FailureKind.LOST: "worker lost",
    FailureKind.BUG: "a bug of ours",
}
#: Why somebody or something cancelled it.
CANCELLED_BY = {
    CancelReason.STOPPED: "with its batch",
    CancelReason.SUPPRESSED: "address is suppressed",
}
SUPPRESSED_BY = {
    SuppressionReason.UNSUBSCRIBED: Look("off", "⊘", "Unsubscribed"),
    SuppressionReason.BOUNCED: Look("bad", "✕", "Refused"),
    SuppressionReason.BY_HAND: Look("hold", "✎", "Added by hand"),
}


def email_look(email: Email) -> Look:
    """Return how its status is shown."""
    match email.status:
        case EmailStatus.SENDING:
            return HELD if email.lease_token else AGAIN if email.attempts else ASKED_FOR
        case EmailStatus.FAILED:
            return IN_DOUBT if email.last_error_kind == FailureKind.UNKNOWN_OUTCOME else FAILED
        case EmailStatus.CANCELLED:
            return CANCELLED
        case EmailStatus.SENT:
            return SENT
    return READY


def email_detail(email: Email, *, now: datetime) -> str:
    """Return what the status does not say, in a few words. Empty: it says all."""
    match email.status:
        case EmailStatus.SENDING:
            return _waits(email, now)
        case EmailStatus.FAILED:
            return KINDS.get(FailureKind(email.last_error_kind), "") if email.last_error_kind else ""
        case EmailStatus.CANCELLED:
            return CANCELLED_BY[CancelReason(email.cancel_reason)] if email.cancel_reason else "by a person"
        case EmailStatus.SENT:
            return f"not to {len(email.refused)} of its readers" if email.refused else ""
    return "nobody has asked for it"


def pace_look(pace: SendingPace, *, now: datetime) -> Look:
    """Return whether a scope may be used, and how."""
    if pace.paused_until is not None and pace.paused_until > now:
        return Look("hold", "‖", "Paused")
    if pace.level:
        return Look("hold", "↓", "Slowed down")
    return Look("go", "✓", "Free")


def scope_words(scope: str) -> str:
    """Return what a scope is about (``scopes.py``): a server, a domain at it, or the way to it."""
    if scope.startswith("connect:"):
        return f"connecting to {scope.removeprefix('connect:')}"
    server, _, domain = scope.partition("/")
    return f"{domain} at {server}" if domain else f"all of {server}"


def span_words(span: timedelta, *, units: int = 2) -> str:
    """Return how long: milliseconds, tenths of a second, then at most so many of its largest units."""
    seconds = max(span.total_seconds(), 0)
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    rest, words = int(seconds), []
    for size, unit in _UNITS:
        if rest >= size:
            words.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(words[:units])


def age_words(moment: datetime, *, now: datetime | None = None) -> str:
    """Return how long ago, in one unit: it is read in a list."""
    seconds = ((now or timezone.now()) - moment).total_seconds()
    return span_words(timedelta(seconds=int(seconds)), units=1) if seconds >= 1 else "now"


def _waits(email: Email, now: datetime) -> str:
    if email.lease_token:
        return "on the wire" if email.on_wire_at else "a worker has it"
    if email.next_attempt_at is None:
        return "is being ended"
    if email.next_attempt_at > now:
        return f"due in {span_words(email.next_attempt_at - now, units=1)}"
    late = now - email.next_attempt_at
    return f"due for {span_words(late, units=1)}" if late >= _SOME_SECONDS else "due now"
