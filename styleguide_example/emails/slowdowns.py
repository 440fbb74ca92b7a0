"""What happens when a server says that it is too much: everybody pauses, goes on slowly, and grows faster again.

Additive increase, multiplicative decrease (https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease), as
TCP does it for the same reason: nobody knows what the other side can take just now, and all who send share it.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings

from styleguide_example.common.persistence import persistent
from styleguide_example.core.backoff import backoff_seconds
from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.scopes import Clock, Trouble, Troubles, scope_locked

logger = structlog.get_logger(__name__)

#: Nobody recovers to less than this, unless even less is allowed, or begins with less than a tenth of it: one message
#: tells as well as many whether it is still too much.
SLOWEST_PER_SECOND = 1.0
#: Trouble so long after a pause is new trouble, and not the same going on.
IN_A_ROW_SECONDS = 10.0
_LEVEL_MAX = 30
#: RFC 5321 4.2.2 (421, 451), RFC 3463 (X.3.2 takes no messages now, X.4.5 congestion, X.7.x policy).
_TOO_MUCH = re.compile(r"4[25]1\b|4\d\d[ -]4\.(3\.2|4\.5|7\.\d+)\b")


def is_too_much(reply: str) -> bool:
    """Whether a server's ``reply``, which begins with its code, says "too much" and not "not this"."""
    return _TOO_MUCH.match(reply) is not None


def is_of_the_server(reply: str) -> bool:
    """Whether ``reply`` is about the server as a whole, whatever it answers to: it closes the connection."""
    return reply.startswith("421")


def rate_at(trouble: Trouble, now: datetime) -> float | None:
    """Return how many messages a second may go, 0 in a pause. None: the trouble is over."""
    if trouble.paused_until is None:
        return None
    seconds = (now - trouble.paused_until).total_seconds()
    if seconds < 0:
        return 0.0
    rate = trouble.rate + trouble.ceiling * seconds / max(settings.EMAIL_SLOW_DOWN_RECOVERY_SECONDS, 0.001)
    return rate if rate < trouble.ceiling else None


def slowed_down(trouble: Trouble | None, *, now: datetime, observed: float, limit: float | None) -> Trouble:
    """Return what a scope is like after it said that it was too much.

    Args:
        observed: messages a second that the caller has sent lately.
        limit: messages a second that are allowed at all.
    """
    rate = rate_at(trouble, now) if trouble else None
    if trouble is None or trouble.paused_until is None or rate is None:
        level, rate, ceiling = 1, observed, max(SLOWEST_PER_SECOND, observed)
    else:
        is_in_a_row = (now - trouble.paused_until).total_seconds() < IN_A_ROW_SECONDS
        level = min(trouble.level + 1, _LEVEL_MAX) if is_in_a_row else 1
        # It is over sooner than the last time: twice what was too much is proof enough.
        ceiling = min(trouble.ceiling, max(SLOWEST_PER_SECOND, 2 * rate))
    ceiling = ceiling if limit is None else min(ceiling, limit)
    slowest = min(SLOWEST_PER_SECOND, ceiling) / 10
    pause = backoff_seconds(
        level,
        base=settings.EMAIL_SLOW_DOWN_PAUSE_SECONDS,
        maximum=settings.EMAIL_SLOW_DOWN_PAUSE_MAX_SECONDS,
        uniform=_upper_half,
    )
    return Trouble(
        level=level,
        paused_until=now + timedelta(seconds=pause),
        # Half; a quarter when that was too much as well, then an eighth of that: what it can take is found soon.
        rate=max(slowest, min(rate, ceiling) / 2**level),
        ceiling=ceiling,
    )


def _upper_half(_: float, longest: float) -> float:
    """Jitter, but not down to nothing: a server that is asked again at once says the same again."""
    return random.uniform(longest / 2, longest)  # noqa: S311  nobody gains by guessing it


