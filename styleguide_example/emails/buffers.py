"""What a burst holds and has not begun to send: claimed, in order, built when there is time, given back in the end."""

import time
from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings

from styleguide_example.emails import outcomes
from styleguide_example.emails.claims import Holding, emails_claim, emails_release
from styleguide_example.emails.connections import DEFAULT_SERVER
from styleguide_example.emails.delivery import HOLD_SECONDS, message_build, recipient_domains
from styleguide_example.emails.exceptions import EmailNotClaimedError
from styleguide_example.emails.limits import Gate, limit_for
from styleguide_example.emails.models import Email, EmailAttachment
from styleguide_example.emails.senders import Parcel


class Buffer:
    """Parcels in the order in which they should go out: the most urgent first, then the longest due."""

    def __init__(self, *, owner: str, gate: Gate) -> None:
        self._owner = owner
        self._gate = gate
        self._parcels: list[Parcel] = []
        self._with_files: set[int] = set()
        self._next_slot: dict[tuple[str, tuple[str, ...]], datetime] = {}
        self._later: dict[datetime, list[Holding]] = defaultdict(list)
        self._expired: list[Holding] = []

    def __len__(self) -> int:
        return len(self._parcels)

    @property
    def capacity(self) -> int:
        """How many are held at most that could go out."""
        return int(settings.EMAIL_SENDING_CONNECTIONS) * 4

    @property
    def room(self) -> int:
        """How many more could be held."""
        return self.capacity - sum(1 for parcel in self._parcels if not _waits(parcel))

    def claim(self, limit: int, *, is_more_urgent: bool = False) -> int:
        """Claim at most ``limit`` e-mails, only such as are more urgent than all that could go out if asked for.

        Returns how many. Those whose address was suppressed since they were written are ended.
        """
        ready = (parcel.holding.email.priority for parcel in self._parcels if not _waits(parcel))
        more_urgent_than = next(ready, None) if is_more_urgent else None
        asked_at = time.monotonic()
        holdings = emails_claim(
            owner=self._owner, limit=limit, more_urgent_than=more_urgent_than, without_servers=self._servers_closed()
        )
        if not holdings:
            return 0
        parcels = [_parcel(holding, asked_at) for holding in holdings]
        for parcel in parcels:  # first of all: what is held here is given back, whatever goes wrong now
            self.put_back(parcel)
        self._with_files.update(
            EmailAttachment.objects.filter(email__in=[holding.email.pk for holding in holdings]).values_list(
                "email_id", flat=True
            )
        )
        self._end_unwanted(parcels)
        return len(holdings)

    def put_back(self, parcel: Parcel) -> None:
        """Hold a parcel again that was taken out and not sent."""
        insort(self._parcels, parcel, key=_urgency)

    def build_ahead(self) -> bool:
        """Build the message of one parcel. Returns whether there was one to build."""
        for parcel in self._parcels:
            if parcel.message is None:
                self._build(parcel)
                return True
        return False

    def route(self) -> None:
        """Choose the server of each, just before they are taken: a fallback's, while its own is down."""
        aliases = {parcel.holding.email.server or DEFAULT_SERVER for parcel in self._parcels}
        routes = {alias: self._gate.route(alias) for alias in aliases}
        for parcel in self._parcels:
            parcel.server = routes[parcel.holding.email.server or DEFAULT_SERVER]

    def take(self, server: str) -> Parcel | None:
        """Take out the first parcel to ``server`` that may go out now, with its allowance. None: there is none."""
        now = time.monotonic()
        for parcel in list(self._parcels):
            if parcel.server != server or parcel.not_before > now or self._has_expired(parcel):
                continue
            if self._is_admitted(parcel):
                if parcel.message is None and not self._build(parcel):
                    self._gate.ended(parcel.server, parcel.domains)
                    continue
                self._parcels.remove(parcel)
                return parcel
        return None

    def servers(self) -> set[str]:
        """The servers of the parcels that may go out now, as far as one knows."""
        return {parcel.server for parcel in self._parcels if not _waits(parcel)}

    def defer(self) -> None:
        """Give back those that may not go out soon, with the time at which they may, and those that expired here."""
        later, self._later = self._later, defaultdict(list)
        for retry_at, holdings in later.items():
            emails_release(holdings, retry_at=retry_at)
        expired, self._expired = self._expired, []
        emails_release(expired)

    def give_back(self) -> None:
        """Give back everything."""
        self.defer()
        held, self._parcels = self._parcels, []
        self._with_files.clear()
        emails_release([parcel.holding for parcel in held])

    def _end_unwanted(self, parcels: Sequence[Parcel]) -> None:
        unwanted = outcomes.unwanted_among([parcel.holding.email for parcel in parcels])
        for parcel in parcels:
            if parcel.holding.email.pk in unwanted:
                with suppress(EmailNotClaimedError):
                    outcomes.suppressed(parcel.holding)
                self._parcels.remove(parcel)

    def _has_expired(self, parcel: Parcel) -> bool:
        """Whether it must not go out any more. Then it is held no longer, and the sweep ends it."""
        if parcel.not_after > time.monotonic():
            return False
        self._parcels.remove(parcel)
        self._expired.append(parcel.holding)
        return True

    def _is_admitted(self, parcel: Parcel) -> bool:
        at = self._gate.admit(parcel.server, parcel.domains)
        if at is None:
            return True
        slot = self._slot(parcel, at)
        seconds = self._gate.seconds_until(slot)
        if seconds <= HOLD_SECONDS:
            parcel.not_before = time.monotonic() + seconds
        else:
            self._parcels.remove(parcel)
            self._later[slot].append(parcel.holding)
        return False

    def _slot(self, parcel: Parcel, at: datetime) -> datetime:
        """When it is the turn of one that has to wait: one after the other, by the rate of its domain.

        In whole seconds beyond the first, so that those of a second are given back with one statement.
        """
        rates = [limit.per_second for domain in parcel.domains if (limit := limit_for(parcel.server, domain))]
        slowest = min((rate for rate in rates if rate), default=None)
        if slowest is None:
            return at
        key = (parcel.server, parcel.domains)
        slot = max(at, self._next_slot.get(key, at))
        self._next_slot[key] = slot + timedelta(seconds=1 / slowest)
        is_soon = self._gate.seconds_until(slot) <= HOLD_SECONDS
        return slot if is_soon else slot.replace(microsecond=0) + timedelta(seconds=1)

    def _build(self, parcel: Parcel) -> bool:
        email = parcel.holding.email
        try:
            parcel.message = message_build(email, has_files=email.pk in self._with_files)
        except Exception as error:  # noqa: BLE001  whatever it was, the row must say so
            self._parcels.remove(parcel)
            outcomes.failed_and_ended(parcel.holding, error)
            return False
        return True

    def _servers_closed(self) -> set[str]:
        """Names of servers whose e-mails need not be claimed: closed, or with enough of theirs waiting here."""
        waiting: dict[str, int] = defaultdict(int)
        for parcel in self._parcels:
            if _waits(parcel):
                waiting[parcel.holding.email.server] += 1
        crowded = {name for name, number in waiting.items() if number >= self.capacity}
        names = ["", *settings.EMAIL_SENDING_SERVERS]
        closed = {name for name in names if self._gate.closed_until(name or DEFAULT_SERVER)}
        return crowded | closed


def _parcel(holding: Holding, asked_at: float) -> Parcel:
    email = holding.email
    parcel = Parcel(holding, email.server or DEFAULT_SERVER, _domains(email))
    if email.expires_at is not None and holding.claimed_at is not None:
        # The claim came after it was asked for, so this is early rather than late.
        parcel.not_after = asked_at + (email.expires_at - holding.claimed_at).total_seconds()
    return parcel


def _domains(email: Email) -> tuple[str, ...]:
    """None of a row that cannot be a message: it is recorded as such when it is its turn, and holds up no other."""
    try:
        return recipient_domains(email)
    except (AttributeError, TypeError, ValueError):
        return ()


def _waits(parcel: Parcel) -> bool:
    return parcel.not_before > time.monotonic()


def _urgency(parcel: Parcel) -> tuple[int, datetime]:
    email = parcel.holding.email
    assert email.next_attempt_at is not None  # noqa: S101  it was due
    return email.priority, email.next_attempt_at
