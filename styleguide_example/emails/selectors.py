"""Questions about e-mails."""

from styleguide_example.emails.models import Email


def email_get(*, email_id: int) -> Email | None:
    """Return the e-mail, or None when it was deleted meanwhile."""
    return Email.objects.filter(pk=email_id).first()
