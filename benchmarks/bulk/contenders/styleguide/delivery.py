"""The service that sends."""

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from benchmarks.bulk.contenders.styleguide.models import Email
from benchmarks.bulk.corpus import SENDER


@transaction.atomic
def email_send(email: Email) -> None:
    """Build it, send it over a connection of its own, validate the row and save what changed."""
    if email.status != Email.Status.SENDING:
        raise ValueError(f"E-mail {email.pk} is {email.status}.")
    message = EmailMultiAlternatives(email.subject, email.plain_text, SENDER, [email.to])
    message.attach_alternative(email.html, "text/html")
    message.send()
    email.status, email.sent_at = Email.Status.SENT, timezone.now()
    email.full_clean()
    email.save(update_fields=["status", "sent_at", "updated_at"])
