"""Messages per second, shared by everybody who uses the database.

The generic cell rate algorithm (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm): one row of the scope holds
when the next message is on time. Whoever takes some slots moves it on by as many intervals, if it is still where it was
read. So no slot has two owners, and whoever dies with some has only wasted them.

A slot is a moment. It may be used when the moment has come, and for ``LATE_SECONDS`` after that: in any ``t`` seconds
at most ``rate * (t + LATE_SECONDS) + 1`` messages begin, of all processes together.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from styleguide_example.common.persistence import persistent
from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.scopes import Clock, scope_read

#: A slot that was not used for so long after its moment is lost.
LATE_SECONDS = 0.25
#: When nobody sent anything, the first slots lie so far back: they may be used at once.
BACK_SECONDS = 0.1
#: Slots are taken so far ahead and not further: few statements, and whoever comes new waits no longer than this for
#: others' slots. Without it a process at one message a second would hold the others' slots for as many seconds.
AHEAD_SECONDS = 0.25
#: Nobody is told to come back sooner: who waits for each slot by itself would write each message by itself.
STEP_SECONDS = 0.02


@dataclass
class _Held:
    slots: deque[datetime] = field(default_factory=deque)
    #: The row's ``next_free_at`` as we left it.
    end: datetime | None = None
    #: How many to take next time: twice as many after they were all used, one after some were wasted.
    appetite: int = 1
    #: Others have the next ones.
    ask_at: datetime | None = None


class Slots:
    """The slots that one process has taken, by scope."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, _Held] = {}

    def next_at(self, scope: str, rate: float) -> datetime | None:
        """Return None when a message may go now: :meth:`take` then uses the slot. Else when to ask again.

        Takes slots at ``rate`` a second when there are none: two statements, and one when others have them.
        """
        held = self._held.setdefault(scope, _Held())
        self._drop_late(held)
        if not held.slots:
            if held.ask_at is not None and held.ask_at > self._clock.now():
                return held.ask_at
            self._ask(scope, rate, held)
        now = self._clock.now()
        if not held.slots:
            return held.ask_at
        return None if held.slots[0] <= now else max(held.slots[0], now + timedelta(seconds=STEP_SECONDS))

    def take(self, scope: str) -> None:
        """Use the slot of which :meth:`next_at` said that it has come."""
        self._held[scope].slots.popleft()

    def tidy(self) -> None:
        """Forget scopes of which nothing is held, so that a list of domains does not grow for ever."""
        now = self._clock.now()
        for scope, held in list(self._held.items()):
            self._drop_late(held)
            if not held.slots and (held.ask_at is None or held.ask_at <= now):
                del self._held[scope]

    @persistent
    def give_back(self) -> None:
        """Let others have what was not used, as far as nobody took the slots after it."""
        for scope, held in self._held.items():
            self._drop_late(held)
            if held.slots:
                SendingPace.objects.filter(scope=scope, next_free_at=held.end).update(next_free_at=held.slots[0])
        self._held.clear()

    @persistent
    def _ask(self, scope: str, rate: float, held: _Held) -> None:
        """Compare and swap: nothing is locked for longer than one statement, and nothing at all by those who wait.

        When it is asked again because the database was away, it may have taken slots that nobody will use.
        """
        while True:
            row, now = scope_read(scope, self._clock)
            slots = slots_free(free_at=row.next_free_at, now=now, rate=rate, wanted=held.appetite)
            if not slots:
                held.ask_at = _ask_at(row.next_free_at or now, now)
                return
            end = slots[0] + timedelta(seconds=len(slots) / rate)
            as_read = SendingPace.objects.filter(pk=row.pk, next_free_at=row.next_free_at)
            if as_read.update(next_free_at=end, changed_at=now):
                held.slots, held.end, held.ask_at = deque(slots), end, None
                held.appetite *= 2
                return

    def _drop_late(self, held: _Held) -> None:
        late = self._clock.now() - timedelta(seconds=LATE_SECONDS)
        while held.slots and held.slots[0] < late:
            held.slots.popleft()
            held.appetite = 1


def _ask_at(free_at: datetime, now: datetime) -> datetime:
    return max(free_at - timedelta(seconds=AHEAD_SECONDS), now + timedelta(seconds=STEP_SECONDS))


def slots_free(*, free_at: datetime | None, now: datetime, rate: float, wanted: int) -> list[datetime]:
    """Return at most ``wanted`` slots at ``rate`` a second, the first at ``free_at`` or hardly before ``now``.

    None that lies too far ahead. A time long past gives no credit: who sent nothing may not send twice as fast now.
    """
    earliest = now - timedelta(seconds=BACK_SECONDS)
    start = max(free_at or earliest, earliest)
    ahead = (now - start).total_seconds() + AHEAD_SECONDS
    number = min(wanted, math.floor(ahead * rate) + 1) if ahead >= 0 else 0
    return [start + timedelta(seconds=index / rate) for index in range(number)]
