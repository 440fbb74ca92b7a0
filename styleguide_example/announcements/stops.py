"""A person's wish that nothing more of an announcement goes out: how it is written, heeded, and withdrawn.

The wish is a column of the announcement's row (``stopped_at``). Each transaction that writes a batch, or cancels one,
changes or locks that row, so what is written before the wish is found by what cancels, and nothing is written after it.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from styleguide_example.announcements.models import Announcement
from styleguide_example.common.persistence import persistent
from styleguide_example.emails.bulk import email_batch_cancel, email_batch_resume
from styleguide_example.emails.selectors import email_batch_counts


def stop_ask(announcement: Announcement) -> datetime:
    """Write the wish, after the batch that is being written. Returns when it was: the wish's name."""
    now = timezone.now()
    Announcement.objects.filter(pk=announcement.pk).update(stopped_at=now, updated_at=now)
    return now


def emails_stop(announcement: Announcement, *, wish: datetime) -> int:
    """Cancel its e-mails that wait, some hundreds in a transaction, while the wish stands. Returns how many."""
    total = 0
    while stopped := _some_stop(announcement, wish):
        total += stopped
    return total


def stop_withdraw_if_late(announcement: Announcement, *, wish: datetime) -> bool:
    """Forget the wish where everything is written and nothing was left to stop. Returns whether that was so."""
    if email_batch_counts(batch=announcement.batch).stopped:
        return False
    late = Announcement.objects.filter(pk=announcement.pk, stopped_at=wish, sent_at__isnull=False)
    return late.update(stopped_at=None, updated_at=timezone.now()) == 1


@transaction.atomic
def go_on(announcement: Announcement) -> bool:
    """Forget the wish, and ask for the e-mails that it stopped. Returns whether there was one."""
    stopped = Announcement.objects.filter(pk=announcement.pk, stopped_at__isnull=False)
    if not stopped.update(stopped_at=None, updated_at=timezone.now()):
        return False
    email_batch_resume(batch=announcement.batch)
    return True


@persistent
@transaction.atomic
def _some_stop(announcement: Announcement, wish: datetime) -> int:
    # Locked: whoever resumes it meanwhile does so before or after these, and the wish is gone after that.
    held = Announcement.objects.select_for_update(no_key=True).filter(pk=announcement.pk, stopped_at=wish)
    return email_batch_cancel(batch=announcement.batch) if held.values_list("pk").first() else 0
