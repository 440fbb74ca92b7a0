"""Many jobs under one: each child is counted once when it ends, and only a window of them is in the broker.

A child that is not in the window has no due time, so no sweep wakes it. The end of a child opens the window for the
next one in the same transaction: the window neither shrinks nor grows, whatever is killed. Counting costs the same for
each child, however many there are.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_noop as _

from styleguide_example.common.leases import UNCLAIMED
from styleguide_example.jobs.enums import ACTIVE_STATES, WAITING_STATES, ErrorCode, JobState
from styleguide_example.jobs.messages import job_wake_on_commit
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.writing import Draft, parameters_check_size

CHUNK_SIZE = 1000

#: Written, and not in the window: a child that waits or runs keeps the time at which it was due until it has ended.
_CLOSED = Q(next_attempt_at__isnull=True, finished_at__isnull=True)
_COUNTER = {
    JobState.SUCCESS: "children_done",
    JobState.FAILURE: "children_failed",
    JobState.REVOKED: "children_cancelled",
}


def children_write(parent: Job, *, draft: Draft, children: Iterable[Mapping[str, Any]]) -> int:
    """Write the children in chunks, in the caller's transaction, and wake the first of them. Returns how many."""
    window = settings.JOB_BATCH_WINDOW
    total = 0
    for chunk in _chunks(children):
        rows = [_child(parent, draft, parameters, number) for number, parameters in enumerate(chunk, start=total + 1)]
        opened = rows[: max(window - total, 0)]
        for row in opened:
            row.next_attempt_at = row.woken_at = Now()  # the database's clock
        Job.objects.bulk_create(rows)
        for row in opened:
            job_wake_on_commit(row)
        total += len(rows)
    return total


def child_ended(child: Job, *, parent_id: uuid.UUID) -> Job | None:
    """Count a child that has just ended, and let the next one begin. Returns its parent if that was the last one.

    Call it in the transaction in which the child ended: then each is counted once.
    """
    counter = _COUNTER[JobState(child.state)]
    rows = Job.objects.filter(pk=parent_id)
    rows.filter(state=JobState.PENDING).update(state=JobState.PROGRESS, started_at=Now())
    # The update locks the row until the commit, so that of two last children one sees both.
    rows.update(**{counter: F(counter) + 1}, progress_current=F("progress_current") + 1, progress_at=Now())
    parent = rows.get()
    if child.woken_at is not None:  # it was in the window
        _open_next(parent)
    return parent if is_complete(parent) else None


@transaction.atomic
def children_cancel(parent: Job) -> bool:
    """End the children that have not begun, and ask those that run to stop. False when the batch has ended already.

    A child tells nobody and continues nothing, so one statement ends them all. Children are locked before their parent,
    as where one ends.
    """
    children = Job.objects.filter(parent=parent)
    # Asked first: what is asked to stop is not given back to be begun again, so none slips between the two statements.
    children.filter(state__in=ACTIVE_STATES, cancel_requested_at__isnull=True).update(cancel_requested_at=Now())
    ended = children.filter(UNCLAIMED, state__in=WAITING_STATES).update(
        state=JobState.REVOKED,
        finished_at=Now(),
        next_attempt_at=None,
        updated_at=Now(),
        error_code=ErrorCode.CANCELLED,
        error_message=_("Its batch was cancelled."),
    )
    return bool(
        Job.objects.filter(pk=parent.pk, state__in=ACTIVE_STATES).update(
            children_cancelled=F("children_cancelled") + ended,
            progress_current=F("progress_current") + ended,
            cancel_requested_at=Coalesce("cancel_requested_at", Now()),
        )
    )


def is_complete(parent: Job) -> bool:
    """Return whether every child of the batch has ended."""
    ended = parent.children_done + parent.children_failed + parent.children_cancelled
    return parent.is_active and ended >= parent.children_total


def children_counts(parent: Job) -> dict[str, int]:
    """Return the account of a batch, which is its result."""
    return {
        "total": parent.children_total,
        "done": parent.children_done,
        "failed": parent.children_failed,
        "cancelled": parent.children_cancelled,
    }


def windows_refill() -> None:
    """Open the windows of batches in which fewer children are under way than may be; the sweep calls it.

    They are full as long as each end opens the next. One that found all its siblings locked opened none.
    """
    for parent in Job.objects.filter(is_batch=True, finished_at__isnull=True, cancel_requested_at__isnull=True):
        opened = Job.objects.filter(parent=parent, next_attempt_at__isnull=False, finished_at__isnull=True)
        missing = settings.JOB_BATCH_WINDOW - opened.count()
        if missing > 0:
            _open_next(parent, count=missing)


def _open_next(parent: Job, *, count: int = 1) -> None:
    """Make the next children due that are not in the window. Of those that somebody is ending at this moment, none."""
    with transaction.atomic():
        closed = Job.objects.filter(_CLOSED, parent=parent).select_for_update(skip_locked=True, no_key=True)
        # In the order of an index that holds nothing else. In none, or in that of another index, the planner reads all
        # the children that have ended before it comes upon the next.
        opened = list(closed.order_by("updated_at")[:count])
        if opened:
            ids = [child.pk for child in opened]
            Job.objects.filter(_CLOSED, pk__in=ids).update(next_attempt_at=Now(), woken_at=Now())
        for child in opened:
            job_wake_on_commit(child)


def _child(parent: Job, draft: Draft, parameters: Mapping[str, Any], number: int) -> Job:
    parameters_check_size(parameters)
    return Job(
        kind=draft.kind,
        task=draft.task,
        parameters=dict(parameters),
        owner_id=draft.owner_id,
        priority=draft.priority,
        queue=draft.queue,
        timeout_seconds=draft.timeout_seconds,
        parent=parent,
        part_number=number,
    )


def _chunks(children: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    iterator = iter(children)
    while chunk := list(islice(iterator, CHUNK_SIZE)):
        yield chunk
