"""The work on an e-mail that was asked for: send it, record what happened, bring back what a dead worker left.

Everything here is called by a worker and wakes nobody. Each change is a conditional ``UPDATE`` on the status or on the
lease's token, so a call that comes twice, or too late, changes nothing.
"""

import random
import uuid
from dataclasses import dataclass
from typing import TypeGuard

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from styleguide_example.common import leases
from styleguide_example.emails import attempts, connections, suppressions
from styleguide_example.emails.backends import Delivery
from styleguide_example.emails.enums import CancelReason, EmailStatus, FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError, EmailInvalidError, EmailNotClaimedError
from styleguide_example.emails.mime import email_to_message
from styleguide_example.emails.models import Email

logger = structlog.get_logger(__name__)

_SENDING = Q(status=EmailStatus.SENDING)
_EXPIRED = Q(expires_at__lte=Now())


@dataclass(frozen=True)
class _Claim:
    """An e-mail that this worker holds, and the token that proves it."""

    email: Email
    token: uuid.UUID

    @property
    def row(self) -> QuerySet[Email]:
        return Email.objects.filter(pk=self.email.pk)


def email_send(*, email: Email, owner: str = "") -> Email:
    """Claim ``email``, send it over SMTP and record the outcome. Blocks for as long as the server takes.

    Outside any transaction: the claim, the mark before the wire and the record each commit for themselves. However
    often and wherever it is called, an e-mail has one sender at a time, and one that was SENT is never sent again. One
    with a ``batch`` whose address is suppressed by now is not sent: it ends in CANCELLED.

    Args:
        owner: who holds the lease; a task passes its id.

    Raises:
        RuntimeError: called inside a transaction.
        EmailNotClaimedError: nothing was done: it has ended, it is not due, or somebody else has it.
        EmailAttemptFailedError: recorded; the next attempt is due at ``retry_at``.
        EmailGivenUpError: recorded; there is no next attempt, and :func:`email_failed` has to end it.
    """
    claim = _claim(email, owner)
    try:
        if _is_unwanted(claim.email):
            return _suppressed(claim)
        delivery = _deliver(claim)
    except (DatabaseError, InterfaceError):
        raise  # what the database cannot record now, the lease and the sweep end
    except EmailNotClaimedError:
        raise
    except Exception as error:  # whatever it was, the row must say so before it rises
        if _is_the_rest_refused(error, claim):
            delivery = Delivery(reply=error.reply, refused_for_good=error.refused)
        else:
            raise _recorded(claim, error) from error
    try:
        return _delivered(claim, delivery)
    finally:  # after the record, which is what must not be lost
        suppressions.suppress_refused(refused=delivery.refused_for_good)


def email_failed(*, email: Email) -> bool:
    """End ``email`` in FAILED if it has no next attempt and nobody holds it. Returns whether this call did it.

    Safe to call at any time and any number of times.
    """
    return emails_given_up(Email.objects.filter(pk=email.pk)) == 1


def email_attempt_lost(*, email: Email, owner: str) -> None:
    """Release ``email`` from the lease of ``owner``, who cannot go on, as the sweep would when the lease runs out."""
    for held in Email.objects.filter(_SENDING, pk=email.pk, lease_owner=owner, lease_token__isnull=False):
        _release_lost(held)


def email_sweep(*, limit: int | None = None) -> list[Email]:
    """Bring back what was left behind, and return the e-mails that a worker should be woken for.

    Leases that ran out are released, e-mails without a next attempt and expired ones end in FAILED, due ones that
    nobody was woken for lately are returned in the order of priority and due time, at most ``limit``.
    """
    limit = settings.EMAIL_SENDING_SWEEP_LIMIT if limit is None else limit
    sending = Email.objects.filter(_SENDING)
    for held in leases.leases_expired(sending)[: settings.EMAIL_SENDING_SWEEP_LIMIT]:
        _release_lost(held)
    emails_given_up(sending)
    _expired(sending)
    due = leases.rows_to_wake(sending, again_after_seconds=settings.EMAIL_SENDING_WAKE_AGAIN_SECONDS)
    emails = list(due.order_by("priority", "next_attempt_at").only("pk", "priority")[:limit])
    if emails:
        leases.rows_woken(sending, ids=[email.pk for email in emails])
    return emails


def emails_given_up(emails: QuerySet[Email]) -> int:
    """End those of ``emails`` in FAILED that have no next attempt and no holder. Returns how many."""
    ended = emails.filter(_SENDING, leases.UNCLAIMED, next_attempt_at__isnull=True).update(
        status=EmailStatus.FAILED, ended_at=Now(), updated_at=Now()
    )
    if ended:
        logger.error("emails_failed", count=ended, next="see last_error; email_retry sends a failed one again")
    return ended


def _claim(email: Email, owner: str) -> _Claim:
    row = Email.objects.filter(pk=email.pk)
    # Durable: inside somebody's transaction the claim would be seen by nobody, and the network would hold it open.
    with transaction.atomic(durable=True):
        token = leases.lease_claim(
            row.filter(_SENDING).exclude(_EXPIRED),
            owner=owner,
            seconds=settings.EMAIL_SENDING_LEASE_SECONDS,
            on_wire_at=None,
            updated_at=Now(),
        )
    if token is None:
        raise EmailNotClaimedError(
            f"E-mail {email.pk} cannot be sent now: it has ended, is not due, or another worker has it."
        )
    return _Claim(email=row.get(), token=token)


