"""The words of an announcement's life."""

from django.db import models


class AnnouncementStatus(models.TextChoices):
    """Where an announcement is in its life. Derived from row, job and e-mails, never stored: they cannot disagree."""

    DRAFT = "draft", "Draft"  # its text may change
    SENDING = "sending", "Sending"  # its job waits or runs: e-mails are being written
    GOING_OUT = "going_out", "Going out"  # all are written, and some of them wait
    SENT = "sent", "Sent"  # every recipient has been dealt with, and nothing waits
    CANCELLED = "cancelled", "Cancelled"  # stopped by a person; may be resumed
    FAILED = "failed", "Stopped by an error"  # may be resumed


#: The sending can be taken up again where it stopped.
RESUMABLE_STATUSES = (AnnouncementStatus.CANCELLED, AnnouncementStatus.FAILED)


class SkipReason(models.TextChoices):
    """Why somebody of the audience gets no e-mail."""

    SUPPRESSED = "suppressed", "Unsubscribed, or the address is refused"
    INVALID = "invalid", "The address cannot be written to"
