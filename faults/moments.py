"""Moments at which a fault is made or looked at, when the exact one decides what may be lost or doubled."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil

from faults.database import Row
from faults.errors import FaultsError
from faults.processes import send
from faults.scenario import Run

#: A conversation without hindrance takes less. What is held up gives up later than this.
STANDSTILL_SECONDS = 0.3
_RECORDED = """SELECT id, status, attempts, sent_at, ended_at, smtp_reply, updated_at FROM emails_email
    WHERE CAST("to" AS TEXT) LIKE %s ORDER BY id"""
_HELD = """SELECT id FROM emails_email WHERE lease_token IS NOT NULL AND CAST("to" AS TEXT) LIKE %s"""
_OPEN = """SELECT id FROM emails_email WHERE status = 'sending' AND CAST("to" AS TEXT) LIKE %s"""
_PAUSE_SECONDS = 30


def wait_for_standstill(run: Run) -> None:
    """Return when no e-mail comes any more: every conversation is where the mail server keeps it."""
    seen, since = -1, 0.0

    def stands_still() -> bool:
        nonlocal seen, since
        if seen != (arrived := run.ledger.arrived()):
            seen, since = arrived, time.monotonic()
        return time.monotonic() - since >= STANDSTILL_SECONDS

    run.wait_until(stands_still, what="the mail server to take nothing more")


@contextmanager
def paused(run: Run, processes: Sequence[psutil.Process]) -> Iterator[None]:
    """SIGSTOP for all of them inside this block, begun when nobody is in a transaction that would stop others too."""
    deadline = time.monotonic() + _PAUSE_SECONDS
    send(processes, signal.SIGSTOP)
    try:
        while run.database.is_in_transaction():
            if time.monotonic() > deadline:
                raise FaultsError("Somebody was in a transaction at each of many moments.")
            send(processes, signal.SIGCONT)
            time.sleep(0.01)
            send(processes, signal.SIGSTOP)
        yield
    finally:
        send(processes, signal.SIGCONT)


def emails_recorded(run: Run) -> list[Row]:
    """Return what the rows of this scenario's e-mails say, to be compared with what they say later."""
    return run.database.rows(_RECORDED, [f"%@{run.ledger.domain}%"])


def emails_held(run: Run) -> set[object]:
    """Return the ids of the e-mails of this scenario that a lease keeps from everybody else."""
    return _ids(run, _HELD)


def wait_for_those_held(run: Run, held: set[object]) -> None:
    """Return when each of them has ended, and take this moment for that of the recovery.

    Nothing else waits for the fault: what nobody held goes on at once, and how long that takes is the load's business.
    """
    run.wait_until(lambda: not held & _ids(run, _OPEN), what="the e-mails that were held")
    run.recovery_noted()


def _ids(run: Run, statement: str) -> set[object]:
    return {key for (key,) in run.database.rows(statement, [f"%@{run.ledger.domain}%"])}
