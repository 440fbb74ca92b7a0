"""Counts attempts in fixed windows of time, in the database.

Our own forty lines rather than django-ratelimit, because that needs a cache shared by all processes with an atomic
increment, which the embedded profile and a RabbitMQ deployment do not have; the database is always there.
"""

from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from styleguide_example.common.models import RateLimit


def rate_limit_hit(*, scope: str, subject: str, limit: int) -> bool:
    """Count one attempt of ``subject`` at ``scope``. Returns whether it is still within ``limit`` for this window.

    Commits with the caller's transaction, so call it outside the one that may be rolled back.
    """
    key = salted_hmac("rate-limit", f"{scope}:{subject.lower()}", algorithm="sha256").hexdigest()
    window = _window_started_at(timezone.now())
    with transaction.atomic():
        RateLimit.objects.bulk_create([RateLimit(key=key, window_started_at=window)], ignore_conflicts=True)
        counter = RateLimit.objects.filter(key=key, window_started_at=window)
        counter.update(count=F("count") + 1)
        return counter.values_list("count", flat=True).get() <= limit


def rate_limit_cleanup() -> int:
    """Delete the windows that are over. Returns how many rows went."""
    deleted, _ = RateLimit.objects.filter(window_started_at__lt=_window_started_at(timezone.now())).delete()
    return deleted


def client_address(request: HttpRequest) -> str:
    """Return the address of the client: the peer's, or what the outermost trusted proxy saw.

    ``X-Forwarded-For`` is believed only as far as proxies of ours wrote it (``TRUSTED_PROXY_COUNT``), from the right.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.TRUSTED_PROXY_COUNT:
        return peer
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    return hops[-settings.TRUSTED_PROXY_COUNT] if len(hops) >= settings.TRUSTED_PROXY_COUNT else peer


def _window_started_at(moment: datetime) -> datetime:
    seconds = settings.RATE_LIMIT_WINDOW_SECONDS
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, tz=UTC)
