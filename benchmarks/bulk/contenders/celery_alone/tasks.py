"""One task for each e-mail."""

from celery import shared_task

from benchmarks.bulk.contenders.messages import message_send


@shared_task
def email_send(number: int) -> None:
    """Build it and send it over a connection of its own."""
    message_send(number)
