"""What became of an attempt, written to the row. The same for one that was sent alone and for one in a burst."""

from collections.abc import Iterable
from contextlib import suppress
from email.utils import parseaddr

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import QuerySet
from django.db.models.functions import Now

from styleguide_example.common import leases
from styleguide_example.emails import attempts, suppressions
from styleguide_example.emails.claims import Holding
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.enums import CancelReason, EmailStatus, FailureKind, Phase
from styleguide_example.emails.exceptions import (
    DeliveryError,
    EmailAttemptFailedError,
    EmailGivenUpError,
    EmailInvalidError,
    EmailNotClaimedError,
)
from styleguide_example.emails.models import Email

logger = structlog.get_logger(__name__)


def delivered(holding: Holding, delivery: Delivery) -> None:
    """Record that the server took the e-mail: for everybody, or for some of its recipients so far.

    Raises:
        EmailAttemptFailedError, EmailGivenUpError: some were refused for now.
        EmailNotClaimedError: the lease was lost meanwhile; a successor records it.
    """
    try:
        if delivery.refused_for_now:
            raise _partly(holding, delivery)
        _sent(holding, delivery)
    finally:  # after the record, which is what must not be lost
        suppressions.suppress_refused(refused=delivery.refused_for_good)


def delivered_and_ended(holding: Holding, delivery: Delivery) -> None:
    """The same for whoever has no ``on_failure``: the row says how it went, or the row of a successor does."""
    with suppress(EmailAttemptFailedError, EmailNotClaimedError):
        try:
            delivered(holding, delivery)
        except EmailGivenUpError:
            given_up(holding.row)


def failed(holding: Holding, error: Exception) -> Exception | None:
    """Record a failed attempt. Returns what the caller should be told; None when the e-mail is SENT all the same.

    That is so when it reached some of its recipients earlier and has now heard no from all the others.
    """
    if _is_the_rest_refused(holding, error):
        rest = Delivery(reply=error.reply, refused_for_good=error.refused, took_ms=error.took_ms)  # type: ignore[attr-defined]
        delivered(holding, rest)
        return None
    if isinstance(error, DeliveryError):
        holding.email.refused = {**holding.email.refused, **error.refused}
    outcome = attempts.attempt_failed(holding.email, token=holding.token, failure=_failure(holding.email, error))
    if isinstance(error, DeliveryError):
        suppressions.suppress_refused(refused=error.refused)
    return outcome


def failed_and_ended(holding: Holding, error: Exception) -> None:
    """Record a failed attempt, and end the e-mail if it was the last: for whoever has no ``on_failure``."""
    if isinstance(failed(holding, error), EmailGivenUpError):
        given_up(holding.row)


def suppressed(holding: Holding) -> None:
    """End an e-mail that nobody wants any more: nothing of it was on the wire in this attempt.

    Raises:
        EmailNotClaimedError: the lease was lost meanwhile.
    """
    recorded = leases.lease_release(
        holding.row,
        token=holding.token,
        status=EmailStatus.CANCELLED,
        cancel_reason=CancelReason.SUPPRESSED,
        ended_at=Now(),
        updated_at=Now(),
        next_attempt_at=None,
    )
    if not recorded:
        raise EmailNotClaimedError(f"E-mail {holding.email.pk}: the lease was lost before the wire; nothing was sent.")
    logger.info("email_suppressed", email_id=holding.email.pk)


def unwanted_among(emails: Iterable[Email]) -> set[int]:
    """Return the keys of those of ``emails`` whose readers want no e-mail written to many. At most one query.

    Of one that is written to its readers alone nobody asks.
    """
    readers = {email.pk: _readers(email) for email in emails if email.batch is not None}
    addresses = set().union(*readers.values())
    listed = suppressions.suppressed_among(addresses=addresses) if addresses else set()
    return {pk for pk, of_email in readers.items() if of_email and of_email <= listed}


