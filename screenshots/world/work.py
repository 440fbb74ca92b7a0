"""Jobs in every state, an announcement that is on its way and one that came to its end, and what people are told."""

from datetime import timedelta
from random import Random
from typing import Any

from django.db.models import F
from django.utils import timezone

from screenshots.world.letters import BODY, WORKERS
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.services import announcement_create
from styleguide_example.announcements.tests.admins import job_of, sending, sent
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import emails_left_behind
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.services import notification_send
from styleguide_example.users.models import User

_KINDS = ("notes-export", "pictures-resize", "report-build", "search-index")
_TRACEBACK = """Traceback (most recent call last):
  File "notes/exports.py", line 41, in export_write
    page = next(pages)
OSError: [Errno 28] No space left on device"""


def work_make(people: list[User]) -> None:
    """Write all of it."""
    _ended(people)
    _running(people)
    _waiting(people)
    _announcements(people[0])
    _told(people[0])


def _ended(people: list[User]) -> None:
    """The last hour on three machines, and two that went wrong in it."""
    now, chance = timezone.now(), Random(11)  # noqa: S311  the same world each time
    for number in range(26):
        began = now - timedelta(minutes=58 - 2 * number + chance.uniform(0, 2))
        ends = began + timedelta(minutes=chance.uniform(0.3, 4.5))
        state = {7: JobState.FAILURE, 15: JobState.REVOKED, 21: JobState.FAILURE}.get(number, JobState.SUCCESS)
        job_ended_make(
            state,
            kind=_KINDS[number % 4],
            owner=people[number % len(people)],
            created_at=began - timedelta(seconds=3),
            started_at=began,
            claimed_at=began,
            finished_at=min(ends, now),
            worker=WORKERS[number % 3],
            progress_current=100,
            progress_total=100,
            **_wrong(state),
        )


def _wrong(state: str) -> dict[str, Any]:
    if state != JobState.FAILURE:
        return {}
    return {"error_message": "There was no room left to write the export.", "traceback": _TRACEBACK}


def _running(people: list[User]) -> None:
    now = timezone.now()
    later = now + timedelta(hours=2)  # nobody says again that it lives
    held: dict[str, Any] = {"state": JobState.PROGRESS, "lease_expires_at": later, "heartbeat_at": later}
    job_running_make(
        kind="notes-export",
        owner=people[0],
        worker=WORKERS[0],
        started_at=now - timedelta(minutes=4),
        claimed_at=now - timedelta(minutes=4),
        progress_current=6_240,
        progress_total=10_000,
        progress_rate=26.0,
        progress_message="Writing notes of the year 2024",
        **held,
    )
    states = [*["SUCCESS"] * 96, *["FAILURE"] * 4, *["REVOKED"] * 2, *["PROGRESS"] * 3, *["PENDING"] * 35]
    parent = {"owner": people[1], "started_at": now - timedelta(minutes=11), "progress_at": now}
    parent |= {"kind": "pictures-resize", "heartbeat_at": held["heartbeat_at"], "created_at": parent["started_at"]}
    batch = batch_make(*states, parent=parent, kind="pictures-resize", owner=people[1])
    for part in Job.objects.filter(parent=batch).exclude(state=JobState.PENDING):
        began = now - timedelta(seconds=6 * (106 - part.part_number))
        part.worker, part.created_at = WORKERS[part.part_number % 3], now - timedelta(minutes=11)
        part.started_at = part.claimed_at = began
        part.finished_at = part.finished_at and began + timedelta(seconds=7)
        part.error_message = part.error_message and "The file is not a picture."
        part.lease_expires_at = part.lease_expires_at and held["lease_expires_at"]
        part.save()


def _waiting(people: list[User]) -> None:
    now = timezone.now()
    for number, kind in enumerate(_KINDS[1:], start=1):
        JobFactory.create(
            kind=kind, owner=people[number % len(people)], created_at=now - timedelta(seconds=20 * number)
        )


def _announcements(admin: User) -> None:
    old = sent(subject="Search that finds it", body=BODY, created_by=admin)
    long_ago = timezone.now() - timedelta(days=9)
    Announcement.objects.filter(pk=old.pk).update(sent_at=long_ago, sending_began_at=long_ago)
    job_of(old).update(
        owner=admin, created_at=long_ago, started_at=long_ago, finished_at=long_ago + timedelta(seconds=31)
    )
    going = sending(subject="Field notes can be shared now", body=BODY, created_by=admin)
    total = going.audience_total
    Announcement.objects.filter(pk=going.pk).update(
        written=total * 6 // 10, cursor=F("people_until") - total * 4 // 10, suppressed=2
    )
    _on_its_way(going, written=total * 6 // 10)
    announcement_create(subject="A new look for your notes", body=BODY, audience="onboarded", created_by=admin)


def _on_its_way(announcement: Announcement, *, written: int) -> None:
    """Most of what is written has gone out; its job is held."""
    now = timezone.now()
    emails_left_behind(6, batch=announcement.batch, category="announcement", next_attempt_at=now + timedelta(minutes=3))
    Email.objects.bulk_create(
        Email(
            to=[f"reader-{number}@example.org"],
            recipient=f"reader-{number}@example.org",
            subject=announcement.subject,
            plain_text="Since today a note has a button Share.\n",
            category="announcement",
            batch=announcement.batch,
            status=Email.Status.SENT,
            created_at=now - timedelta(seconds=4 + 12 * number),
            queued_at=now - timedelta(seconds=4 + 12 * number),
            sent_at=now - timedelta(seconds=3 + 12 * number),
            ended_at=now - timedelta(seconds=3 + 12 * number),
            attempts=1,
            took_ms=41,
            worker=WORKERS[number % 3],
        )
        for number in reversed(range(written - 6))
    )
    job_of(announcement).update(
        owner=announcement.created_by,
        worker=WORKERS[2],
        created_at=now - timedelta(minutes=22),
        claimed_at=now - timedelta(minutes=22),
        started_at=now - timedelta(minutes=22),
        state=JobState.PROGRESS,
        progress_current=written,
        progress_total=announcement.audience_total,
        progress_rate=0.09,
        progress_at=now,
        heartbeat_at=now + timedelta(hours=2),
        lease_expires_at=now + timedelta(hours=2),
    )


def _told(admin: User) -> None:
    ended = Job.objects.filter(finished_at__isnull=False, parent__isnull=True)
    Job.objects.filter(pk=ended.filter(state=JobState.FAILURE).latest("created_at").pk).update(owner=admin)
    for job in ended.filter(owner=admin).order_by("created_at")[:4]:
        is_done = job.state == JobState.SUCCESS
        notification_send(
            user_id=admin.pk,
            level=Level.SUCCESS if is_done else Level.FAILURE,
            title=f"{job.kind}: {'done' if is_done else 'it failed'}",
            text="" if is_done else job.error_message,
            url=f"/jobs/{job.pk}/",
        )
