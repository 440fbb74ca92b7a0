"""What people ask of the product while a mail server misbehaves."""

from collections.abc import Sequence

from django.db import transaction

from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create, email_queue, email_retry


def emails_to_several(*, groups: Sequence[Sequence[str]], server: str = "") -> None:
    """Ask for one e-mail to each group of addresses, by the mail server of that alias, and commit them together."""
    with transaction.atomic():
        for group in groups:
            email = email_create(to=group, subject="A fault", plain_text="For all of you.\n", server=server)
            email_queue(email=email)


def emails_retry(*, ids: Sequence[int]) -> None:
    """Decide as a person does about e-mails that failed: send them again."""
    for email in Email.objects.filter(pk__in=ids):
        email_retry(email=email)
