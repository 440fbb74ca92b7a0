"""A failed attempt: what it was, what comes next, and the one place that records it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from styleguide_example.common import leases
from styleguide_example.common.persistence import persistent
from styleguide_example.core.backoff import backoff_seconds
from styleguide_example.emails.claims import worker_name
from styleguide_example.emails.enums import FailureKind, Phase, UnknownOutcome
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailGivenUpError, EmailNotClaimedError
from styleguide_example.emails.models import Email, EmailAttempt

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed. ``at_once``: the next one need not wait, for it was not the server's fault."""

    kind: FailureKind
    error: str
    phase: str = ""
    code: int = 0
    reply: str = ""
    at_once: bool = False
    took_ms: int | None = None

    @property
    def is_uncounted(self) -> bool:
        """Whether it says nothing about the e-mail: the server was not reached, or did not let us in."""
        return self.kind is FailureKind.TRANSIENT and self.phase == Phase.CONNECT


def attempt_failed(email: Email, *, token: uuid.UUID, failure: Failure) -> Exception:
    """Record the failure and return the error that tells the caller what comes next.

    The error is EmailAttemptFailedError, EmailGivenUpError, or EmailNotClaimedError when the lease was lost meanwhile.
    """
    recorded, next_at = attempt_record(email, token=token, failure=failure)
    summary = f"E-mail {email.pk}, attempt {email.attempts}: {_without_the_servers_words(failure)}"
    if not recorded:
        return EmailNotClaimedError(f"{summary} (not recorded: the lease was lost)")
    if next_at is None:
        return EmailGivenUpError(summary)
    return EmailAttemptFailedError(summary, retry_at=next_at)


def _without_the_servers_words(failure: Failure) -> str:
    """What every log may hold: a server may quote the message that it refuses, so its own words stay in the row."""
    if not failure.reply:
        return failure.error
    return f"{failure.kind} at {failure.phase}, {failure.code or 'for some'}; the row has the server's words"


@persistent
@transaction.atomic
def attempt_record(email: Email, *, token: uuid.UUID, failure: Failure) -> tuple[bool, datetime | None]:
    """Release the lease, note when the next attempt is due, and leave an attempt row.

    Returns whether it was recorded (False: the lease was lost, nothing was changed), and when the next attempt is due
    (None: never; the e-mail has to be ended).
    """
    row = Email.objects.filter(pk=email.pk)
    now = leases.moment_now(row) or timezone.now()  # of one that was deleted nothing is recorded
    next_at = _next_attempt_at(email, failure, now)
    recorded = leases.lease_release(
        row,
        token=token,
        next_attempt_at=next_at,
        woken_at=None,
        updated_at=now,
        last_error=_storable(failure.error),
        last_error_kind=failure.kind,
        smtp_reply=failure.reply,
        delivered_to=email.delivered_to,
        refused=email.refused,
    )
    if not recorded:
        logger.warning("email_attempt_after_lease_lost", email_id=email.pk, kind=failure.kind.value)
        return False, None
    _attempt_leave(email, failure, now)
    logger.warning(
        "email_attempt_failed",
        email_id=email.pk,
        attempt=email.attempts,
        kind=failure.kind.value,
        phase=str(failure.phase),
        code=failure.code,
        next_attempt_at=next_at.isoformat() if next_at else None,
    )
    return True, next_at


def _attempt_leave(email: Email, failure: Failure, now: datetime) -> None:
    EmailAttempt.objects.create(
        email=email,
        number=email.attempts,
        kind=failure.kind,
        phase=failure.phase,
        error=_storable(failure.error),
        smtp_code=failure.code or None,
        smtp_reply=failure.reply,
        # Of a worker that is gone the row knows who it was.
        worker=(email.worker or email.lease_owner) if failure.at_once else worker_name(),
        took_ms=failure.took_ms,
        ended_at=now,
    )


def _storable(text: str) -> str:
    """PostgreSQL has no place for NUL, and what an error quotes may hold one."""
    return text.replace("\x00", "")


def _next_attempt_at(email: Email, failure: Failure, now: datetime) -> datetime | None:
    if failure.kind is FailureKind.PERMANENT or _is_used_up(email, failure) or _is_held(email, failure):
        return None
    if failure.at_once:
        return now
    next_at = now + timedelta(
        seconds=backoff_seconds(
            email.attempts,
            base=settings.EMAIL_SENDING_BACKOFF_SECONDS,
            maximum=settings.EMAIL_SENDING_BACKOFF_MAX_SECONDS,
        )
    )
    return None if next_at > _latest_attempt_at(email, now) else next_at


def _is_used_up(email: Email, failure: Failure) -> bool:
    """Whether this was the last attempt that counts."""
    if failure.is_uncounted or email.attempts < settings.EMAIL_SENDING_MAX_ATTEMPTS:
        return False
    uncounted = _failed_since_asked(email).filter(kind=FailureKind.TRANSIENT, phase=Phase.CONNECT).count()
    return bool(email.attempts - uncounted >= settings.EMAIL_SENDING_MAX_ATTEMPTS)


def _is_held(email: Email, failure: Failure) -> bool:
    """Whether a person has to decide, because the server may have the e-mail already."""
    if failure.kind is not FailureKind.UNKNOWN_OUTCOME:
        return False
    if settings.EMAIL_SENDING_UNKNOWN_OUTCOME == UnknownOutcome.HOLD:
        return True
    # A server that takes messages and does not say so would get one more at every attempt. (A worker that was killed is
    # another matter: the next one may live, and the cap bounds it.)
    fell_silent_before = _failed_since_asked(email).filter(kind=FailureKind.UNKNOWN_OUTCOME)
    return not failure.at_once and fell_silent_before.exists()


def _latest_attempt_at(email: Email, now: datetime) -> datetime:
    """Attempts end when the first failure since the e-mail was asked for is too old.

    Not counted from the request itself, for a broker may have been away for days and the e-mail must still go out.
    """
    failed_at = _failed_since_asked(email).values_list("ended_at", flat=True)
    return (failed_at.first() or now) + timedelta(seconds=settings.EMAIL_SENDING_MAX_AGE_SECONDS)


def _failed_since_asked(email: Email) -> QuerySet[EmailAttempt]:
    return email.failed_attempts.filter(ended_at__gte=email.queued_at or email.created_at)
