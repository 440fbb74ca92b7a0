"""Many e-mails at once: claimed in batches, sent over several connections, recorded in groups.

*No more risk than one by one.* An e-mail is leased with its batch, marked as on the wire just before its conversation
begins, and recorded after it; one statement records those that are finished and marks those that come next. So after
SIGKILL at any moment only those are in doubt that a connection was used for, and the others are sent without doubt.

One thread writes to the database, this one; the conversations are held by :mod:`~styleguide_example.emails.senders`.
"""

import time
from collections.abc import Callable, Iterable, Sequence

import structlog
from django.conf import settings

from styleguide_example.common import shutdown
from styleguide_example.emails import limits, outcomes, senders, suppressions
from styleguide_example.emails.buffers import Buffer
from styleguide_example.emails.claims import Holding
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.delivery import hear, hear_partly
from styleguide_example.emails.records import emails_record
from styleguide_example.emails.senders import Parcel, Report, Sender

logger = structlog.get_logger(__name__)

#: How often it is asked for something more urgent, and for something new when there was nothing.
LOOK_AGAIN_SECONDS = 0.25
#: What is on the wire when the time of a burst is over may take so long. Then the others go on meanwhile.
FAREWELL_SECONDS = 1.0
#: After this time no burst begins anything, however slow one of its e-mails is. The limits of its task are longer.
LONGEST_SECONDS = 60.0
#: How long the end of a burst that met an error waits for what is on the wire. The leases last longer.
DRAIN_SECONDS = 20.0
#: How long a turn waits for a report, so that the time and the shutdown are noticed.
TURN_SECONDS = 0.05


def emails_send_due(*, owner: str, more: Callable[[], object] | None = None) -> int:
    """Send what is due until nothing is left, or ``EMAIL_SENDING_BURST_SECONDS`` have passed. Returns how many were.

    The most urgent first, also those that are written meanwhile. Whatever becomes of one is recorded as by
    :func:`~styleguide_example.emails.delivery.email_send`, and delays no other.

    Args:
        owner: who holds the leases; a task passes its id.
        more: called at most once: at the start, when there is more than this burst could take at once, or else at the
            end, when something is left that it held.

    Raises:
        RuntimeError: called inside a transaction.
    """
    burst = _Burst(owner, more)
    try:
        burst.run()
    finally:
        burst.end()
    return burst.sent


