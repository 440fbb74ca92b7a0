"""How often one person may call."""

from typing import Any

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, UserRateThrottle

from styleguide_example.common.rate_limits import rate_limit_hit


class ReadThrottle(UserRateThrottle):
    """``API_READS_PER_MINUTE``, counted in Django's cache: whoever follows a job costs no write.

    With the default cache every process counts for itself, which is enough against a client that runs wild.
    """

    scope = "reads"

    def get_rate(self) -> str:
        """Return it in the words of Django REST framework."""
        return f"{settings.API_READS_PER_MINUTE}/min"

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count what only reads."""
        return request.method not in SAFE_METHODS or super().allow_request(request, view)


class ChangeThrottle(BaseThrottle):
    """``API_CHANGES_PER_WINDOW``, counted in the database: exact over all processes.

    Counted before anything is looked at and committed at once, so attempts that fail count as well.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count what changes something."""
        if request.method in SAFE_METHODS:
            return True
        subject = str(request.user.pk)
        return rate_limit_hit(scope="api-changes", subject=subject, limit=settings.API_CHANGES_PER_WINDOW)

    def wait(self) -> float:
        """Return the whole window: waiting that long is always enough."""
        return float(settings.RATE_LIMIT_WINDOW_SECONDS)
