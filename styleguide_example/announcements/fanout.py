"""The work on an announcement: from its audience to one e-mail for each person, a batch in a transaction.

The row of the announcement says how far it is (``cursor``), and is changed in the transaction that writes the e-mails.
So whoever goes on, after a kill, a cancel or a lost broker, goes on exactly where the last committed batch ended.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, F, Max, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from styleguide_example.announcements import stops
from styleguide_example.announcements.audiences import audience_get
from styleguide_example.announcements.enums import SkipReason
from styleguide_example.announcements.exceptions import AnnouncementAudienceError, AnnouncementStatusConflictError
from styleguide_example.announcements.models import Announcement, AnnouncementSkip
from styleguide_example.announcements.rendering import Letter
from styleguide_example.announcements.unsubscribing import headers_for, idempotency_key, unsubscribe_url
from styleguide_example.common.persistence import persistent
from styleguide_example.emails.bulk import Created, NewEmail, email_create_all
from styleguide_example.emails.suppressions import suppressed_among
from styleguide_example.jobs.exceptions import JobCancelledError, JobLeaseLostError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_report_progress
from styleguide_example.users.models import User

logger = structlog.get_logger(__name__)

CATEGORY = "announcement"


class Result(TypedDict):
    """What the job returns."""

    recipients: int
    written: int
    suppressed: int
    invalid: int


@dataclass(frozen=True)
class _Batch:
    """Some people, in the order of their keys."""

    people: Sequence[User]
    suppressed: set[str]

    @property
    def cursor(self) -> int:
        return self.people[-1].pk

    def written_to(self) -> Iterator[User]:
        return (user for user in self.people if user.email not in self.suppressed)

    def skips(self, announcement: Announcement, created: Created) -> list[AnnouncementSkip]:
        reasons = ((user.pk, self._reason(announcement, user, created)) for user in self.people)
        return [
            AnnouncementSkip(announcement=announcement, user_id=user_id, reason=reason)
            for user_id, reason in reasons
            if reason
        ]

    def _reason(self, announcement: Announcement, user: User, created: Created) -> SkipReason | None:
        if user.email in self.suppressed:
            return SkipReason.SUPPRESSED
        key = idempotency_key(announcement_id=announcement.pk, user_id=user.pk)
        return SkipReason.INVALID if key in created.invalid else None


def audience_size(announcement: Announcement, *, as_of: datetime) -> int:
    """Return how many people its rule means at that moment."""
    return _audience(announcement, as_of).count()


@transaction.atomic
def announcement_begin(announcement: Announcement, *, unchanged_since: datetime | None = None) -> bool:
    """Fix what is sent and to whom, once. Returns whether this call did it; False: it had begun. Refreshes the row.

    Raises:
        AnnouncementStatusConflictError: when it was saved after ``unchanged_since``, or deleted.
        AnnouncementAudienceError: when there is nobody to write to, or its rule has changed and cannot be asked.
    """
    # Locked: what is counted must be what is sent, and somebody may be saving another audience at this moment.
    try:
        announcement.refresh_from_db(from_queryset=Announcement.objects.select_for_update())
    except Announcement.DoesNotExist:
        raise AnnouncementStatusConflictError(f"Announcement {announcement.pk} is gone: it was deleted.") from None
    if announcement.sending_began_at is not None:
        return False
    if unchanged_since is not None and announcement.updated_at != unchanged_since:
        raise AnnouncementStatusConflictError(f"Announcement {announcement.pk} was changed: look at it again.")
    now = timezone.now()
    people = _audience(announcement, now).aggregate(total=Count("pk"), until=Max("pk"))
    if not people["total"]:
        raise AnnouncementAudienceError("There is nobody in this audience.")
    Announcement.objects.filter(pk=announcement.pk).update(
        sending_began_at=now, people_until=people["until"], audience_total=people["total"], updated_at=now
    )
    announcement.refresh_from_db()
    return True


def announcement_fan_out(*, announcement: Announcement, job: Job) -> Result:
    """Write the e-mails of all who have not been dealt with, batch by batch, and wake the senders after each.

    Each person gets exactly one e-mail or one skip, whatever is killed, and however often and from however many
    workers this is called: a batch's e-mails, skips, counts and cursor commit together, and only while ``job`` is held.
    Addresses that cannot be written to are listed and stop nobody else.

    Raises:
        AnnouncementAudienceError: when it was not begun yet, and there is nobody to write to; when its rule has changed
            and cannot be asked any more.
        styleguide_example.jobs.exceptions.JobCancelledError: between two batches, when somebody asked for it; at once,
            when the sending was stopped after ``job`` was started.
        styleguide_example.jobs.exceptions.JobLeaseLostError: when another worker goes on; nothing more was written.
    """
    announcement_begin(announcement)  # for a job that was started by its kind and not by announcement_send
    _take(announcement, job)
    letter = Letter(announcement)
    _report(announcement, job)
    while batch := _next_batch(announcement):
        _write(announcement, job, letter, batch)
        _report(announcement, job)
    _finish(announcement)
    with suppress(JobCancelledError):  # too late to stop anything: everybody has been dealt with
        # Fewer than there were, when somebody's account was closed meanwhile.
        _report(announcement, job, total=announcement.dealt_with)
    result = _result(announcement)
    logger.info("announcement_written", announcement_id=announcement.pk, **result)
    return result


def _audience(announcement: Announcement, as_of: datetime) -> QuerySet[User]:
    try:
        return audience_get(announcement.audience).people(announcement.audience_parameters, as_of=as_of)
    except ValidationError as error:
        raise AnnouncementAudienceError("The rule of this audience has changed: choose the audience anew.") from error


@persistent
@transaction.atomic
def _take(announcement: Announcement, job: Job) -> None:
    """Make ``job`` the one that the announcement is followed by. Refreshes the row.

    A job that was started after the sending was stopped, wherever that was, goes on with all of it; one that was
    started before does nothing more.
    """
    _hold(job)
    announcement.refresh_from_db(from_queryset=Announcement.objects.select_for_update(no_key=True))
    if announcement.sent_at is not None:
        return
    if announcement.stopped_at is not None and job.created_at <= announcement.stopped_at:
        raise JobCancelledError(f"Announcement {announcement.pk} was stopped.")
    stops.go_on(announcement)
    Announcement.objects.filter(pk=announcement.pk).update(job=job, updated_at=Now())
    announcement.refresh_from_db()


@persistent
def _next_batch(announcement: Announcement) -> _Batch | None:
    as_of = announcement.sending_began_at
    if as_of is None:
        raise AnnouncementStatusConflictError(f"The sending of announcement {announcement.pk} has not begun.")
    rest = _audience(announcement, as_of).filter(pk__gt=announcement.cursor, pk__lte=announcement.people_until)
    people = list(rest.order_by("pk").only("pk", "email", "full_name", "language")[: settings.ANNOUNCEMENT_BATCH_SIZE])
    if not people:
        return None
    return _Batch(people=people, suppressed=suppressed_among(addresses=[user.email for user in people]))


@persistent
@transaction.atomic
def _write(announcement: Announcement, job: Job, letter: Letter, batch: _Batch) -> None:
    """Write one batch, or nothing at all. Refreshes the row."""
    _hold(job)
    row = Announcement.objects.filter(pk=announcement.pk)
    # The row is locked by this until the commit: whoever stops the sending comes before it, or finds what it wrote.
    if row.filter(cursor=announcement.cursor, stopped_at__isnull=True).update(cursor=batch.cursor, updated_at=Now()):
        emails = (_new_email(announcement, letter, user) for user in batch.written_to())
        created = email_create_all(emails=emails, batch=announcement.batch, category=CATEGORY)
        AnnouncementSkip.objects.bulk_create(batch.skips(announcement, created))
        row.update(
            written=F("written") + created.count,
            suppressed=F("suppressed") + len(batch.people) - created.count - len(created.invalid),
            invalid=F("invalid") + len(created.invalid),
        )
    elif row.filter(stopped_at__isnull=False).exists():
        raise JobCancelledError(f"Announcement {announcement.pk} was stopped.")
    elif not row.filter(cursor=batch.cursor).exists():
        raise JobLeaseLostError(f"Somebody else goes on with announcement {announcement.pk}.")
    # Else we have been here: the commit went well, and the connection was lost before we heard of it.
    announcement.refresh_from_db()


def _hold(job: Job) -> None:
    """Keep the job's row as it is until the transaction ends: nobody else can take it over in the middle of a batch."""
    held = Job.objects.select_for_update(no_key=True).filter(pk=job.pk, lease_token=job.lease_token)
    if job.lease_token is None or not held.values_list("pk").first():
        raise JobLeaseLostError(f"Job {job.pk} is held by somebody else, or has ended.")


