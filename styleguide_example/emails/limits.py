"""What a mail server allows, and how all workers of all machines keep to it together: the one door to that.

Messages per second are in :mod:`~styleguide_example.emails.pace`, connections in
:mod:`~styleguide_example.emails.places`, 421 and 451 in :mod:`~styleguide_example.emails.slowdowns`, servers that are
down in :mod:`~styleguide_example.emails.failover`. What is shared is in the database; without limits and without
trouble that is nothing, and nothing is written.
"""

import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from styleguide_example.emails.failover import Failover
from styleguide_example.emails.models import ConnectionLease, SendingPace
from styleguide_example.emails.pace import STEP_SECONDS, Slots
from styleguide_example.emails.places import ASK_AGAIN_SECONDS, Places
from styleguide_example.emails.scopes import Clock, Troubles, scope_of
from styleguide_example.emails.slowdowns import SlowDowns, Traffic, is_of_the_server, is_too_much, rate_at

#: So many domains of one server that have too much at once are the server.
DOMAINS_ARE_THE_SERVER = 5
KEEP_ROWS = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """What is allowed at once, by all together. None: as much as one likes."""

    per_second: float | None = None
    connections: int | None = None


def limit_for(server: str, domain: str = "") -> Limit | None:
    """Return the limit of ``server``, or of ``domain`` at it: its own, else that of "*". None: it has none."""
    limits = settings.EMAIL_LIMITS
    if not limits:
        return None
    values = limits.get(scope_of(server, domain)) or (limits.get(f"{server}/*") if domain else None)
    return None if values is None else Limit(*values)


