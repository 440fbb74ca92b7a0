"""Workers that stand still before anything they write, go on, or die there.

Each runs the product's own functions in a thread with a database connection of its own, and only one of them, or the
test, runs at a time: so every order of steps can be repeated. It is SIGSTOP, SIGCONT and SIGKILL at any write.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

from django.db import OperationalError, connection

from styleguide_example.core.exceptions import ConflictError

_WRITES = ("UPDATE", "INSERT", "DELETE")
PATIENCE_SECONDS = 60  # only a hang lasts so long


class KilledError(BaseException):
    """The process ends here: nothing that catches errors hears of it."""


class Then(Enum):
    """What happens at a statement that writes: nobody can tell when somebody stood still who only read."""

    STOP = "it stands still"  # outside of transactions, whose locks would hold up all others
    DIE_BEFORE = "it is killed before the statement"
    DIE_AFTER = "it is killed after the statement, and before the commit"
    LOSE_DATABASE_BEFORE = "its connection is cut before the statement"
    LOSE_DATABASE_AFTER = "its connection is cut when the statement was done and nobody has said so"


@dataclass(frozen=True)
class Order:
    """How far a worker goes: what happens when it has written ``writes`` times from here, or nothing until its end."""

    writes: int = 0
    then: Then | None = None


TO_THE_END = Order()
_AT_ONCE = Order(0, Then.DIE_BEFORE)


class PausableWorker:
    """Does ``work`` in a thread of its own, as far as it is told; :attr:`name` is the owner of its leases.

    Args:
        before_stop: called in its thread before it stands still: what its own threads are doing comes to an end.
        farewell: called in its thread at its end, killed or not.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        *,
        before_stop: Callable[[], object] = lambda: None,
        farewell: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self.is_ended = False
        self.is_killed = False
        self._work, self._before_stop, self._farewell = work, before_stop, farewell
        self._order = TO_THE_END
        self._left = 0
        self._error: BaseException | None = None
        self._turn, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def go_on(self, order: Order = TO_THE_END) -> None:
        """Let it run until it stands still or has ended. What the product did not foresee rises here."""
        self._order, self._left = order, order.writes
        self._turn.release()
        assert self._stands.acquire(timeout=PATIENCE_SECONDS), f"{self.name} hangs."
        if self._error is not None:
            raise self._error

    def kill(self) -> None:
        """Let it die where it stands."""
        if not self.is_ended:
            self.go_on(_AT_ONCE)

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self._watch_transactions()
            with connection.execute_wrapper(self):
                self._work()
        except (KilledError, ConflictError):  # whose refusal is an answer
            pass
        except OperationalError as error:
            if self._order.then not in {Then.LOSE_DATABASE_BEFORE, Then.LOSE_DATABASE_AFTER}:
                self._error = error
        except BaseException as error:  # noqa: BLE001  rises in the test's thread
            self._error = error
        finally:
            self._farewell()
            connection.close()
            self.is_ended = True
            self._stands.release()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        is_write = sql.lstrip().startswith(_WRITES)
        self._stand(is_write=is_write)
        happens = self._order.then if is_write and self._left == 0 else None
        if self._order == _AT_ONCE:
            self._die()
        self._left -= is_write
        if self.is_killed or happens is Then.DIE_BEFORE:
            self._die()
        if happens is Then.LOSE_DATABASE_BEFORE:
            self._lose_database()
        result = execute(sql, params, many, context)
        if happens is Then.DIE_AFTER:
            self._die()
        if happens is Then.LOSE_DATABASE_AFTER:
            self._lose_database()
        return result

    def _watch_transactions(self) -> None:
        """Inside of one it cannot stand still, so it does before that begins: mostly it is there to write."""
        set_autocommit = connection.set_autocommit

        def setting(autocommit: bool, *args: Any, **options: Any) -> None:  # noqa: FBT001  as Django calls it
            if not autocommit:
                self._stand(is_write=True)
            if self._order == _AT_ONCE:
                self._die()
            set_autocommit(autocommit, *args, **options)

        connection.set_autocommit = setting  # type: ignore[method-assign]  # of this thread's own connection

    def _stand(self, *, is_write: bool) -> None:
        while self._is_to_stop(is_write=is_write):
            self._before_stop()
            self._stands.release()
            self._turn.acquire()

    def _is_to_stop(self, *, is_write: bool) -> bool:
        is_time = self._left < 0 or (self._left == 0 and is_write)
        return self._order.then is Then.STOP and is_time and not connection.in_atomic_block

    def _lose_database(self) -> NoReturn:
        assert connection.connection is not None
        connection.connection.rollback()  # as a server does with what was not committed
        raise OperationalError("server closed the connection unexpectedly")

    def _die(self) -> NoReturn:
        self.is_killed = True
        raise KilledError
