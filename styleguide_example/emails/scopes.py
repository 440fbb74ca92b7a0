"""What everybody knows about a mail server, or about one domain at it: a row, and the database's clock.

A scope is what a limit, a pause or a failure is about. Its row is there only if it has something to say.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from styleguide_example.common.persistence import persistent
from styleguide_example.emails.models import SCOPE_MAX_LENGTH, SendingPace

#: How old what a process knows of others' trouble may grow.
REFRESH_SECONDS = 1.0


def scope_of(server: str, domain: str = "") -> str:
    """Return the scope of ``server``, or of ``domain`` at it."""
    return f"{server}/{domain}"[:SCOPE_MAX_LENGTH] if domain else server


def scope_of_connecting(server: str) -> str:
    """Return the scope of the way to ``server``: whether it can be reached at all."""
    return f"connect:{server}"  # no alias has a colon


class Clock:
    """The database's time, kept between two looks at it (*One clock*, ``common/leases.py``).

    In between the monotonic clock goes on, so a jump of this machine's own clock moves nothing.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._read: tuple[datetime, float] | None = None

    def set(self, now: datetime, *, at: float) -> None:
        """Note that the database's time was ``now`` at ``at`` on the monotonic clock.

        ``at`` is taken before the database is asked: whoever was stopped in between then believes that it is later
        than it is, and what it got has gone stale rather than being used too late.
        """
        self._read = (now, at)

    def at(self, moment: float) -> datetime:
        """Return what the database's time was, or will be, at ``moment`` on the monotonic clock."""
        if self._read is None:  # nothing was read, so there is nothing to compare with
            self._read = (timezone.now(), self.monotonic())
        now, at = self._read
        return now + timedelta(seconds=moment - at)

    def now(self) -> datetime:
        """Return the database's time."""
        return self.at(self.monotonic())


def scope_read(scope: str, clock: Clock) -> tuple[SendingPace, datetime]:
    """Return the row of ``scope``, made if it is missing, and the database's time."""
    return _read(SendingPace.objects.filter(scope=scope), scope, clock)


@contextmanager
def scope_locked(scope: str, clock: Clock) -> Iterator[tuple[SendingPace, datetime]]:
    """Lock the row of ``scope`` until the block ends. Gives what :func:`scope_read` returns."""
    with transaction.atomic():
        yield _read(SendingPace.objects.select_for_update().filter(scope=scope), scope, clock)


def _read(rows: QuerySet[SendingPace], scope: str, clock: Clock) -> tuple[SendingPace, datetime]:
    rows = rows.annotate(now=Now())
    at = clock.monotonic()
    row = rows.first()
    if row is None:
        SendingPace.objects.bulk_create([SendingPace(scope=scope)], ignore_conflicts=True)
        at = clock.monotonic()
        row = rows.get()
    now: datetime = row.now
    clock.set(now, at=at)
    return row, now


@dataclass(frozen=True)
class Trouble:
    """Something is wrong with a scope.

    ``level``: how often in a row it went wrong. Nobody sends before ``paused_until``; then ``rate`` messages a second,
    and more from second to second until it is ``ceiling``, when the trouble is over.
    """

    level: int
    paused_until: datetime | None = None
    rate: float = 0.0
    ceiling: float = 0.0

    @classmethod
    def of(cls, row: SendingPace) -> "Trouble | None":
        """Return what ``row`` says, None when all is well."""
        if not row.level:
            return None
        return cls(row.level, row.paused_until, row.rate or 0.0, row.ceiling or 0.0)


class Troubles:
    """What is wrong at present, by scope: asked of the database once a second, whatever else happens."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_scope: dict[str, Trouble] = {}
        self._read_at: float | None = None

    def refresh(self) -> bool:
        """Ask the database, if that was not done in the last second. Returns whether it was asked."""
        at = self._clock.monotonic()
        if self._read_at is not None and at - self._read_at < REFRESH_SECONDS:
            return False
        self._read()
        return True

    @persistent
    def _read(self) -> None:
        at = self._clock.monotonic()
        rows = list(SendingPace.objects.filter(level__gt=0).annotate(now=Now()))
        if rows:
            self._clock.set(rows[0].now, at=at)
        self._by_scope = {row.scope: trouble for row in rows if (trouble := Trouble.of(row))}
        self._read_at = at

    def forget(self) -> None:
        """Ask the database at the next look."""
        self._by_scope, self._read_at = {}, None

    def get(self, scope: str) -> Trouble | None:
        """Return the trouble of ``scope``, as of the last look."""
        return self._by_scope.get(scope)

    def __bool__(self) -> bool:
        return bool(self._by_scope)

    def put(self, scope: str, trouble: Trouble | None) -> None:
        """Note what this process has just written."""
        self._by_scope.pop(scope, None)
        if trouble is not None:
            self._by_scope[scope] = trouble

    def items(self) -> list[tuple[str, Trouble]]:
        """Return all of them."""
        return list(self._by_scope.items())

    def paused_until(self, scope: str) -> datetime | None:
        """Return until when nobody uses ``scope``. None: now it may be used."""
        trouble = self._by_scope.get(scope)
        if trouble is None or trouble.paused_until is None or trouble.paused_until <= self._clock.now():
            return None
        return trouble.paused_until
