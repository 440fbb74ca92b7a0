"""The door to announcements for other apps: write one, look at it, send it, stop it, take it up again.

The work itself is in ``fanout`` and ``stops``; leaving and coming back is in ``unsubscribing``.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from styleguide_example.announcements import fanout, stops
from styleguide_example.announcements.audiences import audience_get
from styleguide_example.announcements.enums import RESUMABLE_STATUSES
from styleguide_example.announcements.exceptions import AnnouncementStatusConflictError
from styleguide_example.announcements.job_kinds import ANNOUNCEMENT_SEND, SEND_PERMISSION
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.rendering import Letter
from styleguide_example.announcements.unsubscribing import unsubscribe_headers, unsubscribe_url
from styleguide_example.core.enums import Priority
from styleguide_example.emails.models import Email
from styleguide_example.emails.rendering import Rendered
from styleguide_example.emails.services import email_create, email_queue
from styleguide_example.jobs.exceptions import JobNotAllowedError, JobStateConflictError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_cancel, job_retry, job_start
from styleguide_example.users.models import User

logger = structlog.get_logger(__name__)

_FIELDS = ("subject", "body", "audience", "audience_parameters")


def announcement_create(
    *,
    subject: str,
    body: str,
    audience: str,
    audience_parameters: Mapping[str, Any] | None = None,
    created_by: User | None = None,
) -> Announcement:
    """Save a draft. Sends nothing.

    Raises:
        django.core.exceptions.ValidationError: when a field is not valid, with messages by field.
    """
    announcement = Announcement(subject=subject, body=body, audience=audience, created_by=created_by)
    announcement.audience_parameters = dict(audience_parameters or {})
    announcement.clean_fields()
    announcement.audience_parameters = audience_get(audience).parameters_checked(announcement.audience_parameters)
    announcement.save()
    return announcement


def announcement_update(*, announcement: Announcement, data: Mapping[str, Any]) -> Announcement:
    """Change ``subject``, ``body``, ``audience`` and ``audience_parameters`` of a draft; other keys are ignored.

    One conditional ``UPDATE``, so that a sending that begins at this moment sends what was there, or what is there now,
    and never a mixture. Returns the announcement as saved.

    Raises:
        AnnouncementStatusConflictError: when its sending has begun: what is sent is fixed then.
        django.core.exceptions.ValidationError: when a field is not valid.
    """
    changed = Announcement(**{name: data.get(name, getattr(announcement, name)) for name in _FIELDS})
    changed.clean_fields()
    changed.audience_parameters = audience_get(changed.audience).parameters_checked(changed.audience_parameters)
    draft = Announcement.objects.filter(pk=announcement.pk, sending_began_at__isnull=True)
    if not draft.update(updated_at=timezone.now(), **{name: getattr(changed, name) for name in _FIELDS}):
        raise AnnouncementStatusConflictError(
            f"Announcement {announcement.pk} is being sent or was sent: its text cannot change any more."
        )
    announcement.refresh_from_db()
    return announcement


@transaction.atomic
def announcement_delete(*, announcement: Announcement) -> None:
    """Delete a draft. What was sent stays, as the account of it.

    Raises:
        AnnouncementStatusConflictError: when its sending has begun.
    """
    # Locked: Django deletes by their keys the rows that it has found, and the sending may begin in between.
    drafts = Announcement.objects.select_for_update().filter(sending_began_at__isnull=True)
    draft = drafts.filter(pk=announcement.pk).first()
    if draft is None:
        raise AnnouncementStatusConflictError(f"Announcement {announcement.pk} is no draft: it stays as an account.")
    draft.delete()


def announcement_audience_count(*, announcement: Announcement) -> int:
    """Return how many people it would go to now; of one whose sending has begun, how many it had then.

    Those who unsubscribed are among them: they are skipped, and counted, when the e-mails are written.
    """
    if announcement.sending_began_at is not None:
        return announcement.audience_total
    return fanout.audience_size(announcement, as_of=timezone.now())


def announcement_preview(*, announcement: Announcement, user: User) -> Rendered:
    """Return the e-mail exactly as it would be written to ``user`` now. Writes nothing."""
    return Letter(announcement).to(user.full_name, url=unsubscribe_url(announcement=announcement, user=user))


@transaction.atomic
def announcement_send_test(*, announcement: Announcement, to: User) -> Email:
    """Write the e-mail to ``to`` alone, marked as a test, and ask for it before others. As often as one likes.

    It counts nowhere and nobody else gets it. Returns the e-mail.

    Raises:
        styleguide_example.emails.exceptions.EmailInvalidError: when the address cannot be written to.
    """
    rendered = announcement_preview(announcement=announcement, user=to)
    email = email_create(
        to=[to.email],
        subject=f"[Test] {rendered.subject}",
        html=rendered.html,
        plain_text=rendered.plain_text,
        headers=unsubscribe_headers(announcement=announcement, user=to),
        category="announcement-test",
        priority=Priority.HIGH,
    )
    return email_queue(email=email)


@transaction.atomic
def announcement_send(*, announcement: Announcement, by: User, unchanged_since: datetime | None = None) -> Job:
    """Begin the sending: text, audience and its size are fixed now, and a job is started that writes the e-mails.

    ``by`` follows the job and is told when it has ended. Asked for twice, also at once, it begins once. With
    ``unchanged_since`` (its ``updated_at`` when somebody looked at it) only that is sent. Returns the job.

    Raises:
        AnnouncementStatusConflictError: when its sending has begun: an announcement is sent once; when it was changed.
        AnnouncementAudienceError: when the audience is empty.
        styleguide_example.jobs.exceptions.JobNotAllowedError: when ``by`` may not send announcements.
    """
    if not fanout.announcement_begin(announcement, unchanged_since=unchanged_since):
        raise AnnouncementStatusConflictError(
            f"Announcement {announcement.pk} is being sent or was sent. Write a new one to send it again."
        )
    return _followed(announcement, _start(announcement, by))


def announcement_cancel(*, announcement: Announcement, by: User | None = None) -> Announcement:
    """Stop what has not gone out: nothing more is written, and e-mails that wait are cancelled until it is resumed.

    Works while e-mails are written and while they wait. What a worker has in its hands at this moment goes out. Asking
    twice is asking once; what was left by a call that was cut off is stopped by the next one. Call it outside of a
    transaction: the e-mails are cancelled some hundreds at a time.

    Raises:
        AnnouncementStatusConflictError: when nothing of it waits to be written or sent.
    """
    _refresh(announcement)
    if not announcement.is_stoppable:
        raise AnnouncementStatusConflictError(
            f"Announcement {announcement.pk} has nothing to stop: it is {announcement.status}."
        )
    wish = _stop_ask(announcement, by)
    stopped = stops.emails_stop(announcement, wish=wish)
    if stops.stop_withdraw_if_late(announcement, wish=wish):
        raise AnnouncementStatusConflictError(
            f"Announcement {announcement.pk} has gone out: it is too late to stop it."
        )
    logger.info("announcement_stopped", announcement_id=announcement.pk, emails=stopped)
    _refresh(announcement)
    return announcement


@transaction.atomic
def announcement_resume(*, announcement: Announcement, by: User) -> Job | None:
    """Take up a sending that was cancelled or failed, where it stopped: nobody gets a second e-mail.

    E-mails that were stopped are asked for again, the same rows. Returns the new job; None when all had been written.

    Raises:
        AnnouncementStatusConflictError: when it is not stopped.
        styleguide_example.jobs.exceptions.JobAlreadyActiveError: when somebody else resumed it at this moment.
        styleguide_example.jobs.exceptions.JobNotAllowedError: when ``by`` may not send announcements.
    """
    _refresh(announcement)
    if announcement.status not in RESUMABLE_STATUSES:
        raise AnnouncementStatusConflictError(
            f"Announcement {announcement.pk} is {announcement.status}: only one that was stopped can be resumed."
        )
    if announcement.sent_at is not None:
        _emails_resume(announcement, by)
        return None
    # The clean-up deletes jobs that ended long ago.
    job = job_retry(job=announcement.job, by=by) if announcement.job is not None else _start(announcement, by)
    stops.go_on(announcement)
    return _followed(announcement, job)


@transaction.atomic
def _stop_ask(announcement: Announcement, by: User | None) -> datetime:
    # The job first, as whoever writes a batch locks them. It may have ended by itself: its e-mails are stopped then.
    if announcement.job is not None and announcement.job.is_active:
        with suppress(JobStateConflictError):
            job_cancel(job=announcement.job, by=by)
    return stops.stop_ask(announcement)


def _emails_resume(announcement: Announcement, by: User) -> None:
    if not by.has_perm(SEND_PERMISSION):
        raise JobNotAllowedError(f"Resuming an announcement needs the permission {SEND_PERMISSION}.")
    if not stops.go_on(announcement):
        raise AnnouncementStatusConflictError(f"Announcement {announcement.pk} was resumed by somebody else.")
    _refresh(announcement)
    logger.info("announcement_resumed", announcement_id=announcement.pk)


def _start(announcement: Announcement, by: User) -> Job:
    parameters = {"announcement_id": announcement.pk}
    return job_start(kind=ANNOUNCEMENT_SEND, parameters=parameters, owner=by, options=Options(person_waits=True))


def _followed(announcement: Announcement, job: Job) -> Job:
    Announcement.objects.filter(pk=announcement.pk).update(job=job, updated_at=timezone.now())
    _refresh(announcement)
    logger.info("announcement_sending", announcement_id=announcement.pk, job_id=str(job.pk))
    return job


def _refresh(announcement: Announcement) -> None:
    announcement.refresh_from_db(from_queryset=Announcement.objects.select_related("job"))
