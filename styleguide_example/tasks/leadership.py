"""Which beat leads: a lease in the database, taken by one conditional ``UPDATE``.

A beat that was killed does not renew it; one that was paused finds that its token is no longer in the row.
"""

import os
import socket
import uuid
from datetime import timedelta

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from styleguide_example.common.leases import lease_extend, lease_release
from styleguide_example.tasks.models import BeatLeader

logger = structlog.get_logger(__name__)

LEASE_SECONDS = 10
#: How often a beat that stands by asks. With the lease: at most 12 seconds until another one leads.
STANDBY_SECONDS = 2
_ROW = "beat"


class Leadership:
    """One beat's claim to lead. Each method is one statement, but for the first beat of all."""

    def __init__(self, *, seconds: float = LEASE_SECONDS) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self._seconds = seconds
        self._token: uuid.UUID | None = None

    @property
    def is_held(self) -> bool:
        """Whether this beat led when it last asked. Only the database knows whether it still does: :meth:`keep`."""
        return self._token is not None

    def take(self) -> bool:
        """Lead, if nobody does. A lease that ran out is taken over."""
        token = uuid.uuid4()
        free = Q(lease_token__isnull=True) | Q(lease_expires_at__lte=Now())
        taken = BeatLeader.objects.filter(free, name=_ROW).update(
            lease_token=token, lease_owner=self.owner, lease_expires_at=Now() + timedelta(seconds=self._seconds)
        )
        if not taken and not BeatLeader.objects.filter(name=_ROW).exists():
            BeatLeader.objects.bulk_create([BeatLeader(name=_ROW)], ignore_conflicts=True)
            return self.take()
        if taken:
            self._token = token
            logger.info("beat_leads", owner=self.owner)
        return bool(taken)

    def keep(self, *, only_if: Q | None = None) -> bool:
        """Hold the lease for its full time from now on. False: it is lost, or the database says that not ``only_if``.

        Inside a transaction it also locks the row until the commit: nobody can take over in the middle.
        """
        if self._token is None:
            return False
        rows = BeatLeader.objects.filter(only_if or Q(), name=_ROW)
        return lease_extend(rows, token=self._token, seconds=self._seconds)

    def lose(self) -> None:
        """Note that another beat leads."""
        if self._token is not None:
            logger.warning("beat_stands_by", owner=self.owner, reason="its lease ran out")
        self._token = None

    def release(self) -> None:
        """Let another beat lead at once."""
        if self._token is not None:
            lease_release(BeatLeader.objects.filter(name=_ROW), token=self._token)
            self._token = None
