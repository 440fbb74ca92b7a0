"""The words of an e-mail's life."""

from django.db import models


class EmailStatus(models.TextChoices):
    """Where an e-mail is in its life (docs/decisions/0002)."""

    READY = "ready", "Ready"  # written, not asked for
    SENDING = "sending", "Sending"  # asked for: it must end
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


#: It may still go out.
WAITING_STATUSES = (EmailStatus.READY, EmailStatus.SENDING)


class FailureKind(models.TextChoices):
    """Why an attempt failed, by what can be done about it."""

    TRANSIENT = "transient", "For now: trying again can help"
    PERMANENT = "permanent", "For good: the server or the message will not change its mind"
    UNKNOWN_OUTCOME = "unknown_outcome", "Nobody can know whether the server took it"
    LOST = "lost", "The worker died or lost its lease before anything was on the wire"
    BUG = "bug", "An error that nobody foresaw"


class Phase(models.TextChoices):
    """How far the conversation with the server had come."""

    CONNECT = "connect", "Connecting, greeting, TLS, sign-in"
    ENVELOPE = "envelope", "Sender and recipients"
    DATA = "data", "Sending the message"
    AFTER_DATA = "after_data", "Waiting for the answer to the whole message"


class UnknownOutcome(models.TextChoices):
    """The values of ``EMAIL_SENDING_UNKNOWN_OUTCOME``."""

    RESEND = "resend", "Send it again: it may arrive twice, with one Message-ID"
    HOLD = "hold", "Hold it in FAILED for a person to decide"


class CancelReason(models.TextChoices):
    """Why an e-mail was cancelled, where it was not a person who cancelled this one."""

    STOPPED = "stopped", "Its batch was stopped; resuming the batch asks for it again"
    SUPPRESSED = "suppressed", "Its address unsubscribed, or is refused"


class SuppressionReason(models.TextChoices):
    """Why an address gets no e-mail written to many."""

    UNSUBSCRIBED = "unsubscribed", "Its reader unsubscribed"
    BOUNCED = "bounced", "The mail server refused it for good"
    BY_HAND = "by_hand", "Somebody of the staff added it"
