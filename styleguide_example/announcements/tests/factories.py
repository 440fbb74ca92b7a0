"""Announcements for tests, those who get them, and those who send them."""

from typing import Any

import factory
from django.contrib.auth.models import Permission
from django.utils import timezone

from styleguide_example.announcements import services
from styleguide_example.announcements.fanout import announcement_begin
from styleguide_example.announcements.job_kinds import ANNOUNCEMENT_SEND
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tasks import announcement_send as announcement_send_task
from styleguide_example.jobs.messages import JOB_HEADER
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import job_running_make
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff


class AnnouncementFactory(factory.django.DjangoModelFactory[Announcement]):
    """A draft to everyone, written by the service."""

    class Meta:
        model = Announcement

    subject = "New this month"
    body = "We have made **three** things better.\n\n- Search\n- [Notes](https://example.com/notes)\n- Speed\n"
    audience = "everyone"

    @classmethod
    def _create(cls, model_class: type[Announcement], *args: Any, **fields: Any) -> Announcement:
        return services.announcement_create(**fields)


def people_make(count: int, *, start: int = 0, **fields: Any) -> list[User]:
    """So many people who may be written to: ``reader-0@example.com`` and so on, in the order of their keys."""
    now = timezone.now()
    people = [
        User(**{"email": f"reader-{number}@example.com", "password": "!", "email_confirmed_at": now, **fields})
        for number in range(start, start + count)
    ]
    return User.objects.bulk_create(people)


def sender_make(**fields: Any) -> User:
    """Somebody of the staff who may send announcements, and gets them like everyone."""
    sender = user_staff(**{"email": "sender@example.com", "full_name": "Grace Hopper", **fields})
    sender.user_permissions.add(Permission.objects.get(codename="send_announcement"))
    return User.objects.get(pk=sender.pk)


def job_held(announcement: Announcement, **fields: Any) -> Job:
    """The job of this announcement, held by this process as by a worker."""
    parameters = {"announcement_id": announcement.pk}
    return job_running_make(kind=ANNOUNCEMENT_SEND, task=announcement_send_task.name, parameters=parameters, **fields)


def job_worked(job: Job) -> Job:
    """The job after a worker got its message."""
    announcement_send_task.apply(
        kwargs={"job_id": str(job.pk)}, task_id=str(job.pk), headers={JOB_HEADER: job.kind}, throw=False
    )
    job.refresh_from_db()
    return job


def announcement_begun(**fields: Any) -> Announcement:
    """One whose sending has begun and of which nothing is written yet. Needs somebody who gets it."""
    announcement = AnnouncementFactory.create(**fields)
    announcement_begin(announcement)
    return announcement
