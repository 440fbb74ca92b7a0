"""The threads of a burst: each holds one connection to a mail server and one conversation at a time.

They never touch the database. What they are to do comes as an order, and what became of it goes back as a report to the
one thread that writes (:mod:`~styleguide_example.emails.bursts`).
"""

import math
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from celery import signals
from django.conf import settings

from styleguide_example.common.orphans import Owned
from styleguide_example.emails import connections
from styleguide_example.emails.claims import Holding
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.mime import Message

#: How long the end waits for conversations that have not ended.
FAREWELL_SECONDS = 2.0


@dataclass(eq=False)
class Parcel:
    """A claimed e-mail on its way to a server."""

    holding: Holding
    server: str
    domains: tuple[str, ...]
    #: Built before it is marked as on the wire.
    message: Message | None = None
    #: On the monotonic clock: it may not go out before.
    not_before: float = 0.0
    #: On the same clock: it may not go out any more.
    not_after: float = math.inf


@dataclass(frozen=True)
class Report:
    """What a sender has to say of a parcel: what the server answered, or what went wrong, or that it is connected."""

    sender: "Sender"
    parcel: Parcel
    delivery: Delivery | None = None
    error: Exception | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the parcel waits for its mark: the connection is open, and nothing is on the wire."""
        return self.delivery is None and self.error is None


@dataclass(frozen=True)
class _Order:
    parcel: Parcel | None
    is_connect: bool = False


class Sender(threading.Thread):
    """One connection, kept over parcels and over bursts, closed when it was idle for long."""

    def __init__(self, reports: "SimpleQueue[Report]") -> None:
        super().__init__(name="email-sender", daemon=True)
        #: The server that it is connected to, or is connecting to; empty: it has no connection.
        self.server = ""
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._reports = reports

    def connect(self, parcel: Parcel) -> None:
        """Open a connection for ``parcel``, which is not sent yet. A report follows."""
        self.server = parcel.server
        self._orders.put(_Order(parcel, is_connect=True))

    def send(self, parcel: Parcel) -> None:
        """Send ``parcel``, which is marked as on the wire. A report follows."""
        self._orders.put(_Order(parcel))

    def rest(self) -> None:
        """Close the connection, of which there are too many. No report follows."""
        self.server = ""
        self._orders.put(_Order(None))

    def stop(self) -> None:
        """Say goodbye to the server and end."""
        self._orders.put(None)

    def run(self) -> None:
        """Follow orders until :meth:`stop`."""
        try:
            while (order := self._next()) is not None:
                if order.parcel is None:
                    connections.connection_close()
                    continue
                self.server = order.parcel.server  # again: an idle connection may have been closed just now
                report = self._connect(order.parcel) if order.is_connect else self._send(order.parcel)
                self.server = order.parcel.server if connections.connection_is_ready(order.parcel.server) else ""
                if not self.server:  # who has none is not counted, so none may be left open
                    connections.connection_close()
                self._reports.put(report)
        finally:
            connections.connection_close()

    def _next(self) -> "_Order | None":
        while True:
            with suppress(Empty):
                return self._orders.get(timeout=settings.EMAIL_CONNECTION_MAX_IDLE_SECONDS)
            self.server = ""
            connections.connection_close()

    def _connect(self, parcel: Parcel) -> Report:
        try:
            connections.connection_close()  # if it is one to another server
            connections.connection_ensure(parcel.server)
        except Exception as error:  # noqa: BLE001  whatever it was, the row must say so
            return Report(self, parcel, error=error)
        return Report(self, parcel)

    def _send(self, parcel: Parcel) -> Report:
        assert parcel.message is not None  # noqa: S101  for the type checker
        try:
            return Report(self, parcel, delivery=connections.message_send(parcel.message, parcel.server))
        except Exception as error:  # noqa: BLE001  whatever it was, the row must say so
            return Report(self, parcel, error=error)


class Team:
    """The senders of one process, and where their reports arrive."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.senders: list[Sender] = []
        #: Those whose report is awaited.
        self.busy: set[Sender] = set()
        self._reports: SimpleQueue[Report] = SimpleQueue()

    def joined_by_one_more(self, most: int) -> Sender | None:
        """Return a new sender, or None when there are as many as there may be."""
        if len(self.senders) >= most:
            return None
        sender = Sender(self._reports)
        sender.start()
        self.senders.append(sender)
        return sender

    def wait_for_reports(self, seconds: float) -> list[Report]:
        """Return what was reported, as soon as there is something, or nothing after ``seconds``.

        Those that came meanwhile are returned together: what is written for them costs one commit.
        """
        reports: list[Report] = []
        wait = seconds
        with suppress(Empty):
            while True:
                reports.append(self._reports.get(timeout=wait) if wait > 0 else self._reports.get_nowait())
                wait = 0
        return reports

    def part_with_the_busy(self) -> None:
        """Wait no longer for those whose report is awaited: each ends after it, and others take their places."""
        for sender in self.busy:
            sender.stop()
        self.senders = [sender for sender in self.senders if sender not in self.busy]
        self.busy.clear()

    def stop(self, seconds: float = FAREWELL_SECONDS) -> None:
        """End all senders. One that is in the middle of a conversation ends after it, and is not waited for longer."""
        _stop([self], seconds)


class _Kept(threading.local):
    """A thread that runs bursts has a team of its own. ``pid`` tells a child that threads are not inherited."""

    team: Team | None = None


_kept = _Kept()
_owned: Owned[Team] = Owned()


def team() -> Team:
    """Return this thread's team."""
    if _kept.team is None or _kept.team.pid != os.getpid():
        _kept.team = Team()
        _owned.own(_kept.team)
    return _kept.team


def team_farewell() -> None:
    """End this thread's team, if it has one, and those of threads that have ended."""
    teams = _owned.orphans()
    if _kept.team is not None and _kept.team.pid == os.getpid():
        teams.append(_kept.team)
    _owned.disown()
    _kept.team = None
    _stop(teams, FAREWELL_SECONDS)


@signals.worker_shutdown.connect
def farewell(**_: Any) -> None:
    """Say goodbye to the mail servers at the end of a worker whose tasks ran in its main process.

    With ``--pool threads`` and ``--pool solo`` no process of a pool ends, which would have done it.
    """
    team_farewell()
    connections.connections_farewell()


def _stop(teams: Sequence[Team], seconds: float) -> None:
    """End the senders of all ``teams`` at once."""
    all_senders = [sender for team in teams for sender in team.senders]
    for sender in all_senders:
        sender.stop()
    deadline = time.monotonic() + seconds
    for sender in all_senders:
        sender.join(max(deadline - time.monotonic(), 0))
    for team in teams:
        team.senders.clear()
        team.busy.clear()
