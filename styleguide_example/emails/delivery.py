"""The work on one e-mail that was asked for: send it, and bring back what a dead worker left.

Everything here is called by a worker and wakes nobody. Each change is a conditional ``UPDATE`` on the status or on the
lease's token, so a call that comes twice, or too late, changes nothing. Many at once: :mod:`~.bursts`.
"""

import random
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from styleguide_example.common import leases
from styleguide_example.emails import connections, limits, outcomes
from styleguide_example.emails.claims import SUSPECT, Holding, email_claim_plain, emails_release, worker_name
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.enums import EmailStatus, FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError, EmailNotClaimedError
from styleguide_example.emails.mime import Message, address_bare, email_to_message
from styleguide_example.emails.models import WORKER_MAX_LENGTH, Email
from styleguide_example.emails.slowdowns import is_too_much

logger = structlog.get_logger(__name__)

_SENDING = Q(status=EmailStatus.SENDING)
_EXPIRED = Q(expires_at__lte=Now())
#: One that may not go out for longer than this is given back with that time, so that it is in nobody's way.
HOLD_SECONDS = 1.0


@dataclass(frozen=True)
class LeftBehind:
    """What a sweep found: e-mails to be woken one by one, and whether a burst has something to do."""

    emails: list[Email] = field(default_factory=list)
    is_burst: bool = False


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
    email_send_by_id(email_id=email.pk, owner=owner)
    email.refresh_from_db()
    return email


def email_send_by_id(*, email_id: int, owner: str) -> None:
    """The same for a task, which has nothing but the key: what need not be read is not."""
    holding = _claim(email_id, owner)
    try:
        delivery = None if outcomes.unwanted_among([holding.email]) else _deliver(holding)
    except (DatabaseError, InterfaceError, EmailNotClaimedError):
        raise  # what the database cannot record now, the lease and the sweep end
    except DeliveryError as error:
        if (outcome := outcomes.failed(holding, error)) is not None:
            raise outcome from None  # what the server said is in the row, and need not be in a traceback
    except Exception as error:  # whatever it was, the row must say so before it rises
        if (outcome := outcomes.failed(holding, error)) is not None:
            raise outcome from error
    else:
        if delivery is None:
            outcomes.suppressed(holding)
        else:
            outcomes.delivered(holding, delivery)


def email_failed(*, email: Email) -> bool:
    """End ``email`` in FAILED if it has no next attempt and nobody holds it. Returns whether this call did it.

    Safe to call at any time and any number of times.
    """
    return bool(outcomes.given_up(Email.objects.filter(pk=email.pk)))


def emails_lost(*, owner: str) -> None:
    """Release what ``owner`` holds, who cannot go on, as the sweep would when the leases run out."""
    for held in Email.objects.filter(_SENDING, lease_owner=owner, lease_token__isnull=False):
        outcomes.lost(held)


def email_sweep(*, limit: int | None = None) -> LeftBehind:
    """Bring back what was left behind, and return the e-mails that a worker should be woken for.

    Leases that ran out are released, e-mails without a next attempt and expired ones end in FAILED. Due ones that
    nobody was woken for lately are returned in the order of priority and due time, at most ``limit``; when they are
    more than ``EMAIL_SENDING_BURST_FROM``, it is a burst's work, and only those are returned that must be sent alone.
    """
    limit = settings.EMAIL_SENDING_SWEEP_LIMIT if limit is None else limit
    sending = Email.objects.filter(_SENDING)
    for held in leases.leases_expired(sending)[: settings.EMAIL_SENDING_SWEEP_LIMIT]:
        outcomes.lost(held)
    outcomes.given_up(sending)
    _expired(sending)
    due = leases.rows_to_wake(sending, again_after_seconds=settings.EMAIL_SENDING_WAKE_AGAIN_SECONDS)
    is_burst = _are_many(due.exclude(SUSPECT))
    alone = due.filter(SUSPECT) if is_burst else due
    emails = list(alone.order_by("priority", "next_attempt_at").only("pk", "priority")[:limit])
    if emails:
        leases.rows_woken(sending, ids=[email.pk for email in emails])
    return LeftBehind(emails=emails, is_burst=is_burst)


def _are_many(due: QuerySet[Email]) -> bool:
    first = due.order_by("priority", "next_attempt_at").values("pk")
    return bool(first[: settings.EMAIL_SENDING_BURST_FROM + 1].count() > settings.EMAIL_SENDING_BURST_FROM)


def _claim(email_id: int, owner: str) -> Holding:
    """Claim, and when nothing stands between the claim and the wire, mark in the same breath: one commit, not two."""
    holding = email_claim_plain(email_id=email_id, owner=owner) if _goes_at_once() else None
    if holding is not None:
        return holding
    row = Email.objects.filter(pk=email_id)
    token = _lease(row, owner)
    if token is None:
        raise EmailNotClaimedError(
            f"E-mail {email_id} cannot be sent now: it has ended, is not due, or another worker has it."
        )
    return Holding(email=row.get(), token=token)


