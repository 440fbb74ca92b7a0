"""One task for each e-mail: the plain one, and the least that one can be which leaves a durable mark."""

import smtplib

from celery import shared_task
from django.conf import settings
from django.db import connection

from benchmarks.bulk.contenders.celery_alone.models import Mark
from benchmarks.bulk.contenders.messages import message, message_send
from benchmarks.bulk.corpus import SENDER, address

_MARK = f"INSERT INTO {Mark._meta.db_table} (number) VALUES (%s) RETURNING id"  # noqa: S608
_READY = message(0).message().as_bytes(linesep="\r\n")


class _Kept:
    """Of this process."""

    server: smtplib.SMTP | None = None


@shared_task
def email_send(number: int) -> None:
    """Build it and send it over a connection of its own."""
    message_send(number)


@shared_task
def email_send_marked(number: int) -> None:
    """Mark it with one statement, on the disk when it returns, and send what was built before on a kept connection.

    It reads no row, knows neither errors nor limits, and records nothing afterwards: nobody could send with it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [number])
        cursor.fetchall()
    try:
        _hand_over(number)
    except (smtplib.SMTPException, OSError):  # the server closed it while nobody sent
        _Kept.server = None
        _hand_over(number)


def _hand_over(number: int) -> None:
    if _Kept.server is None:
        _Kept.server = smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, local_hostname="localhost")
        _Kept.server.ehlo()
    _Kept.server.mail(SENDER)
    _Kept.server.rcpt(address(number))
    _Kept.server.data(_READY)
