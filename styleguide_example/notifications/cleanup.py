"""Deletes notifications of long ago, a batch at a time so that no lock is held for long."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from styleguide_example.notifications.models import Notification

logger = structlog.get_logger(__name__)


def notification_cleanup(*, batch_size: int = 1000) -> int:
    """Delete read ones after ``NOTIFICATION_KEEP_READ_DAYS`` and all others after ``NOTIFICATION_KEEP_DAYS``.

    Each batch commits for itself. Returns how many went.
    """
    now = timezone.now()
    old = Q(read_at__lt=now - timedelta(days=settings.NOTIFICATION_KEEP_READ_DAYS)) | Q(
        last_at__lt=now - timedelta(days=settings.NOTIFICATION_KEEP_DAYS)
    )
    total = 0
    while (deleted := _delete_batch(old, batch_size)) > 0:
        total += deleted
    logger.info("notifications_cleaned_up", notifications=total)
    return total


def _delete_batch(old: Q, size: int) -> int:
    # The condition stands in the DELETE too: one that was counted up since it was listed stays.
    ids = list(Notification.objects.filter(old).order_by("pk").values_list("pk", flat=True)[:size])
    deleted, _ = Notification.objects.filter(old, pk__in=ids).delete()
    return deleted
