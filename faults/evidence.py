"""Reads what the invariants are about: rows by plain SQL, what the mail server took, the diary, the processes."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg

from faults.database import Row
from faults.invariants import Arrival, EmailNow, JobNow, RunNow
from faults.processes import family
from faults.runs import moment
from faults.scenario import Run

LOOK_EVERY_SECONDS = 5.0
_EMAILS = """SELECT CAST("to" AS TEXT), message_id, status, attempts, sent_at, lease_token FROM emails_email
    WHERE CAST("to" AS TEXT) LIKE %s"""
_JOBS = """SELECT CAST(id AS TEXT), kind, state, attempts, error_code, started_at, finished_at,
    CAST(parameters AS TEXT) FROM jobs_job WHERE CAST(parameters AS TEXT) LIKE %s"""
_RUNS = """SELECT CAST(run.id AS TEXT), run.state, run.attempts FROM tasks_schedulerun run
    JOIN django_celery_beat_periodictask task ON task.id = run.periodic_task_id WHERE task.name = %s"""
_EMAILS_ENDED = """SELECT id, status, attempts, ended_at FROM emails_email
    WHERE ended_at IS NOT NULL AND CAST("to" AS TEXT) LIKE %s"""
_JOBS_ENDED = """SELECT CAST(id AS TEXT), state, attempts, finished_at FROM jobs_job
    WHERE finished_at IS NOT NULL AND CAST(parameters AS TEXT) LIKE %s"""


def emails_now(run: Run) -> list[EmailNow]:
    """Return this scenario's e-mails; each is to one recipient."""
    return [
        EmailNow(str(json.loads(str(to))[0]), str(key), str(status), int(attempts), _seconds(sent), lease is not None)
        for to, key, status, attempts, sent, lease in run.database.rows(_EMAILS, [_to(run)])
    ]


def arrivals(run: Run) -> list[Arrival]:
    """Return what arrived for this scenario's addresses."""
    return [
        Arrival(address, received.message_id, received.at)
        for received in list(run.sink.arrivals)
        for address in received.recipients
        if address.endswith(f"@{run.ledger.domain}")
    ]


def jobs_now(run: Run) -> list[JobNow]:
    """Return this scenario's jobs with what their bodies noted."""
    begun = Counter(map(_plain, run.ledger.jobs_begun()))
    done = Counter(map(_plain, run.ledger.jobs_done()))
    return [
        JobNow(
            id=_plain(key),
            kind=str(kind),
            state=str(state),
            attempts=int(attempts),
            error_code=str(code),
            started_at=_seconds(started),
            finished_at=_seconds(finished),
            begun=begun[_plain(key)],
            done=done[_plain(key)],
            is_to_fail='"fails": true' in str(parameters),
        )
        for key, kind, state, attempts, code, started, finished, parameters in run.database.rows(_JOBS, [_label(run)])
    ]


def runs_now(run: Run, schedule: str) -> tuple[list[RunNow], set[str]]:
    """Return the schedule's runs, and the ids of bodies that ran for none of them."""
    ticks = Counter(map(_plain, run.ledger.ticks()))
    rows = run.database.rows(_RUNS, [schedule])
    runs = [RunNow(_plain(key), str(state), int(times), ticks[_plain(key)]) for key, state, times in rows]
    return runs, ticks.keys() - {each.id for each in runs}


def ended_now(run: Run) -> dict[str, object]:
    """Return how each of this scenario's e-mails and jobs ended that has."""
    emails = run.database.rows(_EMAILS_ENDED, [_to(run)])
    jobs = run.database.rows(_JOBS_ENDED, [_label(run)])
    return {**_by_key("e-mail", emails), **_by_key("job", jobs)}


@contextmanager
def ends_seen(run: Run) -> Iterator[dict[str, object]]:
    """How each one ended that did so inside this block, as it was when that was first seen."""
    seen: dict[str, object] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_SECONDS):
            try:
                now = ended_now(run)
            except (psycopg.Error, sqlite3.Error):
                continue  # the database is away, which is the fault
            for key, end in now.items():
                seen.setdefault(key, end)

    thread = threading.Thread(target=look, name="ends", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def strangers(run: Run) -> list[str]:
    """Return the product's processes of this run that belong to no component, as id and command."""
    stack = run.stack
    known = {process.pid for component in stack.components for process in family(component.pid)}
    known |= {process.pid for process in family(stack.feeder.pid)}
    directory = str(stack.room.directory)
    return [
        f"{process.pid} {' '.join(process.cmdline())}"
        for process in psutil.process_iter()
        if process.pid not in known and _variables(process).get("VAR_DIR") == directory
    ]


def _variables(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def _by_key(what: str, rows: list[Row]) -> dict[str, object]:
    return {f"{what} {key}": (*columns, _seconds(at)) for key, *columns, at in rows}


def _to(run: Run) -> str:
    return f"%@{run.ledger.domain}%"


def _label(run: Run) -> str:
    return f'%"{run.ledger.label}"%'


def _seconds(value: object) -> float | None:
    return None if value is None else moment(value).timestamp()


def _plain(key: object) -> str:
    """A UUID as SQLite keeps it."""
    return str(key).replace("-", "")
