"""Empties a queue or a kind: ends what nobody has begun."""

from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from styleguide_example.common.leases import UNCLAIMED
from styleguide_example.jobs import batches, ending
from styleguide_example.jobs.enums import WAITING_STATES, ControlAction, ErrorCode, JobState
from styleguide_example.jobs.models import ControlEntry, Job
from styleguide_example.jobs.pauses import control_entry_write, scope_check, target_of
from styleguide_example.jobs.selectors import jobs_waiting

PURGED = ending.Ending(JobState.REVOKED, code=ErrorCode.PURGED, message=_("Staff emptied its queue."))
_NOT_BEGUN = UNCLAIMED & Q(state__in=WAITING_STATES)


def job_purge(
    *, scope: str, name: str, by: Any = None, reason: str = "", batch_size: int = 500, limit: int | None = None
) -> int:
    """End every job of the queue or kind that waits now, in REVOKED with the code PURGED. Returns how many.

    What a worker has claimed, or claims meanwhile, goes on; what is written meanwhile stays. Everything that follows
    from an end follows: a batch counts its parts, an owner is told. Each batch of rows commits for itself, so that no
    lock is held for long. The audit entry is written first and counts along: it is true even of a killed process.

    The messages in the broker are not touched: rows decide, and a message whose row has ended does nothing.

    Args:
        limit: end at most so many, and leave the rest for the next call; None is all.

    Raises:
        QueueUnknownError, JobKindUnknownError: when there is nothing of that name.
    """
    name = scope_check(scope=scope, name=name)
    entry = control_entry_write(action=ControlAction.PURGE, target=target_of(scope, name), reason=reason, by=by)
    waiting = jobs_waiting(scope=scope, name=name).filter(created_at__lte=timezone.now())
    total = 0
    # The parts outside their batch's window first: as long as they are there, so is somebody who opens it for the next.
    parts = waiting.filter(parent__isnull=False)
    for jobs in (parts.filter(next_attempt_at__isnull=True), parts, waiting.filter(parent__isnull=True)):
        while ended := _purge_batch(jobs, batch_size if limit is None else min(batch_size, limit - total)):
            total += ended
            ControlEntry.objects.filter(pk=entry.pk).update(count=F("count") + ended)
    return total


@transaction.atomic
def _purge_batch(jobs: QuerySet[Job], size: int) -> int:
    """End so many of them. 0 when none is left, or others are at work on all that are."""
    # Locked, so that nobody claims them meanwhile; one that somebody else has locked is theirs.
    locked = jobs.select_for_update(skip_locked=True, no_key=True).order_by("priority", "next_attempt_at")
    chosen = list(locked.values_list("pk", "parent_id")[:size])
    alone = [pk for pk, parent in chosen if parent is None]
    parts = [pk for pk, parent in chosen if parent is not None]
    ended = sum(ending.job_end(pk, when=_NOT_BEGUN, ending=PURGED) for pk in alone)
    return ended + _parts_end(parts, Counter(parent for _, parent in chosen if parent is not None))


def _parts_end(parts: list[Any], count_by_parent: Counter[Any]) -> int:
    """End the parts of batches, and count them in their parents: one statement for all, and three for each parent.

    One by one, each end would open the window for another part, and send a message for it.
    """
    if not parts:
        return 0
    ended = Job.objects.filter(_NOT_BEGUN, pk__in=parts).update(
        state=PURGED.state,
        finished_at=Now(),
        next_attempt_at=None,
        updated_at=Now(),
        error_code=PURGED.code,
        error_message=PURGED.message,
    )
    for parent_id, count in sorted(count_by_parent.items()):
        parent = _count_in_parent(parent_id, count)
        if batches.is_complete(parent):
            ending.batch_end(parent)
    return ended


def _count_in_parent(parent_id: Any, count: int) -> Job:
    rows = Job.objects.filter(pk=parent_id)
    rows.filter(state=JobState.PENDING).update(state=JobState.PROGRESS, started_at=Now())
    rows.update(
        children_cancelled=F("children_cancelled") + count,
        progress_current=F("progress_current") + count,
        progress_at=Now(),
    )
    return rows.get()
