"""Questions about people."""

from styleguide_example.users.models import User


def user_get(*, user_id: int) -> User | None:
    """Return the person, or None when there is none."""
    return User.objects.filter(pk=user_id).first()


def user_get_by_email(*, email: str) -> User | None:
    """Return the person with this address, however it is written, or None."""
    return User.objects.filter(email=User.normalize_username(email)).first()
