"""Writes rows as the product keeps them, and asks by the product's doors."""

import time

from django.db import transaction

from benchmarks.bulk.corpus import SENDER, letter
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create, email_queue, email_send_all
from styleguide_example.emails.tasks import email_sweep

CHUNK = 500


def write(count: int) -> None:
    """Write READY rows."""
    for begin in range(0, count, CHUNK):
        Email.objects.bulk_create(_email(number) for number in range(begin, min(begin + CHUNK, count)))


def send() -> int:
    """Ask for all that are READY."""
    return email_send_all(emails=Email.objects.filter(status=EmailStatus.READY))


def sweep() -> None:
    """Play the timetable, which wakes the sweep every few seconds."""
    email_sweep.delay()


def one(number: int) -> float:
    """Write one, ask for it, return when its transaction was committed."""
    new = letter(number)
    moments: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: moments.append(time.monotonic()))
        email = email_create(
            to=[new.to], subject=new.subject, html=new.html, plain_text=new.plain_text, from_email=SENDER
        )
        email_queue(email=email)
    return moments[0]


def _email(number: int) -> Email:
    new = letter(number)
    return Email(to=[new.to], subject=new.subject, html=new.html, plain_text=new.plain_text, from_email=SENDER)
