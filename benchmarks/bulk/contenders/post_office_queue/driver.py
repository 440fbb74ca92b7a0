"""Writes rows by its bulk door, and sends them as its command does; this process is the worker."""

import os

from django.conf import settings
from post_office import mail

from benchmarks.bulk.corpus import SENDER, letter

CHUNK = 500


def write(count: int) -> None:
    """Write queued rows."""
    for begin in range(0, count, CHUNK):
        mail.send_many([_fields(number) for number in range(begin, min(begin + CHUNK, count))])


def send() -> None:
    """Send until none is left: ``manage.py send_queued_mail --processes N``."""
    # A lock of its own: the one of a killed process would have to be waited for.
    lock = f"{settings.VAR_DIR}/lock-{os.getpid()}"
    mail.send_queued_mail_until_done(lock, settings.POST_OFFICE_PROCESSES)


def _fields(number: int) -> dict[str, object]:
    new = letter(number)
    content = {"subject": new.subject, "message": new.plain_text, "html_message": new.html}
    return {"recipients": [new.to], "sender": SENDER, **content}