class Traffic:
    """How many messages went to each scope lately, as far as this process knows."""

    WINDOW_SECONDS = 5.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at = clock.monotonic()
        self._numbers: Counter[str] = Counter()
        self._last_at: dict[str, float] = {}
        self._former: tuple[Counter[str], dict[str, float]] = (Counter(), {})

    def count(self, scopes: Iterable[str]) -> None:
        """Note that a message goes now."""
        at = self._turn()
        for scope in scopes:
            self._numbers[scope] += 1
            self._last_at[scope] = at

    def per_second(self, scope: str) -> float:
        """Return messages a second over the last seconds."""
        seconds = self._turn() - self._began_at
        former, _ = self._former
        number = self._numbers[scope] + former[scope]
        return number / max(1.0, seconds + (self.WINDOW_SECONDS if former else 0.0))

    def last_at(self, scope: str) -> datetime | None:
        """Return when the last one went. None: not lately."""
        self._turn()
        last_at = self._last_at.get(scope) or self._former[1].get(scope)
        return None if last_at is None else self._clock.at(last_at)

    def _turn(self) -> float:
        at = self._clock.monotonic()
        age = at - self._began_at
        if age >= self.WINDOW_SECONDS:
            is_next = age < 2 * self.WINDOW_SECONDS
            self._former = (self._numbers, self._last_at) if is_next else (Counter(), {})
            self._numbers, self._last_at, self._began_at = Counter(), {}, at
        return at


class SlowDowns:
    """What one process tells the others of servers that had too much."""

    def __init__(self, clock: Clock, troubles: Troubles, traffic: Traffic) -> None:
        self._clock = clock
        self._troubles = troubles
        self._traffic = traffic
        #: The pauses to which this process has said how fast it was.
        self._told: dict[str, datetime | None] = {}

    def tell(self, scope: str, *, reply: str, limit: float | None) -> None:
        """Slow everybody down, unless everybody knows: replies within a pause are of one volley, and count once.

        So are those to messages that went before the pause, however late they come. One transaction.
        """
        known = self._troubles.get(scope)
        if self._troubles.paused_until(scope) and known and self._told.get(scope) == known.paused_until:
            return
        observed = self._traffic.per_second(scope)
        with scope_locked(scope, self._clock) as (row, now):
            before = Trouble.of(row)
            after = self._after(scope, before, now=now, observed=observed, limit=limit)
            if after != before and after is not None:
                SendingPace.objects.filter(pk=row.pk).update(
                    level=after.level,
                    paused_until=after.paused_until,
                    rate=after.rate,
                    ceiling=after.ceiling,
                    reason=reply[:1000],
                    changed_at=now,
                )
        self._troubles.put(scope, after)
        if after is not None:
            self._told[scope] = after.paused_until
            if before is None or after.paused_until != before.paused_until:
                # Not the reply: there may be an address in it. It is in the row.
                logger.warning("email_sending_slowed_down", level=after.level, **_about(scope))

    @persistent
    def end(self) -> None:
        """Write down for everybody which troubles are over."""
        now = self._clock.now()
        for scope, trouble in self._troubles.items():
            if trouble.ceiling and rate_at(trouble, now) is None:
                rows = SendingPace.objects.filter(scope=scope, level=trouble.level, paused_until=trouble.paused_until)
                if rows.update(level=0, paused_until=None, rate=None, ceiling=None, reason="", changed_at=now):
                    logger.info("email_sending_recovered", **_about(scope))
                self._troubles.put(scope, None)

    def _after(
        self, scope: str, trouble: Trouble | None, *, now: datetime, observed: float, limit: float | None
    ) -> Trouble | None:
        if trouble is None or trouble.paused_until is None:
            return slowed_down(trouble, now=now, observed=observed, limit=limit)
        if now < trouble.paused_until:
            is_new = trouble.level == 1 and self._told.get(scope) != trouble.paused_until
            return _faster(trouble, observed, limit) if is_new else trouble
        last_at = self._traffic.last_at(scope)
        if last_at is not None and last_at < trouble.paused_until:
            return trouble
        return slowed_down(trouble, now=now, observed=observed, limit=limit)


def _about(scope: str) -> dict[str, object]:
    """Return what a log may know of ``scope``: not which domain, for some are a person's own."""
    server, _, domain = scope.partition("/")
    return {"server": server, "is_one_domain": bool(domain)}


def _faster(trouble: Trouble, observed: float, limit: float | None) -> Trouble:
    """Another process was sending too: what was too much is what all of them sent."""
    ceiling = trouble.ceiling + observed
    ceiling = ceiling if limit is None else min(ceiling, limit)
    return replace(trouble, rate=min(trouble.rate + observed / 2, max(trouble.rate, ceiling / 2)), ceiling=ceiling)