def _readers(email: Email) -> set[str]:
    """The bare addresses; what is no text is not among them, and no message can be built with it."""
    addresses = [*email.to, *email.cc, *email.bcc]
    return {parseaddr(address)[1] for address in addresses if isinstance(address, str)}


def lost(email: Email) -> None:
    """End the attempt of a worker that is gone. Whether the e-mail was on the wire decides what is known."""
    on_wire = email.on_wire_at is not None
    failure = attempts.Failure(
        kind=FailureKind.UNKNOWN_OUTCOME if on_wire else FailureKind.LOST,
        phase=Phase.AFTER_DATA if on_wire else Phase.CONNECT,
        error="The worker died or lost its lease " + ("while sending." if on_wire else "before sending."),
        at_once=True,
    )
    token = email.lease_token
    if token is not None:
        attempts.attempt_record(email, token=token, failure=failure)


def given_up(emails: QuerySet[Email]) -> int:
    """End those of ``emails`` in FAILED that have no next attempt and no holder. Returns how many."""
    ended: int = emails.filter(leases.UNCLAIMED, status=EmailStatus.SENDING, next_attempt_at__isnull=True).update(
        status=EmailStatus.FAILED, ended_at=Now(), updated_at=Now()
    )
    if ended:
        logger.error("emails_failed", count=ended, next="see last_error; email_retry sends a failed one again")
    return ended


def _sent(holding: Holding, delivery: Delivery) -> None:
    email = holding.email
    recorded = leases.lease_release(
        holding.row,
        token=holding.token,
        status=EmailStatus.SENT,
        sent_at=Now(),
        ended_at=Now(),
        updated_at=Now(),
        next_attempt_at=None,
        took_ms=delivery.took_ms,
        smtp_reply=delivery.reply,
        delivered_to=[*email.delivered_to, *delivery.accepted],
        refused={**email.refused, **delivery.refused_for_good},
        last_error="",
        last_error_kind="",
    )
    if not recorded:
        logger.warning("email_sent_after_lease_lost", email_id=email.pk)
        raise EmailNotClaimedError(f"E-mail {email.pk} was sent, but the lease was lost: its successor records it.")
    logger.info("email_sent", email_id=email.pk, attempt=email.attempts, refused=len(delivery.refused_for_good))


def _partly(holding: Holding, delivery: Delivery) -> Exception:
    email = holding.email
    email.delivered_to = [*email.delivered_to, *delivery.accepted]
    email.refused = {**email.refused, **delivery.refused_for_good}
    failure = attempts.Failure(
        kind=FailureKind.TRANSIENT,
        phase=Phase.ENVELOPE,
        error=f"Sent, but not to {len(delivery.refused_for_now)} of its recipients yet.",
        reply=next(iter(delivery.refused_for_now.values())),
        took_ms=delivery.took_ms,
    )
    return attempts.attempt_failed(email, token=holding.token, failure=failure)


def _is_the_rest_refused(holding: Holding, error: Exception) -> bool:
    is_no = isinstance(error, DeliveryError) and error.kind is FailureKind.PERMANENT and bool(error.refused)
    return is_no and bool(holding.email.delivered_to)


def _failure(email: Email, error: Exception) -> attempts.Failure:
    if isinstance(error, DeliveryError):
        return attempts.Failure(
            kind=error.kind,
            phase=error.phase,
            error=str(error),
            code=error.code,
            reply=error.reply,
            took_ms=error.took_ms,
        )
    if isinstance(error, SoftTimeLimitExceeded):
        return attempts.Failure(kind=FailureKind.TRANSIENT, error="The soft time limit of the task was reached.")
    if isinstance(error, EmailInvalidError):
        return attempts.Failure(kind=FailureKind.PERMANENT, error=str(error))
    logger.error("email_send_bug", email_id=email.pk, exc_info=error)
    return attempts.Failure(kind=FailureKind.BUG, error=f"{type(error).__name__}: {error}")
