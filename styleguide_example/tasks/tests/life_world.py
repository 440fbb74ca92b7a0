"""The world of a model of schedules: its clocks, and a broker in this process that may be away, or lie."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partialmethod
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from kombu import Message
from kombu.exceptions import OperationalError
from kombu.transport import memory

from styleguide_example.common import wakeups
from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.lives import pick
from styleguide_example.common.tests.pausing import KilledError
from styleguide_example.common.tests.processes import broker_url
from styleguide_example.tasks import clock, scheduler
from styleguide_example.tasks.celery import app as celery_app

HOUR = timedelta(hours=1)
START = datetime(2025, 7, 1, 11, 50, tzinfo=UTC)
#: How a statement asks for the time, and how it is told.
_ASKED = {
    "sqlite": ("STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')", "'{:%Y-%m-%d %H:%M:%S.%f}"),
    "postgresql": ("STATEMENT_TIMESTAMP()", "TIMESTAMPTZ '{:%Y-%m-%d %H:%M:%S.%f}"),
}


class Clocks:
    """The database's, and that of the machine on which everything runs. They stand still until they are told.

    ``steady`` is the latest time that the database ever showed, and went on from there.
    """

    def __init__(self, machine: Any) -> None:
        self._machine = machine  # of time_machine
        self.begin()

    def begin(self) -> None:
        """All are right."""
        self.now = self.steady = self._right = START
        self._ahead = self._database_ahead = timedelta(0)
        self._monotonic = 1000.0
        self._machine.move_to(self.now)

    def go_on(self, time: timedelta) -> None:
        """Time passes. In whole milliseconds: SQLite's clock has no finer ones."""
        self.now += time
        self.steady += time
        self._monotonic += time.total_seconds()
        self._right += time
        self._machine.move_to(self._right + self._ahead)

    def database_jumps(self, distance: timedelta) -> None:
        """At most an hour away from what it was."""
        distance = max(-HOUR, min(HOUR, self._database_ahead + distance)) - self._database_ahead
        self._database_ahead += distance
        self.now += distance
        self.steady = max(self.now, self.steady)

    def machine_jumps(self, distance: timedelta) -> None:
        self._ahead = max(-HOUR, min(HOUR, self._ahead + distance))
        self._machine.move_to(self._right + self._ahead)

    def monotonic(self) -> float:
        return self._monotonic

    def tell(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        """Let the statement hear our time: the real clock of a database cannot be set."""
        asked, told = _ASKED[context["connection"].vendor]
        if asked in sql:
            sql = sql.replace(asked, told.format(self.now)[: -len("000")] + "'")
        return execute(sql, params, many, context)


class Mood(Enum):
    """What the broker does with a message."""

    WELL = "takes it"
    AWAY = "does not"
    DEAF = "takes it, and the answer is lost"


class Cut(Enum):
    """When the process is killed that publishes."""

    NOT = "not at all"
    BEFORE = "before the broker has the message"
    AFTER = "when it has it"


class Edge:
    """The broker, and the messages that workers can get: kept, for each may come twice, or late."""

    def __init__(self, put: Callable[..., None]) -> None:
        self._put = put
        self.begin()

    def begin(self) -> None:
        self.mood, self.cut = Mood.WELL, Cut.NOT
        self.messages: list[Message] = []
        messages_take(celery_app)
        wakeups.broker_pause_end()

    def take(self, channel: Any, queue: str, message: Any, **options: Any) -> None:
        """Stands where the broker's end of a connection is."""
        if self.cut is Cut.BEFORE:
            raise KilledError
        if self.mood is Mood.AWAY:
            raise OperationalError("connection refused")
        self._put(channel, queue, message, **options)
        if self.cut is Cut.AFTER:
            raise KilledError
        if self.mood is Mood.DEAF:
            raise OperationalError("connection reset by peer")

    def pick(self, which: int) -> Message | None:
        """One of them: mostly the newest, or the one that was picked last."""
        self.new()
        message: Message | None = pick([*reversed(self.messages)], which)
        if message:
            self.messages = [*self.messages[-4:], message]
        return message

    def new(self) -> list[Message]:
        """The messages that came since somebody looked."""
        new = messages_take(celery_app)
        self.messages += new
        return new


def _taken_by(channel: Any, edge: Edge, queue: str, message: Any, **options: Any) -> None:
    edge.take(channel, queue, message, **options)


@contextmanager
def world() -> Iterator[tuple[Clocks, Edge]]:
    """Everything here hears these clocks and publishes to this broker."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        machine = stack.enter_context(time_machine.travel(START, tick=False))
        stack.enter_context(broker_url("memory://"))
        clocks, edge = Clocks(machine), Edge(memory.Channel._put)
        for module in (clock, scheduler, wakeups):
            patch.setattr(module, "time", SimpleNamespace(monotonic=clocks.monotonic))
        patch.setattr(memory.Channel, "_put", partialmethod(_taken_by, edge))
        yield clocks, edge
