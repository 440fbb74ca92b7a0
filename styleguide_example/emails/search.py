"""What staff look for among e-mails, and how it is found in ten million rows."""

from django.db.models import QuerySet

from styleguide_example.emails.mime import recipient_key
from styleguide_example.emails.models import Email

#: No key has so many; a database refuses such numbers.
_DIGITS_MAX = 19


def emails_found(*, emails: QuerySet[Email], words: str) -> QuerySet[Email]:
    """Return those of ``emails`` with this id, Message-ID, or address of their first recipient: each through an index.

    However the address is written, with or without a name. Whatever else is looked for is not found.
    """
    words = words.strip()
    if words.isdecimal():
        return emails.filter(pk=int(words)) if len(words) < _DIGITS_MAX else emails.none()
    if "@" not in words or "\x00" in words:
        return emails.none()
    by_message_id = Email.objects.filter(message_id=f"<{words.strip('<>')}>").values("pk")
    by_recipient = Email.objects.filter(recipient=recipient_key([words]) or words).values("pk")
    # Not OR: a planner would rather read all rows in the order of the list until it has a page of them.
    return emails.filter(pk__in=by_message_id.union(by_recipient))
