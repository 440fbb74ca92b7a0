"""What people and programs do to e-mails, jobs and each other at the worst moment."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.unsubscribing import unsubscribe_url
from styleguide_example.core.exceptions import ApplicationError
from styleguide_example.emails.bursts import emails_send_due
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import (
    email_cancel,
    email_create,
    email_queue,
    email_retry,
    email_send,
    email_send_all,
    email_sweep,
)
from styleguide_example.jobs.models import Job
from styleguide_example.users.models import User
from styleguide_example.users.services import user_create


def staff_signed_in(*, email: str) -> str:
    """Make somebody who may do everything in the admin, and return the value of their session's cookie."""
    person = user_create(email=email)
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def emails_written(*, addresses: Sequence[str]) -> None:
    """Write an e-mail to each, which is READY: nobody asked for it yet."""
    for address in addresses:
        email_create(to=[address], subject="A fault", plain_text=f"For {address}.\n", idempotency_key=address)


def unsubscribe_paths(*, addresses: Sequence[str]) -> list[str]:
    """Make a person with each address, and return the paths of the links that unsubscribe them."""
    announcement = Announcement(pk=1)
    urls = [unsubscribe_url(announcement=announcement, user=user_create(email=address)) for address in addresses]
    return [url.removeprefix(settings.APP_BASE_URL) for url in urls]


def emails_acted_on(*, ids: Sequence[int], seed: int) -> None:
    """Do everything that a command can do to each of them, in an order that ``seed`` decides."""
    order = random.Random(seed)  # noqa: S311  to be repeated, not to be secret
    acts = [(act, key) for act in _ACTS for key in ids]
    order.shuffle(acts)
    for act, key in acts:
        email = Email.objects.filter(pk=key).first()
        if email is not None:
            with suppress(ApplicationError):  # refused, as it should be, or the mail server said no
                act(email)


def emails_swept(*, rounds: int) -> None:
    """Sweep and send what is due, as a worker does, so many times."""
    for number in range(rounds):
        email_sweep()
        emails_send_due(owner=f"sweeper {number}")


def emails_deleted(*, ids: Sequence[int]) -> int:
    """Delete the rows and what hangs on them, as somebody in a shell does. Returns how many e-mails there were."""
    _, deleted = Email.objects.filter(pk__in=ids).delete()
    return deleted.get(Email._meta.label, 0)


def person_deleted(*, email: str) -> None:
    """Delete somebody, and what is theirs alone."""
    User.objects.filter(email=email).delete()


def job_deleted(*, job_id: str) -> None:
    """Delete a job's row."""
    Job.objects.filter(pk=job_id).delete()


_ACTS: list[Callable[[Email], object]] = [
    lambda email: email_queue(email=email),
    lambda email: email_cancel(email=email),
    lambda email: email_retry(email=email),
    lambda email: email_send(email=email),
    lambda email: email_send_all(emails=Email.objects.filter(pk=email.pk)),
]
