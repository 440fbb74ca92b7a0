"""What the gallery decides: a test of a template, to whoever asks for it."""

from django.db import transaction

from styleguide_example.core.enums import Priority
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.gallery import Look
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create, email_queue


@transaction.atomic
def template_send_test(*, look: Look, to: str) -> Email:
    """Write what ``look`` shows to ``to``, marked as a test, and ask for it before others. Returns the e-mail.

    It counts nowhere, and is a new one each time.

    Raises:
        EmailInvalidError: when the template is broken, or the address cannot be written to.
    """
    if look.rendered is None:
        raise EmailInvalidError(f"Nothing was sent: {look.error}")
    email = email_create(
        to=[to],
        subject=f"[Test] {look.rendered.subject}",
        html=look.rendered.html,
        plain_text=look.rendered.plain_text,
        category=f"{look.template}-test",
        priority=Priority.HIGH,
    )
    return email_queue(email=email)
