"""The service that asks: apart from the one that sends, so that nothing is imported inside a function."""

from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from benchmarks.bulk.contenders.styleguide.models import Email
from benchmarks.bulk.contenders.styleguide.tasks import email_send as email_send_task


def email_send_all(emails: QuerySet[Email]) -> None:
    """Ask for each: one transaction, one message to the broker."""
    for email in emails:
        with transaction.atomic():
            Email.objects.filter(id=email.id).update(status=Email.Status.SENDING)
            transaction.on_commit(partial(email_send_task.delay, email.id))
