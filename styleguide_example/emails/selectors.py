"""Questions about e-mails."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from styleguide_example.common.leases import UNCLAIMED
from styleguide_example.emails.enums import WAITING_STATUSES, CancelReason, EmailStatus
from styleguide_example.emails.models import Email


@dataclass(frozen=True)
class BatchCounts:
    """How many e-mails of a batch are where. The clean-up deletes what ended long ago: those are in none of them.

    Cancelled ones are counted by why: ``stopped`` with the batch, ``suppressed`` because the address was by then, and
    ``cancelled`` one by one.
    """

    ready: int = 0
    sending: int = 0
    sent: int = 0
    failed: int = 0
    cancelled: int = 0
    stopped: int = 0
    suppressed: int = 0

    @property
    def waiting(self) -> int:
        """How many may still go out."""
        return self.ready + self.sending

    @property
    def known(self) -> int:
        """How many there are."""
        return self.waiting + self.sent + self.failed + self.cancelled + self.stopped + self.suppressed


def email_get(*, email_id: int) -> Email | None:
    """Return the e-mail, or None when it was deleted meanwhile."""
    return Email.objects.filter(pk=email_id).first()


def email_get_by_key(*, idempotency_key: str) -> Email | None:
    """Return the e-mail that was written with this key, or None."""
    return Email.objects.filter(idempotency_key=idempotency_key).first()


def email_batches_counts(*, batches: Iterable[str]) -> dict[str, BatchCounts]:
    """Return what became of the e-mails of each of ``batches``. One query, which reads one index."""
    counted = Email.objects.filter(batch__in=[*batches]).values_list("batch", "status", "cancel_reason")
    found: dict[str, Counter[str]] = {}
    for batch, status, reason, count in counted.annotate(Count("pk")).order_by():
        name = "suppressed" if reason == CancelReason.SUPPRESSED else "stopped" if reason else status
        found.setdefault(str(batch), Counter())[name] += count
    return {batch: BatchCounts(**counts) for batch, counts in found.items()}


def email_batch_counts(*, batch: str) -> BatchCounts:
    """Return what became of the e-mails of ``batch``. One query, which reads one index."""
    return email_batches_counts(batches=[batch]).get(batch, BatchCounts())


def email_batch_waits(*, batch: str) -> bool:
    """Return whether an e-mail of ``batch`` may still go out. Reads one index."""
    return Email.objects.filter(batch=batch, status__in=WAITING_STATUSES).exists()


def email_batch_failed(*, batch: str) -> QuerySet[Email]:
    """Return the FAILED e-mails of ``batch``, without their bodies, the newest first."""
    failed = Email.objects.filter(batch=batch, status=EmailStatus.FAILED)
    return failed.defer("html", "plain_text").order_by("-pk")


def emails_due() -> QuerySet[Email]:
    """Return the e-mails that should be sent now and that no worker has taken yet. Reads the index ``email_due``."""
    return Email.objects.filter(UNCLAIMED, status=EmailStatus.SENDING, next_attempt_at__lte=Now())