class Gate:
    """Says when, where to and over how many connections this process may send, and hears what became of it.

    For one thread, outside transactions. Each method asks what others have said at most once a second; no method waits.
    Moments are the database's (*One clock*, ``common/leases.py``): :meth:`seconds_until` says how far off one is.

    What it asks the database is asked again when that was away for a moment; when it stays away its error rises. What
    is told (:meth:`slowed`, :meth:`unreachable`, :meth:`reached`) is told once, and the error rises.
    """

    def __init__(self, holder: uuid.UUID, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = Clock(monotonic)
        self._troubles = Troubles(self._clock)
        self._traffic = Traffic(self._clock)
        self._slots = Slots(self._clock)
        self._places = Places(holder, self._clock)
        self._slow_downs = SlowDowns(self._clock, self._troubles, self._traffic)
        self._failover = Failover(self._clock, self._troubles)
        #: Conversations that have not ended, by scope of a domain whose number is limited.
        self._busy: Counter[str] = Counter()
        self._is_closed = False

    # -- May we? -------------------------------------------------------------------------------------------------------

    def route(self, alias: str) -> str:
        """Return which server to use now: ``alias``, or its fallback while it is down. ``alias`` when all are down.

        Ask again for what was not admitted: when a server was down for its time, one process is told to try it, and
        told so until one message is admitted to it. For the others it is the fallback still.
        """
        self._refresh()
        return self._failover.route(alias)

    def closed_until(self, alias: str) -> datetime | None:
        """Return until when nothing can be sent by ``alias`` or its fallbacks. None: it is open, as far as one knows.

        From what is known: asks nobody, takes nothing, tries nothing.
        """
        return self._failover.closed_until(alias)

    def connections(self, server: str, wanted: int, *, in_use: int = 0) -> int:
        """Return how many connections this process may have now, at most ``wanted``. Ask again every now and then.

        All processes get fair shares, so it may be fewer than a moment ago: close those that are too many. Others get
        them when they are no longer ``in_use``. They are ours until :meth:`close`, or until ``wanted`` is 0.
        """
        self._refresh()
        limit = limit_for(server)
        wanted = self._slowed_connections(server, wanted)
        if limit is None or limit.connections is None:
            return wanted
        return self._places.granted(scope_of(server), limit=limit.connections, wanted=wanted, in_use=in_use)

    def admit(self, server: str, domains: Iterable[str]) -> datetime | None:
        """Return None when a message to these domains may go now; the allowance is taken. Else when to ask again.

        Nothing is taken then, and it is no promise: others may be first. Sooner is worth it after one of ours
        :meth:`ended`. Whoever was admitted sends at once, within :data:`~styleguide_example.emails.pace.LATE_SECONDS`.
        """
        self._refresh()
        by_scope = {scope_of(server, domain): domain for domain in domains}
        if not settings.EMAIL_LIMITS and not self._troubles:  # ten thousand times a second
            self._traffic.count([scope_of(server), *by_scope])
            return None
        of_domains = {scope: limit_for(server, domain) for scope, domain in by_scope.items()}
        scopes = of_domains | {scope_of(server): limit_for(server)}
        if not self._failover.admits(server):
            return self.moment_in(STEP_SECONDS)
        if (at := self._paused_until(scopes)) or (at := self._without_place(of_domains)):
            return at
        # Domains first: they are the narrower ones, and slots of the server would go stale while one waits for them.
        paced = {scope: rate for scope, limit in scopes.items() if (rate := self._rate(scope, limit)) is not None}
        for scope, rate in paced.items():
            if at := self._slots.next_at(scope, rate):
                return at
        for scope in paced:
            self._slots.take(scope)
        self._failover.admitted(server)
        self._traffic.count(scopes)
        self._busy.update(scope for scope, limit in of_domains.items() if limit and limit.connections)
        return None

    # -- What became of it ---------------------------------------------------------------------------------------------

    def ended(self, server: str, domains: Iterable[str]) -> None:
        """Note that a conversation which was admitted is over, however it ended."""
        if not self._busy:
            return
        for scope in {scope_of(server, domain) for domain in domains}:
            if self._busy[scope] > 1:
                self._busy[scope] -= 1
            else:
                del self._busy[scope]
        if self._is_closed:
            self._give_back_places()

    def slowed(self, server: str, domains: Iterable[str], reply: str) -> None:
        """Note that ``server`` answered ``reply``. If that says "too much" (421, 451 and their like), all slow down.

        Args:
            domains: those whose recipients, and nothing else, were answered so. Empty: the reply was to something else.
        """
        if not is_too_much(reply):
            return
        scopes = set() if is_of_the_server(reply) else {scope_of(server, domain) for domain in domains}
        if not scopes or self._is_the_server(server, scopes):
            scopes = {scope_of(server)}
        for scope in scopes:
            _, _, domain = scope.partition("/")
            limit = limit_for(server, domain)
            self._slow_downs.tell(scope, reply=reply, limit=limit.per_second if limit else None)

    def unreachable(self, server: str) -> None:
        """Note that it did not let us in: nobody there, no TLS, a wrong password. After enough its fallback sends."""
        self._refresh()
        self._failover.unreachable(server)

    def reached(self, server: str) -> None:
        """Note that the server is there. Costs nothing unless somebody said otherwise: call it after each success."""
        self._failover.reached(server)

    # -- The rest ------------------------------------------------------------------------------------------------------

    @property
    def is_limited(self) -> bool:
        """Whether connections are held of which there may be only so many."""
        return bool(self._places.held())

    def seconds_until(self, moment: datetime) -> float:
        """Return how far off ``moment`` is, 0 when it has passed."""
        return max(0.0, (moment - self._clock.now()).total_seconds())

    def moment_in(self, seconds: float) -> datetime:
        """Return the moment that is so far off."""
        return self._clock.now() + timedelta(seconds=seconds)

    def close(self) -> None:
        """Give back what is held, but for the places of conversations that go on. It may be used again afterwards."""
        self._slots.give_back()
        self._give_back_places()
        self._troubles.forget()
        self._is_closed = True

    def _give_back_places(self) -> None:
        self._places.give_back(self._places.held() - self._busy.keys())

    def _refresh(self) -> None:
        self._is_closed = False
        if self._troubles.refresh():
            self._slow_downs.end()
            self._slots.tidy()
            self._places.tend(busy=self._busy)

    def _paused_until(self, scopes: Iterable[str]) -> datetime | None:
        pauses = [at for scope in scopes if (at := self._troubles.paused_until(scope))]
        return max(pauses, default=None)

    def _without_place(self, of_domains: dict[str, Limit | None]) -> datetime | None:
        for scope, limit in of_domains.items():
            if limit is None or limit.connections is None:
                continue
            busy = self._busy[scope]
            # Twice as many each time: few statements, and no more than are needed.
            wanted = min(limit.connections, 1 << busy.bit_length())
            granted = self._places.granted(scope, limit=limit.connections, wanted=wanted, in_use=busy)
            if granted <= busy:
                return self.moment_in(ASK_AGAIN_SECONDS)
        return None

    def _rate(self, scope: str, limit: Limit | None) -> float | None:
        trouble = self._troubles.get(scope)
        rates = [limit.per_second if limit else None, rate_at(trouble, self._clock.now()) if trouble else None]
        return min((rate for rate in rates if rate), default=None)

    def _slowed_connections(self, server: str, wanted: int) -> int:
        """Fewer of them while a server recovers: "too much" may have meant too many of them."""
        trouble = self._troubles.get(scope_of(server))
        rate = rate_at(trouble, self._clock.now()) if trouble else None
        if trouble is None or rate is None:
            return wanted
        return min(wanted, max(1, round(wanted * rate / trouble.ceiling)))

    def _is_the_server(self, server: str, scopes: set[str]) -> bool:
        paused = {scope for scope, _ in self._troubles.items() if scope.startswith(f"{server}/")}
        return len({scope for scope in paused if self._troubles.paused_until(scope)} | scopes) >= DOMAINS_ARE_THE_SERVER


class _Kept(threading.local):
    """``pid`` tells a child that what its parent holds is its parent's."""

    gate: Gate | None = None
    pid = 0


_kept = _Kept()


def gate() -> Gate:
    """Return this thread's gate."""
    if _kept.gate is None or _kept.pid != os.getpid():
        _kept.gate, _kept.pid = Gate(uuid.uuid4()), os.getpid()
    return _kept.gate


def gate_forget() -> None:
    """Leave this thread's gate as it is, and what it holds to run out; the next one knows nothing."""
    _kept.gate = None


def limits_cleanup() -> int:
    """Delete what says nothing any more: leases that ran out, and scopes in which nothing happened for a day.

    Returns how many rows went.
    """
    leases, _ = ConnectionLease.objects.filter(expires_at__lte=Now()).delete()
    is_over = (Q(next_free_at=None) | Q(next_free_at__lte=Now())) & (Q(paused_until=None) | Q(paused_until__lte=Now()))
    scopes, _ = SendingPace.objects.filter(is_over, changed_at__lte=Now() - KEEP_ROWS).delete()
    return leases + scopes
