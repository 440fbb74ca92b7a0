"""What staff look for among e-mails, and how it is found in ten million rows."""

from django.db.models import Q, QuerySet

from styleguide_example.common.leases import UNCLAIMED
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
    by_message_id = Q(message_id=f"<{words.strip('<>')}>")
    by_recipient = Q(recipient=recipient_key([words]) or words)
    # Not OR: a planner would rather read all rows in the order of the list until it has a page of them.
    free = Email.objects.filter(UNCLAIMED).values("pk")
    held = Email.objects.filter(lease_token__isnull=False).values("pk")
    found = free.filter(by_message_id).union(free.filter(by_recipient), held.filter(by_message_id | by_recipient))
    return emails.filter(pk__in=found)
