"""Counts attempts in fixed windows of time, in the database.

Our own few lines rather than django-ratelimit, because that needs a cache shared by all processes with an atomic
increment, which the embedded profile and a RabbitMQ deployment do not have; the database is always there.
"""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Network, ip_address

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
    """Return what counts as one client: the peer, or what the outermost trusted proxy saw. IPv6 counts by its /64.

    ``X-Forwarded-For`` is believed only as far as proxies of ours wrote it (``TRUSTED_PROXY_COUNT``), from the right,
    and only where an IP address stands there. Empty behind a Unix socket of which no proxy says who is behind it.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    proxies = settings.TRUSTED_PROXY_COUNT
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    seen = hops[-proxies] if 0 < proxies <= len(hops) else ""
    return _one_client(seen) or _one_client(peer) or peer


def _one_client(address: str) -> str:
    """Return the IPv4 address, or the /64 of the IPv6 one. Empty for what is neither.

    Whoever has one address of a /64 has 2^64 of them: the other half of the bits is the machine's own choice (RFC 4291
    2.5.1, RFC 8981). A socket for both families shows IPv4 as ``::ffff:192.0.2.1``.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False))


def _window_started_at(moment: datetime) -> datetime:
    seconds = settings.RATE_LIMIT_WINDOW_SECONDS
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, tz=UTC)
