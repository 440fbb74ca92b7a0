"""Deletes e-mails that ended long ago, a batch at a time so that no lock is held for long."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import AttachmentContent, Email, EmailAttachment

logger = structlog.get_logger(__name__)


def email_cleanup(*, batch_size: int = 1000) -> int:
    """Delete SENT and CANCELLED e-mails after ``EMAIL_KEEP_ENDED_DAYS``, FAILED ones after ``EMAIL_KEEP_FAILED_DAYS``.

    Attempts and attachments go with them, and attachments' contents that nothing carries any more. An e-mail that has
    not ended is never deleted. Each batch commits for itself. Returns how many e-mails went.
    """
    now = timezone.now()
    old = Q(
        status__in=[EmailStatus.SENT, EmailStatus.CANCELLED],
        ended_at__lt=now - timedelta(days=settings.EMAIL_KEEP_ENDED_DAYS),
    ) | Q(status=EmailStatus.FAILED, ended_at__lt=now - timedelta(days=settings.EMAIL_KEEP_FAILED_DAYS))
    total = 0
    while (deleted := _delete_batch(old, batch_size)) > 0:
        total += deleted
    contents = 0
    while (deleted := _delete_unused(now - timedelta(days=1), batch_size)) > 0:
        contents += deleted
    logger.info("emails_cleaned_up", emails=total, attachment_contents=contents)
    return total


@transaction.atomic
def _delete_batch(old: Q, size: int) -> int:
    # Locked, because Django deletes by key alone: somebody may be asking for one of them again at this moment.
    listed = Email.objects.select_for_update(skip_locked=True).filter(old).order_by("ended_at")
    ids = list(listed.values_list("pk", flat=True)[:size])
    _, deleted = Email.objects.filter(pk__in=ids).only("pk").delete()
    return deleted.get(Email._meta.label, 0)


@transaction.atomic
def _delete_unused(before: datetime, size: int) -> int:
    carried = EmailAttachment.objects.filter(content=OuterRef("pk"))
    listed = AttachmentContent.objects.select_for_update(skip_locked=True).filter(
        ~Exists(carried), last_used_at__lt=before
    )
    ids = list(listed.values_list("pk", flat=True)[:size])
    deleted, _ = AttachmentContent.objects.filter(pk__in=ids).only("pk").delete()
    return deleted
