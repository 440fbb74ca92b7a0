"""What every page of the site may show about notifications."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from styleguide_example.notifications.selectors import UNREAD_COUNT_MAX, notification_unread_count


@dataclass(frozen=True)
class Badge:
    """How many are unread, and how that is shown."""

    count: int

    @property
    def text(self) -> str:
        """As in "7", and "99+" for all that are more."""
        return str(self.count) if self.count < UNREAD_COUNT_MAX else f"{UNREAD_COUNT_MAX - 1}+"


def unread_notifications(request: HttpRequest) -> dict[str, Any]:
    """Add the badge. It asks when a template uses it and not before, once; for nobody who is signed out."""
    return {"unread_notifications": SimpleLazyObject(lambda: _badge(request))}


def _badge(request: HttpRequest) -> Badge:
    # An error page may be rendered before there is a session.
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Badge(0)
    return Badge(notification_unread_count(user_id=user.pk))
