"""All rooms of it, who walks through them, and where the rows are that have a page of their own."""

import json
from pathlib import Path
from typing import Any

from django.test import Client

from screenshots.world.letters import letters_make, mailbox_fill
from screenshots.world.people import address_of, people_make
from screenshots.world.timings import timings_make
from screenshots.world.work import work_make
from styleguide_example.announcements.models import Announcement
from styleguide_example.emails.models import Email
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_confirmed
from styleguide_example.users.tokens import confirmation_url


def world_note(path: str) -> None:
    """Make the world, and write what :func:`world_make` returns into this file."""
    Path(path).write_text(json.dumps(world_make()))


def world_make() -> dict[str, Any]:
    """Make it in an empty database with the timetable applied. Returns who is signed in, and what is in addresses."""
    people = people_make()
    mailbox_fill()
    work_make(people)
    letters_make(people[0])
    timings_make()
    newcomer = user_confirmed(email=address_of("Hedy Lamarr"))
    return {"sessions": {"ada": _session(people[0]), "hedy": _session(newcomer)}, "places": _places()}


def _session(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value


def _places() -> dict[str, str]:
    """By the name that ``pages.py`` gives it."""
    link = confirmation_url(user=User.objects.get(email=address_of("Vint Cerf")))
    broken = Job.objects.filter(state=JobState.FAILURE, parent__isnull=True)
    rows: dict[str, Any] = {
        "failed": Email.objects.filter(status=Email.Status.FAILED).earliest("pk"),
        "sent": Email.objects.filter(status=Email.Status.SENT).latest("pk"),
        "retried": Email.objects.get(recipient="full@example.org"),
        "running": Job.objects.get(progress_total=10_000),
        "broken": broken.latest("created_at"),
        "batch": Job.objects.get(is_batch=True),
        "announcement": Announcement.objects.get(subject__startswith="Field notes"),
        "draft": Announcement.objects.latest("pk"),
    }
    return {"confirm": link[link.index("/confirm/") :], **{name: str(row.pk) for name, row in rows.items()}}
