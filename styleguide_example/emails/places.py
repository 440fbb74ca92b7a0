"""Connections to a server, and conversations about one domain: how many each process may have at once.

A lease for each process and scope says how many it uses. They are given out under the row's lock of the scope, so that
all of them together are never more than the limit. What a process that died had is free when its lease ran out.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from styleguide_example.common.persistence import persistent
from styleguide_example.emails.models import ConnectionLease
from styleguide_example.emails.scopes import Clock, scope_locked

#: How long a process is believed without a sign.
LEASE_SECONDS = 30
#: And one that waits for a place and has none: its turn passes to others when it is gone.
WAIT_SECONDS = 5
#: How often it says what it needs, so that others get their share.
RENEW_SECONDS = 2.0
#: And when it got less than it wants, or gives some back.
ASK_AGAIN_SECONDS = 1.0
#: What is held and not asked for is kept alive this often...
KEEP_ALIVE_SECONDS = LEASE_SECONDS / 3
#: ...and for so long: a conversation is over when it is over, a connection stays open for the next one.
DOMAIN_IDLE_SECONDS = 2.0
SERVER_IDLE_SECONDS = 60.0


@dataclass
class _Lease:
    wanted: int
    granted: int
    #: As the row says. More than granted while connections that were granted before may still be open.
    counted: int
    asked_at: float


class Places:
    """The places that one process holds, by scope."""

    def __init__(self, holder: uuid.UUID, clock: Clock) -> None:
        self._holder = holder
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        self._kept_alive_at = clock.monotonic()

    def granted(self, scope: str, *, limit: int, wanted: int, in_use: int = 0) -> int:
        """Return how many of ``limit`` places this process may use now: its fair share, at most ``wanted``.

        It may be fewer than a moment ago, because others came. They get them when they are no longer ``in_use``, and
        not before the next time that we say what we need. Asks the database only when something changed or is old.
        """
        wanted = min(wanted, limit)
        lease = self._leases.get(scope)
        if lease is None and not (wanted or in_use):
            return 0
        if lease is None or self._has_to_ask(lease, wanted):
            lease = self._ask(scope, limit, wanted, in_use)
        return min(wanted, lease.granted)

    def tend(self, *, busy: Collection[str]) -> None:
        """Give back what nobody asked for lately, unless it is ``busy``, and keep the rest alive."""
        at = self._clock.monotonic()
        self.give_back(
            [
                scope
                for scope, lease in self._leases.items()
                if scope not in busy
                and at - lease.asked_at > (DOMAIN_IDLE_SECONDS if "/" in scope else SERVER_IDLE_SECONDS)
            ]
        )
        if self._leases and at - self._kept_alive_at >= KEEP_ALIVE_SECONDS:
            self._kept_alive_at = at
            self._keep_alive()

    @persistent
    def _keep_alive(self) -> None:
        self._rows(self._leases).filter(count__gt=0).update(expires_at=Now() + timedelta(seconds=LEASE_SECONDS))

    @persistent
    def give_back(self, scopes: Collection[str]) -> None:
        """Let others have the places of ``scopes``."""
        gone = [scope for scope in scopes if scope in self._leases]
        if gone:
            self._rows(gone).delete()
            for scope in gone:
                del self._leases[scope]

    def held(self) -> set[str]:
        """Return the scopes in which places are held."""
        return set(self._leases)

    def _has_to_ask(self, lease: _Lease, wanted: int) -> bool:
        age = self._clock.monotonic() - lease.asked_at
        is_short = lease.granted < wanted or lease.granted < lease.counted
        return wanted > lease.wanted or age >= (ASK_AGAIN_SECONDS if is_short else RENEW_SECONDS)

    @persistent
    def _ask(self, scope: str, limit: int, wanted: int, in_use: int) -> _Lease:
        former = self._leases.get(scope)
        with scope_locked(scope, self._clock) as (_, now):
            is_alive = Q(expires_at__gt=now) | Q(holder=self._holder)
            rows = list(ConnectionLease.objects.filter(is_alive, scope=scope).order_by("pk"))
            mine = next((index for index, row in enumerate(rows) if row.holder == self._holder), len(rows))
            wishes = [row.wanted for row in rows]
            wishes[mine : mine + 1] = [wanted]
            free = max(0, limit - sum(row.count for row in rows if row.holder != self._holder))
            granted = min(shares(limit, wishes)[mine], free)
            counted = max(granted, in_use, min(former.granted, free) if former else 0)
            values = _values(wanted=wanted, counted=counted, now=now)
            if mine == len(rows) or not self._rows([scope]).update(**values):
                ConnectionLease.objects.create(scope=scope, holder=self._holder, **values)
        lease = _Lease(wanted=wanted, granted=granted, counted=counted, asked_at=self._clock.monotonic())
        self._leases[scope] = lease
        if not (wanted or counted):
            self.give_back([scope])
        return lease

    def _rows(self, scopes: Iterable[str]) -> QuerySet[ConnectionLease]:
        return ConnectionLease.objects.filter(holder=self._holder, scope__in=list(scopes))


def _values(*, wanted: int, counted: int, now: datetime) -> dict[str, Any]:
    expires_at = now + timedelta(seconds=LEASE_SECONDS if counted else WAIT_SECONDS)
    return {"wanted": wanted, "count": counted, "expires_at": expires_at}


def shares(limit: int, wishes: Sequence[int]) -> list[int]:
    """Return how many of ``limit`` places each gets: never more than wished, and a fair share where there are too few.

    https://en.wikipedia.org/wiki/Max-min_fairness. What cannot be divided goes to those that stand first.
    """
    result = [0] * len(wishes)
    left = limit
    modest_first = sorted(range(len(wishes)), key=lambda index: (wishes[index], -index))
    for done, index in enumerate(modest_first):
        result[index] = min(wishes[index], left // (len(wishes) - done))
        left -= result[index]
    return result