def _goes_at_once() -> bool:
    """Whether only the building of its message stands between a plain e-mail and the wire."""
    is_free = not settings.EMAIL_LIMITS and limits.gate().closed_until(connections.DEFAULT_SERVER) is None
    return is_free and connections.connection_is_ready()


def _lease(row: QuerySet[Email], owner: str) -> uuid.UUID | None:
    # Durable: inside somebody's transaction the claim would be seen by nobody, and the network would hold it open.
    with transaction.atomic(durable=True):
        return leases.lease_claim(
            row.filter(_SENDING).exclude(_EXPIRED),
            owner=owner,
            seconds=settings.EMAIL_SENDING_LEASE_SECONDS,
            claimed_at=Now(),
            worker=worker_name(),
            task_id=owner[:WORKER_MAX_LENGTH],
            on_wire_at=None,
            updated_at=Now(),
        )


def _deliver(holding: Holding) -> Delivery:
    """Everything that can fail without a trace is done first; the mark is the last thing before the wire."""
    email = holding.email
    message = message_build(email, has_files=not holding.is_plain)
    gate = limits.gate()
    server, domains = gate.route(email.server or connections.DEFAULT_SERVER), recipient_domains(email)
    _wait_for_admission(holding, gate, server, domains)
    # A plain one was marked a moment ago; should it have to connect first, that is long ago.
    is_marked = holding.is_plain and connections.connection_is_ready(server)
    try:
        connections.connection_ensure(server)
        if not is_marked:
            _mark(holding)
        delivery = connections.message_send(message, server)
    except DeliveryError as error:
        hear(gate, server, domains, error)
        raise
    else:
        hear(gate, server, domains, None)
        hear_partly(gate, server, delivery)
        return delivery
    finally:
        gate.ended(server, domains)


def _mark(holding: Holding) -> None:
    lease = settings.EMAIL_SENDING_LEASE_SECONDS
    if not leases.lease_extend(holding.row, token=holding.token, seconds=lease, on_wire_at=Now()):
        raise EmailNotClaimedError(f"E-mail {holding.email.pk}: the lease was lost before the wire; nothing was sent.")


def message_build(email: Email, *, has_files: bool = True) -> Message:
    """Build the message, to the last byte where it goes out by SMTP. Without ``has_files`` nobody asks for them.

    Raises:
        EmailInvalidError: the row holds what cannot be a message.
    """
    message = email_to_message(email, attachments=None if has_files else ())
    message.payload()
    _fail_on_purpose()
    return message


def recipient_domains(email: Email) -> tuple[str, ...]:
    """Return the domains that ``email`` goes to, each once, in the ASCII form that SMTP speaks."""
    addresses = [*email.to, *email.cc, *email.bcc]
    bare = [address if address.isascii() else address_bare(address) for address in addresses]
    return tuple(dict.fromkeys(address.rpartition("@")[2].rstrip("> ").lower() for address in bare))


@contextmanager
def _as_far_as_the_database_is_there() -> Iterator[None]:
    """What others should know must not keep the outcome of the e-mail itself from being recorded."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        logger.warning("email_server_not_told", error=type(error).__name__)  # its text may hold a person's domain


@_as_far_as_the_database_is_there()
def hear(gate: limits.Gate, server: str, domains: Sequence[str], error: Exception | None) -> None:
    """Let everybody know what the end of a conversation says about the server, and not only about one e-mail."""
    if error is None:
        gate.reached(server)
    elif isinstance(error, DeliveryError):
        if error.phase == Phase.CONNECT and not _asks_for_patience(error):
            gate.unreachable(server)
        elif error.code:
            gate.reached(server)
            gate.slowed(server, domains if error.is_about_recipients else (), error.reply)


def _asks_for_patience(error: DeliveryError) -> bool:
    """Whether a server that did not let us in is well and has too much (RFC 5321 4.2.2), and not out of order for us.

    454 is another matter: TLS or the sign-in does not work just now (RFC 3207 4, RFC 4954 6), so its fallback may.
    """
    return is_too_much(error.reply) and error.code != 454


@_as_far_as_the_database_is_there()
def hear_partly(gate: limits.Gate, server: str, delivery: Delivery) -> None:
    """The same of recipients that were refused for now, while others of the same message were not."""
    for recipient, reply in delivery.refused_for_now.items():
        gate.slowed(server, [recipient.rpartition("@")[2].lower()], reply)


def _wait_for_admission(holding: Holding, gate: limits.Gate, server: str, domains: Sequence[str]) -> None:
    """Wait a moment for a connection and an allowance; if that takes longer, the e-mail is given back until then.

    Raises:
        EmailNotClaimedError: it was given back.
    """
    deadline = time.monotonic() + HOLD_SECONDS
    while True:
        if gate.connections(server, 1):
            at = gate.admit(server, domains)
            if at is None:
                return
        else:
            at = gate.moment_in(HOLD_SECONDS)
        seconds = gate.seconds_until(at)
        if time.monotonic() + seconds > deadline:
            emails_release([holding], retry_at=at)
            raise EmailNotClaimedError(f"E-mail {holding.email.pk}: its server may get no more before {at:%H:%M:%S}.")
        time.sleep(max(seconds, 0.01))


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
