"""Writes rows by its door, and sends them as its command does; this process is the worker."""

from mailer import engine, send_html_mail

from benchmarks.bulk.corpus import SENDER, letter


def write(count: int) -> None:
    """Write rows that wait."""
    for number in range(count):
        new = letter(number)
        send_html_mail(new.subject, new.plain_text, new.html, SENDER, [new.to])


def send() -> None:
    """Send until none is left: ``manage.py send_mail``."""
    engine.send_all()
