"""Deletes jobs that ended long ago, and old audit entries, a batch at a time so that no lock is held for long."""

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from styleguide_example.jobs.enums import ACTIVE_STATES, JobState
from styleguide_example.jobs.models import ControlEntry, Job

logger = structlog.get_logger(__name__)

#: What staff did by force is kept longer than what it was done to.
CONTROL_ENTRIES_KEEP_DAYS = 365


def job_cleanup(*, batch_size: int = 1000) -> int:
    """Delete SUCCESS and REVOKED jobs after ``JOB_KEEP_DAYS``, FAILURE ones after ``JOB_KEEP_FAILED_DAYS``.

    The parts of a batch go when the batch does, however they ended: they explain its counters. What waits or runs is
    never deleted. What was to come after a deleted job goes with it: nobody can retry it any more. Each batch of rows
    commits for itself. Returns how many jobs went.
    """
    now = timezone.now()
    old = Q(
        state__in=[JobState.SUCCESS, JobState.REVOKED], finished_at__lt=now - timedelta(days=settings.JOB_KEEP_DAYS)
    ) | Q(state=JobState.FAILURE, finished_at__lt=now - timedelta(days=settings.JOB_KEEP_FAILED_DAYS))
    total = 0
    while deleted := _delete_batch(old & Q(parent__isnull=True), batch_size):
        total += deleted
    logger.info("jobs_cleaned_up", jobs=total, control_entries=_delete_control_entries(batch_size))
    return total


@transaction.atomic
def _delete_batch(old: Q, size: int) -> int:
    """Delete so many old jobs. A batch goes last, when no part of it is left; until then its parts go."""
    at_work = Job.objects.filter(parent=OuterRef("pk"), state__in=ACTIVE_STATES)
    # Locked, because Django deletes by key alone: somebody may be retrying one of them at this moment.
    listed = Job.objects.select_for_update(skip_locked=True).filter(old, ~Exists(at_work)).order_by("finished_at", "pk")
    chosen = list(listed.values_list("pk", "is_batch")[:size])
    keys = [pk for pk, is_batch in chosen if not is_batch]
    for batch in (pk for pk, is_batch in chosen if is_batch):
        room = size - len(keys)
        keys += Job.objects.filter(parent=batch).values_list("pk", flat=True)[: max(room, 0)]
        if len(keys) >= size:
            break
        keys.append(batch)
    return _delete(Job.objects.filter(pk__in=keys))


def _delete_control_entries(size: int) -> int:
    before = timezone.now() - timedelta(days=CONTROL_ENTRIES_KEEP_DAYS)
    old = ControlEntry.objects.filter(done_at__lt=before).order_by("done_at")
    total = 0
    while deleted := _delete(ControlEntry.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:size]))):
        total += deleted
    return total


def _delete(rows: QuerySet[Any]) -> int:
    """Delete them and what belongs to them; only the former are counted."""
    _, deleted = rows.only("pk").delete()
    return deleted.get(rows.model._meta.label, 0)
