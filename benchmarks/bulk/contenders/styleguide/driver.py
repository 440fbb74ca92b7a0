"""Writes one row at a time, as a request does, and asks for each."""

import time

from django.db import transaction

from benchmarks.bulk.contenders.styleguide.asking import email_send_all
from benchmarks.bulk.contenders.styleguide.models import Email
from benchmarks.bulk.corpus import letter


def _email(number: int) -> Email:
    new = letter(number)
    return Email.objects.create(to=new.to, subject=new.subject, html=new.html, plain_text=new.plain_text)


def write(count: int) -> None:
    """Write READY rows."""
    for number in range(count):
        _email(number)


def send() -> None:
    """Ask for all that are READY."""
    email_send_all(Email.objects.filter(status=Email.Status.READY))


def one(number: int) -> float:
    """Write one, ask for it, return when its transaction was committed."""
    moments: list[float] = []
    with transaction.atomic():
        email = _email(number)
        transaction.on_commit(lambda: moments.append(time.monotonic()))
        email_send_all(Email.objects.filter(id=email.id))
    return moments[0]
