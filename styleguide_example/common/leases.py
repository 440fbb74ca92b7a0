"""Who works on a row, and until when: claim, extend, record, release. Knows no domain.

A lease is three columns of the row itself, so taking it is one conditional ``UPDATE`` and its row count is the answer:
right on SQLite and PostgreSQL alike, with no lock that could outlive a crash. The token fences: whoever lost the lease
changes nothing any more, however late it comes
(https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html).

*One clock.* Due times and leases are compared with the database's clock, because the clocks of two workers differ.

Every function takes a queryset of a :class:`~styleguide_example.common.models.LeasedModel` and one call is one
statement. What a holder has to say is said again when the database was away for a moment.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from styleguide_example.common.persistence import persistent

UNCLAIMED = Q(lease_token__isnull=True)
_NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_owner": "", "lease_expires_at": None}


def lease_claim(rows: QuerySet[Any], *, owner: str, seconds: float, **changes: Any) -> uuid.UUID | None:
    """Take the due, unclaimed row in ``rows`` and count the attempt.

    Returns the token, or None when there is nothing to do: somebody else holds it, or it is not due.
    """
    token = uuid.uuid4()
    claimed = rows.filter(UNCLAIMED, next_attempt_at__lte=Now()).update(
        lease_token=token,
        lease_owner=owner[:255],
        lease_expires_at=Now() + timedelta(seconds=seconds),
        attempts=F("attempts") + 1,
        **changes,
    )
    return token if claimed else None


@persistent
def lease_extend(rows: QuerySet[Any], *, token: uuid.UUID, seconds: float, **changes: Any) -> bool:
    """Hold the row for ``seconds`` from now on, and record ``changes``. False: the lease is lost, stop working."""
    held = rows.filter(lease_token=token, lease_expires_at__gt=Now())
    return held.update(lease_expires_at=Now() + timedelta(seconds=seconds), **changes) == 1


@persistent
def lease_release(rows: QuerySet[Any], *, token: uuid.UUID, **changes: Any) -> bool:
    """Give the row back and record ``changes``. False: the lease was lost, and nothing was changed."""
    return rows.filter(lease_token=token).update(**_NO_LEASE, **changes) == 1


def moment_now(rows: QuerySet[Any]) -> datetime | None:
    """Return the time by the database's clock, for a due time that is computed (*One clock*). None: there is no row."""
    now: datetime | None = rows.annotate(database_now=Now()).values_list("database_now", flat=True).first()
    return now


def leases_expired(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows whose holder's time ran out: killed, cut off, or stopped. Release each by its token."""
    # The token is asked for too, because a partial index on it serves only those who say so.
    return rows.filter(lease_token__isnull=False, lease_expires_at__lte=Now())


def rows_to_wake(rows: QuerySet[Any], *, again_after_seconds: float) -> QuerySet[Any]:
    """The rows that are due, unclaimed, and not woken lately: their message was lost, or never sent."""
    return rows.filter(
        UNCLAIMED,
        Q(woken_at__isnull=True) | Q(woken_at__lte=Now() - timedelta(seconds=again_after_seconds)),
        next_attempt_at__lte=Now(),
    )


def rows_woken(rows: QuerySet[Any], *, ids: Iterable[Any]) -> None:
    """Note that a wake-up was asked for these rows just now."""
    rows.filter(pk__in=list(ids)).update(woken_at=Now())
