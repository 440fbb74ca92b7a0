"""Questions about e-mails."""

from django.db.models import QuerySet

from styleguide_example.emails.models import Email


def email_get(*, email_id: int) -> Email | None:
    """Return the e-mail, or None when it was deleted meanwhile."""
    return Email.objects.filter(pk=email_id).first()


def email_pending_list() -> QuerySet[Email]:
    """Return the e-mails that were asked for and have not ended."""
    return Email.objects.filter(status=Email.Status.SENDING)
