"""Deletes e-mails that ended long ago, a batch at a time so that no lock is held for long."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import AttachmentContent, Email

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
    while ids := list(Email.objects.filter(old).order_by("ended_at").values_list("pk", flat=True)[:batch_size]):
        # Asked again: it may have been retried since it was listed.
        Email.objects.filter(old, pk__in=ids).delete()
        total += len(ids)
    contents, _ = AttachmentContent.objects.filter(
        attachments__isnull=True, last_used_at__lt=now - timedelta(days=1)
    ).delete()
    logger.info("emails_cleaned_up", emails=total, attachment_contents=contents)
    return total