class _Burst:
    """The state of one burst: what it holds, and who is at work."""

    def __init__(self, owner: str, more: Callable[[], object] | None) -> None:
        self.sent = 0
        self._more = more
        self._team = senders.team()
        self._gate = limits.gate()
        self._buffer = Buffer(owner=owner, gate=self._gate)
        self._busy = self._team.busy
        self._connected: list[tuple[Sender, Parcel]] = []
        self._delivered: list[tuple[Holding, Delivery]] = []  # and not yet recorded
        self._failed: list[Report] = []  # and not yet recorded
        self._untold: list[int] = []  # keys that were sent, and no line says so yet
        self._is_dry = False  # the last look found less than there was room for
        self._is_stuck = False  # nobody is at work, and what is held has to wait
        self._started_at = self._looked_at = self._told_at = time.monotonic()
        self._ends_at: float = self._started_at + settings.EMAIL_SENDING_BURST_SECONDS

    # -- The loop ------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Send until nothing is due, or the time is over."""
        self._look(self._buffer.capacity)
        if not self._is_dry:
            self._wake_another()
        while self._goes_on():
            self._turn(self._reports())
            has_more = self._look_for_more()
            self._is_stuck = not self._busy and not has_more

    def _turn(self, reports: Sequence[Report]) -> None:
        self._take_in(reports)
        self._hear(reports)
        self._record(self._picked())
        self._settle()

    def give_back(self) -> None:
        """Give back what is not on the wire."""
        for _, parcel in self._connected:
            self._gate.ended(parcel.server, parcel.domains)
            self._buffer.put_back(parcel)
        self._connected.clear()
        self._buffer.give_back()

    def end(self) -> None:
        """Give back what is not on the wire, and connections of which there may be only so many.

        After an error something may be on the wire: what becomes of it is recorded, if it can be heard.
        """
        self._ends_at, self._is_dry = time.monotonic(), False
        try:
            while (self._busy or self._delivered or self._failed) and not self._is_late(DRAIN_SECONDS):
                self._turn(self._team.wait_for_reports(TURN_SECONDS))
        finally:
            self._tell_who_was_sent()
            self._team.part_with_the_busy()
            self.give_back()
        if self._gate.is_limited:
            self._team.stop()
        self._gate.close()

    def _goes_on(self) -> bool:
        if not self._is_over():
            return bool(self._busy or self._connected or self._buffer)
        if self._buffer or self._connected:
            self.give_back()
            self._wake_another()
        if self._busy and self._is_held_up():
            self._ends_at = time.monotonic() + settings.EMAIL_SENDING_BURST_SECONDS
        return bool(self._busy)

    def _wake_another(self) -> None:
        more, self._more = self._more, None
        if more is not None:
            more()

    def _is_over(self) -> bool:
        """Whether nothing more may begin.

        The last of all are sent though the time is over: the next burst may have come already and found them held, so
        nobody would be woken for them.
        """
        if shutdown.is_shutting_down():
            return True
        has_the_last = self._is_dry and bool(self._buffer or self._connected)
        return self._is_late(settings.EMAIL_SENDING_BURST_SECONDS if has_the_last else 0)

    def _is_held_up(self) -> bool:
        """Whether something is on the wire for so long that the others had better go on meanwhile."""
        is_young = time.monotonic() - self._started_at < LONGEST_SECONDS
        return is_young and not shutdown.is_shutting_down() and self._is_late(FAREWELL_SECONDS)

    def _is_late(self, seconds: float) -> bool:
        return time.monotonic() - self._ends_at >= seconds

    def _reports(self) -> Sequence[Report]:
        """What the senders have to say. While they say nothing, messages are built for them."""
        if not self._busy:
            return self._team.wait_for_reports(TURN_SECONDS if self._is_stuck else 0)
        while not (reports := self._team.wait_for_reports(0)):
            if self._is_over() or not self._buffer.build_ahead():
                return self._team.wait_for_reports(TURN_SECONDS)
        return reports

    # -- What comes in -------------------------------------------------------------------------------------------------

    def _look_for_more(self) -> bool:
        """Claim more when there is room, and now and then what is more urgent. Returns whether there was something."""
        if self._is_late(0) or shutdown.is_shutting_down():
            return False
        is_time = time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS
        room = self._buffer.room
        if room >= self._buffer.capacity // 2 and (is_time or not self._is_dry):
            return self._look(room) > 0
        if is_time:
            self._looked_at = time.monotonic()
            return self._buffer.claim(self._buffer.capacity // 4, is_more_urgent=True) > 0
        return False

    def _look(self, room: int) -> int:
        self._looked_at = time.monotonic()
        found = self._buffer.claim(room)
        self._is_dry = found < room
        return found

    def _take_in(self, reports: Iterable[Report]) -> None:
        """Keep what the senders said until it is recorded. Nothing can fail here, so none of it is lost."""
        for report in reports:
            self._busy.discard(report.sender)
            if report.is_connected:
                self._connected.append((report.sender, report.parcel))
            elif report.delivery is not None and not report.delivery.refused_for_now:
                self._delivered.append((report.parcel.holding, report.delivery))
            else:
                self._failed.append(report)

    def _hear(self, reports: Iterable[Report]) -> None:
        """Let everybody know what this says about the servers."""
        ended = [report for report in reports if not report.is_connected]
        for report in ended:
            self._gate.ended(report.parcel.server, report.parcel.domains)
        for report in ended:
            hear(self._gate, report.parcel.server, report.parcel.domains, report.error)

    def _settle(self) -> None:
        """Record one by one what failed, after the others have gone on."""
        while self._failed:
            report = self._failed.pop(0)
            if report.error is not None:
                outcomes.failed_and_ended(report.parcel.holding, report.error)
            elif report.delivery is not None:
                outcomes.delivered_and_ended(report.parcel.holding, report.delivery)
                hear_partly(self._gate, report.parcel.server, report.delivery)

    # -- What goes out -------------------------------------------------------------------------------------------------

    def _picked(self) -> list[tuple[Sender, Parcel]]:
        """Who sends what next. Those that have a connection come first; for what is left others are told to connect."""
        if self._is_over():
            return []
        picked = self._connected  # and stay there, to be given back if something goes wrong before they begin
        self._buffer.route()
        at_work = self._busy | {sender for sender, _ in picked}
        for server in {sender.server for sender in self._team.senders} - {""}:
            idle = [one for one in self._team.senders if one.server == server and one not in at_work]
            for sender in idle[: max(-self._spare(server), 0)]:
                sender.rest()
            for sender in idle:
                if sender.server and (parcel := self._buffer.take(server)):
                    picked.append((sender, parcel))
        self._connect([sender for sender, _ in picked])
        self._buffer.defer()
        return picked

    def _spare(self, server: str) -> int:
        """How many more connections to ``server`` may be opened; below zero, how many are to be closed.

        One is left for each other server, so that one that hangs holds up no other.
        """
        open_now = sum(sender.server == server for sender in self._team.senders)
        most = max(settings.EMAIL_SENDING_CONNECTIONS - len(settings.EMAIL_SENDING_SERVERS) + 1, 1)
        return self._gate.connections(server, most, in_use=open_now) - open_now

    def _connect(self, hands: list[Sender]) -> None:
        """Have connections opened for what waits, as many as are allowed; a sender has one."""
        for server in self._buffer.servers():
            spare = self._spare(server)
            while spare > 0 and (sender := self._spare_sender(hands)) is not None:
                parcel = self._buffer.take(server)
                if parcel is None:
                    break
                self._busy.add(sender)
                sender.connect(parcel)
                spare -= 1

    def _spare_sender(self, hands: list[Sender]) -> Sender | None:
        """One without a connection, or with one to a server that gets nothing at the moment."""
        needed = self._buffer.servers()
        for sender in self._team.senders:
            is_free = sender not in self._busy and sender not in hands
            if is_free and (not sender.server or sender.server not in needed):
                return sender
        return self._team.joined_by_one_more(settings.EMAIL_SENDING_CONNECTIONS)

    def _record(self, picked: list[tuple[Sender, Parcel]]) -> None:
        delivered = self._delivered
        known = emails_record(delivered, [parcel.holding for _, parcel in picked])
        self._delivered = []
        if picked:
            self._connected = []
        for sender, parcel in picked:
            if parcel.holding.email.pk in known:
                self._busy.add(sender)
                sender.send(parcel)
            else:
                self._gate.ended(parcel.server, parcel.domains)
                logger.info("email_not_claimed", email_id=parcel.holding.email.pk)
        if delivered:
            self._tell(delivered, known)

    def _tell(self, delivered: Sequence[tuple[Holding, Delivery]], known: set[int]) -> None:
        recorded = [holding.email.pk for holding, _ in delivered if holding.email.pk in known]
        self.sent += len(recorded)
        self._untold += recorded
        if time.monotonic() - self._told_at >= LOOK_AGAIN_SECONDS:
            self._tell_who_was_sent()
        for holding, delivery in delivered:
            if holding.email.pk not in known:
                logger.warning("email_sent_after_lease_lost", email_id=holding.email.pk)
            if delivery.refused_for_good:
                suppressions.suppress_refused(refused=delivery.refused_for_good)

    def _tell_who_was_sent(self) -> None:
        """One line for many: a line for each group would cost as much time as its statement."""
        if self._untold:
            logger.info("emails_sent", email_ids=self._untold)
        self._untold, self._told_at = [], time.monotonic()
