"""Deletes what the API keeps for a while, a batch at a time so that no lock is held for long."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from styleguide_example.api.models import ApiToken, IdempotentRequest

logger = structlog.get_logger(__name__)


def api_cleanup(*, batch_size: int = 1000) -> int:
    """Delete answers after ``API_IDEMPOTENCY_KEEP_HOURS``, and tokens ``API_TOKEN_KEEP_DAYS`` after their end.

    Each batch commits for itself; doing it twice is harmless. Returns how many rows went.
    """
    now = timezone.now()
    answered_before = now - timedelta(hours=settings.API_IDEMPOTENCY_KEEP_HOURS)
    ended_before = now - timedelta(days=settings.API_TOKEN_KEEP_DAYS)
    answers = _delete(IdempotentRequest.objects.filter(created_at__lt=answered_before), batch_size)
    ended = Q(expires_at__lt=ended_before) | Q(revoked_at__lt=ended_before)
    credentials = _delete(ApiToken.objects.filter(ended), batch_size)
    logger.info("api_cleaned_up", answers=answers, credentials=credentials)
    return answers + credentials


def _delete(old: QuerySet[models.Model], batch_size: int) -> int:
    total = 0
    while ids := list(old.values_list("pk", flat=True)[:batch_size]):
        total += old.model._default_manager.filter(pk__in=ids).delete()[0]
    return total
