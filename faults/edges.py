"""Counting at the edges: what was asked for, what is in the rows, what arrived, what bodies noted."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from faults.database import Rows
from faults.sink import Sink

_OPEN_EMAILS = """SELECT id FROM emails_email WHERE status = 'sending' AND CAST("to" AS TEXT) LIKE %s"""
#: One that waits for its next attempt is not stuck.
_STUCK_EMAILS = _OPEN_EMAILS + " AND (lease_token IS NOT NULL OR next_attempt_at IS NULL OR next_attempt_at <= {now})"
_JOBS = "SELECT CAST(id AS TEXT), state FROM jobs_job WHERE CAST(parameters AS TEXT) LIKE %s"
_RUNS = """SELECT run.due_at, run.covers, run.state FROM tasks_schedulerun run
    JOIN django_celery_beat_periodictask task ON task.id = run.periodic_task_id
    WHERE task.name = %s ORDER BY run.due_at"""
_ENDED_JOBS = ("SUCCESS", "FAILURE", "REVOKED")
_OPEN_RUNS = ("waiting", "running", "retry")
_FIRED = "success"


@dataclass(frozen=True)
class Count:
    """What became of what was asked for. ``problems`` are sentences about what no number here says."""

    asked: int = 0
    lost: int = 0
    duplicates: int = 0
    stuck: int = 0
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.asked + other.asked,
            self.lost + other.lost,
            self.duplicates + other.duplicates,
            self.stuck + other.stuck,
            [*self.problems, *other.problems],
        )


class Ledger:
    """The books of one scenario. The load writes in them when a commit or an answer was confirmed; threads may."""

    def __init__(self, scenario: str, database: Rows, sink: Sink, diary: Path) -> None:
        self.label = scenario.lower()
        self.domain = f"{self.label}.example"
        self._database, self._sink, self._diary = database, sink, diary
        self._lock = threading.Lock()
        self._addresses: Counter[str] = Counter()
        self._unsure: set[str] = set()
        self._excused: set[str] = set()
        self._jobs: dict[str, tuple[str, ...]] = {}
        self._schedules: dict[str, int] = {}

    # -- What was asked for --------------------------------------------------------------------------------------------

    def emails_noted(self, addresses: Iterable[str]) -> None:
        """An e-mail to each of them was committed."""
        with self._lock:
            self._addresses.update(addresses)

    def emails_unsure(self, addresses: Iterable[str]) -> None:
        """Nobody knows whether it was committed: it may arrive once, and need not."""
        with self._lock:
            self._unsure.update(addresses)

    def emails_excused(self, addresses: Iterable[str]) -> None:
        """Each of them must end, and need not arrive: it was cancelled, refused, or held for a person."""
        with self._lock:
            self._excused.update(addresses)

    def jobs_noted(self, ids: Iterable[str], *, ends_in: Iterable[str] = ("SUCCESS",)) -> None:
        """Each was accepted, and has to end in one of these states."""
        with self._lock:
            self._jobs.update(dict.fromkeys(map(_plain, ids), tuple(ends_in)))

    def schedule_noted(self, name: str, *, seconds: int = 1) -> None:
        """It is due every so many seconds, and each due time has to be fired once."""
        with self._lock:
            self._schedules[name] = seconds

    @property
    def emails_asked(self) -> int:
        """How many are committed by now."""
        with self._lock:
            return self._addresses.total()

    # -- What became of it ---------------------------------------------------------------------------------------------

    def arrived(self) -> int:
        """How many e-mails of this scenario arrived by now."""
        return self._sink.arrived(self.domain)

    def ticks(self) -> list[str]:
        """The ids of the schedule's runs whose body ran, once for each time."""
        return self._noted(f"tick {self.label} ")

    def jobs_begun(self) -> list[str]:
        """The ids of jobs whose body began, once for each time; of every scenario."""
        return self._noted("begun ")

    def jobs_done(self) -> list[str]:
        """The ids of jobs whose body came to its end, once for each time; of every scenario."""
        return self._noted("done ")

    def poisoned(self) -> list[int]:
        """How many connections to the mail server each process had that died of a poison, of every scenario."""
        return [int(number) for number in self._noted("poisoned ")]

    def is_quiet(self) -> bool:
        """Whether all that was asked for has ended. False while the database is away."""
        try:
            return not (self._emails_open() or self._jobs_open() or self._runs_open())
        except (psycopg.Error, sqlite3.Error):
            return False

    def open_now(self) -> str:
        """What has not ended, in words."""
        emails, jobs, runs = self._emails_open(), self._jobs_open(), self._runs_open()
        return f"{len(emails)} e-mails, {len(jobs)} jobs and {runs} runs are open"

    def count(self) -> Count:
        """Count everything, after the recovery."""
        return self._emails_count() + self._jobs_count() + self._schedules_count()

    def _emails_count(self) -> Count:
        copies = self._sink.copies(self.domain)
        arrived: Counter[str] = Counter()
        ids: Counter[str] = Counter()
        for (address, _), number in copies.items():
            arrived[address] += number
            ids[address] += 1
        wanted = {address: self._addresses[address] for address in self._addresses}
        may_come = {**dict.fromkeys(self._unsure, 1), **wanted}
        lost = sum(max(number - arrived[address], 0) for address, number in wanted.items() - self._excuses(wanted))
        doubled = sum(max(number - may_come.get(address, 0), 0) for address, number in arrived.items())
        other_ids = [address for address, number in ids.items() if number > may_come.get(address, 0)]
        problems = []
        if other_ids:
            problems.append(f"{len(other_ids)} e-mails came under a second Message-ID, first {min(other_ids)}")
        stuck = self._database.rows(_STUCK_EMAILS.format(now=self._database.now), [self._like()])
        return Count(sum(wanted.values()), lost, doubled, len(stuck), problems)

    def _excuses(self, wanted: dict[str, int]) -> set[tuple[str, int]]:
        return {(address, wanted[address]) for address in self._excused & wanted.keys()}

    def _jobs_count(self) -> Count:
        states = self._job_states()
        ended = {key: state for key, state in states.items() if state in _ENDED_JOBS}
        lost = [key for key in self._jobs if key not in states]
        others = [key for key, state in ended.items() if key in self._jobs and state not in self._jobs[key]]
        done = Counter(map(_plain, self.jobs_done()))
        doubled = sum(done[key] - 1 for key in states if done[key] > 1)
        problems = [f"job {key} ended in {ended[key]}" for key in others[:3]]
        return Count(len(self._jobs), len(lost) + len(others), doubled, len(states) - len(ended), problems)

    def _schedules_count(self) -> Count:
        counted = Count()
        for name, seconds in self._schedules.items():
            runs = [
                (_moment(due), int(covers), str(state)) for due, covers, state in self._database.rows(_RUNS, [name])
            ]
            counted += _due_times_count(name, runs, seconds)
        ticks = Counter(self.ticks())
        return counted + Count(duplicates=sum(number - 1 for number in ticks.values()))

    def _emails_open(self) -> list[object]:
        return [key for (key,) in self._database.rows(_OPEN_EMAILS, [self._like()])]

    def _jobs_open(self) -> list[str]:
        return [key for key, state in self._job_states().items() if state not in _ENDED_JOBS]

    def _runs_open(self) -> int:
        rows = [row for name in self._schedules for row in self._database.rows(_RUNS, [name])]
        return sum(state in _OPEN_RUNS for _, _, state in rows)

    def _job_states(self) -> dict[str, str]:
        rows = self._database.rows(_JOBS, [f'%"{self.label}"%'])
        return {_plain(str(key)): str(state) for key, state in rows}

    def _noted(self, beginning: str) -> list[str]:
        text = self._diary.read_text() if self._diary.exists() else ""
        return [line.removeprefix(beginning) for line in text.splitlines() if line.startswith(beginning)]

    def _like(self) -> str:
        return f"%@{self.domain}%"


def _due_times_count(name: str, runs: list[tuple[datetime, int, str]], seconds: int) -> Count:
    """Each due time between the first run and the last has a row of its own, or is covered by one that says so."""
    if not runs:
        return Count(problems=[f"{name} was never due"])
    first, last = runs[0][0] - runs[0][1] * timedelta(seconds=seconds), runs[-1][0]
    due = int((last - first) / timedelta(seconds=seconds)) + 1
    missing = due - len({moment for moment, _, _ in runs}) - sum(covers for _, covers, _ in runs)
    unfired = [state for _, _, state in runs if state != _FIRED]
    still_open = sum(state in _OPEN_RUNS for state in unfired)
    problems = [f"{name}: {state}" for state in sorted(set(unfired) - set(_OPEN_RUNS))]
    return Count(due, max(missing, 0) + len(unfired) - still_open, max(-missing, 0), still_open, problems)


def _plain(key: str) -> str:
    """A UUID as SQLite keeps it."""
    return key.replace("-", "")


def _moment(value: object) -> datetime:
    """SQLite keeps it as text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
