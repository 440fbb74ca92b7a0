"""Who looks at announcements in the admin, where, and what they read there."""

from html import unescape
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import F, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from styleguide_example.announcements.enums import SkipReason
from styleguide_example.announcements.models import Announcement, AnnouncementSkip
from styleguide_example.announcements.tests.factories import announcement_begun, job_held
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_ended
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import job_ended_make
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff

LIST = reverse("admin:announcements_announcement_changelist")
ADD = reverse("admin:announcements_announcement_add")
PREVIEW = reverse("admin:announcements_announcement_preview")

WRITER = ("view_announcement", "add_announcement", "change_announcement", "delete_announcement")


def staff_make(*permissions: str, **fields: Any) -> User:
    """Somebody of the staff with these permissions, and an address that is confirmed."""
    person = user_staff(**{"email": "staff@example.com", "full_name": "Grace Hopper", **fields})
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return User.objects.get(pk=person.pk)


def page_of(announcement: Announcement, name: str = "change") -> str:
    return reverse(f"admin:announcements_announcement_{name}", args=[announcement.pk])


def live_of(announcement: Announcement, page: int = 1) -> str:
    return reverse("admin:announcements_announcement_live", args=[announcement.pk, page])


def text_of(response: Any) -> str:
    """What a page says, its entities read."""
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def typed(**changes: Any) -> dict[str, Any]:
    """What a browser sends for a new announcement."""
    return {
        "subject": "New this month",
        "body": "Three things are **better**.",
        "audience": "everyone",
        "joined-since__since": "",
        "version": "",
        **changes,
    }


def stopped(state: JobState = JobState.REVOKED, **fields: Any) -> Announcement:
    """One whose job ended before everybody had been dealt with. Needs somebody who gets it."""
    announcement = announcement_begun(**fields)
    job = job_ended_make(state, kind="announcement-send", parameters={"announcement_id": announcement.pk})
    return _followed(announcement, job)


def sending(**fields: Any) -> Announcement:
    """One whose job a worker holds. Needs somebody who gets it."""
    announcement = announcement_begun(**fields)
    return _followed(announcement, job_held(announcement))


def sent(**fields: Any) -> Announcement:
    """One of which everything is written. Needs somebody who gets it."""
    announcement = stopped(JobState.SUCCESS, **fields)
    Announcement.objects.filter(pk=announcement.pk).update(sent_at=timezone.now(), written=F("audience_total"))
    announcement.refresh_from_db()
    return announcement


def failed_email(announcement: Announcement, to: str, **fields: Any) -> Email:
    """An e-mail of the announcement whose address the server refused."""
    email = email_ended(Email.Status.FAILED, to=[to])
    what = {"last_error": "550 5.1.1 No such user", "last_error_kind": "permanent", **fields}
    Email.objects.filter(pk=email.pk).update(batch=announcement.batch, **what)
    return email


def invalid_address(announcement: Announcement, user: User) -> None:
    """Note that somebody's address cannot be written to."""
    AnnouncementSkip.objects.create(announcement=announcement, user=user, reason=SkipReason.INVALID)
    Announcement.objects.filter(pk=announcement.pk).update(invalid=F("invalid") + 1)


def job_of(announcement: Announcement) -> QuerySet[Job]:
    """Its job, to be updated."""
    return Job.objects.filter(pk=announcement.job.pk) if announcement.job else Job.objects.none()


def job_failed(announcement: Announcement, message: str) -> None:
    """Let its job have ended with this message."""
    code = ErrorCode.WORKER_LOST
    job_of(announcement).update(error_code=code, error_message=message)


def _followed(announcement: Announcement, job: Job) -> Announcement:
    Announcement.objects.filter(pk=announcement.pk).update(job=job)
    announcement.refresh_from_db()
    return announcement
