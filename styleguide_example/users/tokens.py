"""The signed link in a confirmation e-mail: made, and checked.

Nothing is stored. The link carries a keyed hash over what using it changes (password, last sign-in, confirmation), so
it works once, and until ``PASSWORD_RESET_TIMEOUT`` is over.
"""

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from styleguide_example.users.models import User
from styleguide_example.users.selectors import user_get


class _ConfirmationTokenGenerator(PasswordResetTokenGenerator):
    # Of its own, so that a token for something else never opens this door.
    key_salt = "styleguide_example.users.tokens.confirmation"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        at = user.email_confirmed_at
        # Whole seconds, as Django does for the last sign-in: not every database keeps the rest.
        confirmed = "" if at is None else at.replace(microsecond=0, tzinfo=None).isoformat()
        return f"{super()._make_hash_value(user, timestamp)}{confirmed}"


_generator = _ConfirmationTokenGenerator()


def confirmation_url(*, user: User) -> str:
    """Return the absolute link with which whoever reads this address confirms it and chooses a password."""
    person = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("users:confirm", kwargs={"uidb64": person, "token": _generator.make_token(user)})
    return f"{settings.APP_BASE_URL}{path}"


def user_from_link(*, uidb64: str, token: str) -> User | None:
    """Return the person whom this link belongs to, or None: it is forged, used or too old, or the account is closed."""
    try:
        user = user_get(user_id=int(urlsafe_base64_decode(uidb64)))
    except ValueError:
        return None
    return user if user and user.is_active and _generator.check_token(user, token) else None
