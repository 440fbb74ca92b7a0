"""The runs of schedules as the rows tell of them, by plain SQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from faults.database import Database

#: States of a run that has not ended.
OPEN = {"waiting", "running", "retry"}
_RUNS = """SELECT run.due_at, run.covers, run.state, run.started_at, run.woken_at FROM tasks_schedulerun run
    JOIN django_celery_beat_periodictask task ON task.id = run.periodic_task_id
    WHERE task.name LIKE %s ORDER BY run.due_at"""
_SUCCEEDED = """SELECT count(*) FROM tasks_schedulerun run
    JOIN django_celery_beat_periodictask task ON task.id = run.periodic_task_id
    WHERE task.name LIKE %s AND run.state = 'success'"""
_DECIDED = """SELECT count(*) FROM tasks_schedule
    JOIN django_celery_beat_periodictask task ON task.id = periodic_task_id
    WHERE task.name = %s AND decided_until IS NOT NULL"""


@dataclass(frozen=True)
class Fired:
    """A due time and what became of it; it stands for ``covers`` earlier ones."""

    due_at: datetime
    covers: int
    state: str
    started_at: datetime | None
    #: When its message was sent, as far as anybody noted it.
    woken_at: datetime | None


def fired(database: Database, name: str) -> list[Fired]:
    """Return the runs of the schedules whose name is LIKE this, by their due times."""
    rows = database.rows(_RUNS, [name])
    return [
        Fired(moment(due), int(covers), str(state), *(None if each is None else moment(each) for each in times))
        for due, covers, state, *times in rows
    ]


def succeeded(database: Database, name: str) -> int:
    """Return how many of them succeeded."""
    return int(database.value(_SUCCEEDED, [name]))


def are_known_to_beat(database: Database, names: Iterable[str]) -> bool:
    """Whether a leading beat has read all of these schedules."""
    return all(database.value(_DECIDED, [name]) for name in names)


def moment(value: object) -> datetime:
    """Of SQLite it comes as text, in UTC."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