def _is_unwanted(email: Email) -> bool:
    """Whether its readers want no e-mail written to many. Of one that is written to them alone nobody asks."""
    return email.batch is not None and suppressions.are_all_suppressed(addresses=[*email.to, *email.cc, *email.bcc])


def _suppressed(claim: _Claim) -> Email:
    """End an e-mail that nobody wants any more: nothing of it was on the wire in this attempt."""
    recorded = leases.lease_release(
        claim.row,
        token=claim.token,
        status=EmailStatus.CANCELLED,
        cancel_reason=CancelReason.SUPPRESSED,
        ended_at=Now(),
        updated_at=Now(),
        next_attempt_at=None,
    )
    if not recorded:
        raise EmailNotClaimedError(f"E-mail {claim.email.pk}: the lease was lost before the wire; nothing was sent.")
    logger.info("email_suppressed", email_id=claim.email.pk)
    claim.email.refresh_from_db()
    return claim.email


def _deliver(claim: _Claim) -> Delivery:
    """Everything that can fail without a trace is done first; the mark is the last thing before the wire."""
    message = email_to_message(claim.email)
    _fail_on_purpose()
    connections.connection_ensure()
    if not leases.lease_extend(
        claim.row, token=claim.token, seconds=settings.EMAIL_SENDING_LEASE_SECONDS, on_wire_at=Now()
    ):
        raise EmailNotClaimedError(f"E-mail {claim.email.pk}: the lease was lost before the wire; nothing was sent.")
    return connections.message_send(message)


def _delivered(claim: _Claim, delivery: Delivery) -> Email:
    email = claim.email
    email.delivered_to = [*email.delivered_to, *delivery.accepted]
    email.refused = {**email.refused, **delivery.refused_for_good}
    if delivery.refused_for_now:
        raise attempts.attempt_failed(
            email,
            token=claim.token,
            failure=attempts.Failure(
                kind=FailureKind.TRANSIENT,
                phase=Phase.ENVELOPE,
                error=f"Sent, but not to {len(delivery.refused_for_now)} of its recipients yet.",
                reply=next(iter(delivery.refused_for_now.values())),
            ),
        )
    recorded = leases.lease_release(
        claim.row,
        token=claim.token,
        status=EmailStatus.SENT,
        sent_at=Now(),
        ended_at=Now(),
        updated_at=Now(),
        next_attempt_at=None,
        smtp_reply=delivery.reply,
        delivered_to=email.delivered_to,
        refused=email.refused,
        last_error="",
        last_error_kind="",
    )
    if not recorded:
        logger.warning("email_sent_after_lease_lost", email_id=email.pk)
        raise EmailNotClaimedError(f"E-mail {email.pk} was sent, but the lease was lost: its successor records it.")
    logger.info("email_sent", email_id=email.pk, attempt=email.attempts, refused=len(email.refused))
    email.refresh_from_db()
    return email


def _is_the_rest_refused(error: Exception, claim: _Claim) -> TypeGuard[DeliveryError]:
    """Whether an e-mail that reached some of its recipients earlier has now heard no from all the others."""
    is_no = isinstance(error, DeliveryError) and error.kind is FailureKind.PERMANENT and bool(error.refused)
    return is_no and bool(claim.email.delivered_to)


def _recorded(claim: _Claim, error: Exception) -> Exception:
    """Record the failed attempt. Returns what the caller of :func:`email_send` should be told."""
    if isinstance(error, DeliveryError):
        failure = attempts.Failure(
            kind=error.kind, phase=error.phase, error=str(error), code=error.code, reply=error.reply
        )
        claim.email.refused = {**claim.email.refused, **error.refused}
    elif isinstance(error, SoftTimeLimitExceeded):
        failure = attempts.Failure(kind=FailureKind.TRANSIENT, error="The soft time limit of the task was reached.")
    elif isinstance(error, EmailInvalidError):
        failure = attempts.Failure(kind=FailureKind.PERMANENT, error=str(error))
    else:
        logger.error("email_send_bug", email_id=claim.email.pk, exc_info=error)
        failure = attempts.Failure(kind=FailureKind.BUG, error=f"{type(error).__name__}: {error}")
    outcome = attempts.attempt_failed(claim.email, token=claim.token, failure=failure)
    if isinstance(error, DeliveryError):
        suppressions.suppress_refused(refused=error.refused)
    return outcome


def _release_lost(email: Email) -> None:
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


def _expired(sending: QuerySet[Email]) -> None:
    expired = sending.filter(_EXPIRED, leases.UNCLAIMED).update(
        status=EmailStatus.FAILED,
        ended_at=Now(),
        updated_at=Now(),
        next_attempt_at=None,
        last_error="Expired before it could be sent.",
        last_error_kind=FailureKind.PERMANENT,
    )
    if expired:
        logger.warning("emails_expired", count=expired)


def _fail_on_purpose() -> None:
    """For demonstrations and tests: ``EMAIL_SENDING_FAILURE_TRIGGER``; production's deploy check refuses it."""
    if settings.EMAIL_SENDING_FAILURE_TRIGGER and random.random() < settings.EMAIL_SENDING_FAILURE_RATE:  # noqa: S311
        raise DeliveryError(
            "Failed on purpose (EMAIL_SENDING_FAILURE_TRIGGER).", kind=FailureKind.TRANSIENT, phase=Phase.ENVELOPE
        )
