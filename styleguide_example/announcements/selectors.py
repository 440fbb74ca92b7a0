"""Questions about announcements."""

from dataclasses import dataclass

from django.db.models import QuerySet

from styleguide_example.announcements.enums import SkipReason
from styleguide_example.announcements.models import Announcement, AnnouncementSkip
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import email_batch_counts, email_batch_failed


@dataclass(frozen=True)
class Account:
    """What became of an announcement, counted in people.

    ``recipients`` is the audience as it was when the sending began, ``dealt_with`` how many of them were dealt with by
    now. Of those ``written``, the other counts say where the e-mails are; ``deleted`` ones ended so long ago that the
    clean-up took them, and nobody can say how. ``suppressed`` are those who were skipped, and those who left, or whose
    address was refused, between the writing and the sending.
    """

    recipients: int
    dealt_with: int
    to_do: int
    written: int
    suppressed: int
    invalid: int
    sent: int
    failed: int
    waiting: int
    cancelled: int
    deleted: int

    @property
    def to_go(self) -> int:
        """How many have not gone out and still may: those that wait, and those that are not written yet."""
        return self.waiting + self.to_do

    @property
    def goal(self) -> int:
        """Of how many e-mails ``sent`` is a part: of all that are written and are to be written."""
        return self.written + self.to_do


def announcement_list() -> QuerySet[Announcement]:
    """Return all announcements with their jobs, the newest first."""
    return Announcement.objects.select_related("job", "created_by").order_by("-pk")


def announcement_get(*, announcement_id: int) -> Announcement | None:
    """Return the announcement with its job, or None when there is none."""
    return Announcement.objects.select_related("job").filter(pk=announcement_id).first()


def announcement_account(*, announcement: Announcement) -> Account:
    """Return what became of it, in two queries however many recipients it has."""
    announcement = Announcement.objects.get(pk=announcement.pk)
    emails = email_batch_counts(batch=announcement.batch)
    # Of those who were there when it began some may have deleted their accounts: nobody waits for them.
    to_do = 0 if announcement.sent_at else max(announcement.audience_total - announcement.dealt_with, 0)
    return Account(
        recipients=announcement.audience_total,
        dealt_with=announcement.dealt_with,
        to_do=to_do,
        written=announcement.written,
        suppressed=announcement.suppressed + emails.suppressed,
        invalid=announcement.invalid,
        sent=emails.sent,
        failed=emails.failed,
        waiting=emails.waiting,
        cancelled=emails.cancelled + emails.stopped,
        deleted=max(announcement.written - emails.known, 0),
    )


def announcement_emails_failed(*, announcement: Announcement) -> QuerySet[Email]:
    """Return its e-mails that could not be delivered, with why (``last_error``), the newest first."""
    return email_batch_failed(batch=announcement.batch)


def announcement_skips(*, announcement: Announcement, reason: SkipReason | None = None) -> QuerySet[AnnouncementSkip]:
    """Return who of its audience got no e-mail, and why; those of one ``reason``, if it is given."""
    skips = AnnouncementSkip.objects.filter(announcement=announcement).select_related("user")
    return skips if reason is None else skips.filter(reason=reason)