@persistent
def _finish(announcement: Announcement) -> None:
    Announcement.objects.filter(pk=announcement.pk, sent_at__isnull=True).update(sent_at=Now(), updated_at=Now())
    announcement.refresh_from_db()


def _new_email(announcement: Announcement, letter: Letter, user: User) -> NewEmail:
    url = unsubscribe_url(announcement=announcement, user=user)
    rendered = letter.to(user.full_name, url=url, language=user.language)
    return NewEmail(
        idempotency_key=idempotency_key(announcement_id=announcement.pk, user_id=user.pk),
        to=user.email,
        subject=rendered.subject,
        html=rendered.html,
        plain_text=rendered.plain_text,
        headers=headers_for(url),
    )


def _report(announcement: Announcement, job: Job, total: int | None = None) -> None:
    job_report_progress(
        job=job,
        current=announcement.dealt_with,
        total=max(announcement.audience_total, announcement.dealt_with) if total is None else total,
        message=_message(announcement),
    )


def _message(announcement: Announcement) -> str:
    skipped = announcement.suppressed + announcement.invalid
    return f"E-mails written: {announcement.written:,}. People skipped: {skipped:,}."


def _result(announcement: Announcement) -> Result:
    return Result(
        recipients=announcement.dealt_with,
        written=announcement.written,
        suppressed=announcement.suppressed,
        invalid=announcement.invalid,
    )
