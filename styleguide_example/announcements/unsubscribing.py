"""Leaving: the signed link in each e-mail that is written to many, and what following it does (RFC 8058).

Nothing is stored for a link. It carries a signature over announcement, person and address, but not the address itself:
links end in logs, and in histories of browsers. So following one looks for the address that it was signed for: the
person's own, or the one that the e-mail went to before they changed it.
"""

import re

from django.conf import settings
from django.core import signing
from django.urls import reverse

from styleguide_example.announcements.exceptions import UnsubscribeLinkError
from styleguide_example.announcements.models import Announcement
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.selectors import email_get_by_key
from styleguide_example.emails.suppressions import is_suppressed, suppression_add, suppression_remove
from styleguide_example.users.models import User
from styleguide_example.users.selectors import user_get

_SEPARATOR = "."
#: Two keys and a signature. No more digits than a key can have: databases refuse larger numbers with an error.
_TOKEN = re.compile(r"([1-9][0-9]{0,17})\.([1-9][0-9]{0,17})\.([A-Za-z0-9_-]{1,100})")
_UNSUBSCRIBED = SuppressionReason.UNSUBSCRIBED


def unsubscribe_url(*, announcement: Announcement, user: User) -> str:
    """Return the absolute link with which whoever reads the e-mail to ``user`` unsubscribes. It never expires."""
    return _url(announcement.pk, user.pk, user.email)


def unsubscribe_headers(*, announcement: Announcement, user: User) -> dict[str, str]:
    """Return the headers that make a mail client show its own button (RFC 8058 3.1)."""
    return headers_for(unsubscribe_url(announcement=announcement, user=user))


def headers_for(url: str) -> dict[str, str]:
    """Return the headers for a link."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def idempotency_key(*, announcement_id: int, user_id: int) -> str:
    """Return the key of the one e-mail of this announcement to this person."""
    return f"announcement:{announcement_id}:{user_id}"


def address_from_token(*, token: str) -> str:
    """Return the address that the link was made for.

    Raises:
        UnsubscribeLinkError: when it is forged or garbled, or the address is known no more.
    """
    announcement_id, user_id, signature = _parts(token)
    for address in _addresses(announcement_id, user_id):
        if _is_signed(announcement_id, user_id, address, signature):
            return address
    raise UnsubscribeLinkError("This link is not one of ours, or its address is not known any more.")


def unsubscribe(*, token: str) -> bool:
    """Suppress the address of the link. Returns whether it got such e-mail until now. Idempotent.

    Raises:
        UnsubscribeLinkError: when the link is not one of ours.
    """
    return suppression_add(address=address_from_token(token=token), reason=_UNSUBSCRIBED)


def resubscribe(*, token: str) -> bool:
    """Undo :func:`unsubscribe`. An address that is suppressed because mail servers refuse it stays so.

    Returns whether it changed.

    Raises:
        UnsubscribeLinkError: when the link is not one of ours.
    """
    return suppression_remove(address=address_from_token(token=token), reason=_UNSUBSCRIBED)


def is_unsubscribed(*, token: str) -> bool:
    """Return whether the address of the link has unsubscribed.

    Raises:
        UnsubscribeLinkError: when the link is not one of ours.
    """
    return is_suppressed(address=address_from_token(token=token), reason=_UNSUBSCRIBED)


def _url(announcement_id: int, user_id: int, address: str) -> str:
    signature = _signer().signature(_signed(announcement_id, user_id, address))
    token = _SEPARATOR.join([str(announcement_id), str(user_id), signature])
    return f"{settings.APP_BASE_URL}{reverse('announcements:unsubscribe', kwargs={'token': token})}"


def _signer() -> signing.Signer:
    return signing.Signer(sep=_SEPARATOR, salt="styleguide_example.announcements.unsubscribing")


def _signed(announcement_id: int, user_id: int, address: str) -> str:
    return _SEPARATOR.join([str(announcement_id), str(user_id), address])


def _parts(token: str) -> tuple[int, int, str]:
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise UnsubscribeLinkError("This link is not one of ours.")
    return int(parts[1]), int(parts[2]), parts[3]


def _addresses(announcement_id: int, user_id: int) -> list[str]:
    """The person's address, and the one that the e-mail went to."""
    user = user_get(user_id=user_id)
    email = email_get_by_key(idempotency_key=idempotency_key(announcement_id=announcement_id, user_id=user_id))
    return [*([user.email] if user else []), *(email.to if email else [])]


def _is_signed(announcement_id: int, user_id: int, address: str, signature: str) -> bool:
    try:
        # With the keys of SECRET_KEY_FALLBACKS too: a link must outlive a change of the key.
        _signer().unsign(f"{_signed(announcement_id, user_id, address)}{_SEPARATOR}{signature}")
    except signing.BadSignature:
        return False
    return True
