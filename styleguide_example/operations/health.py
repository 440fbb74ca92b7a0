"""Whether this process can serve: what a load balancer asks every few seconds, and strangers may ask too.

*The broker is not needed to serve.* A request writes its row and is answered, and the row waits for the broker
(docs/decisions/0002). Were web processes taken out of service without one, its outage would be the product's. So a
broker that is away is said, and is no reason to be not ready.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from celery import current_app
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from styleguide_example.operations.bounded import Asked

#: For all that is asked together.
SECONDS = 0.9
#: One that hung for so long is asked anew: the database may be back, and its answer to the former never comes.
ASK_AGAIN_SECONDS = 15


class Answer(StrEnum):
    """What became of one question."""

    OK = "ok"
    MISSING = "missing"
    NO_ANSWER = "no answer"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Health:
    """What was asked, and what came of it."""

    database: Answer
    migrations: Answer
    broker: Answer

    @property
    def is_ready(self) -> bool:
        """Whether requests can be served."""
        return self.database is Answer.OK and self.migrations is Answer.OK

    @property
    def status(self) -> str:
        """All of it in a word."""
        if not self.is_ready:
            return "not ready"
        return "ready" if self.broker is Answer.OK else "degraded"

    def checks(self) -> dict[str, str]:
        """Each question with its answer."""
        return asdict(self)


def health_read() -> Health:
    """Ask the database, whether its migrations are applied, and the broker, all at once. Takes a second at most."""
    by = time.monotonic() + SECONDS
    database, migrations, broker = _ask(database_answers), _ask(_is_migrated), _ask(broker_answers)
    said = _answer(database, by)
    return Health(
        database=said,
        migrations=_answer(migrations, by) if said is Answer.OK else Answer.NOT_ASKED,
        broker=_answer(broker, by),
    )


def database_answers() -> bool:
    """Ask the database for nothing. Raises what the driver raises."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def migrations_missing() -> list[str]:
    """Return the migrations of this release that the database does not have, as in ``jobs.0007_name``."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def broker_answers() -> bool:
    """Open a connection to the broker and close it, without trying twice. Raises what kombu or the driver raises."""
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=0)
    return True


class _Seen:
    """That every migration was applied is asked until it is true: nobody takes one back under a process that runs."""

    is_migrated = False


def _is_migrated() -> bool:
    _Seen.is_migrated = _Seen.is_migrated or not migrations_missing()
    return _Seen.is_migrated


#: One that hangs is not asked again by each probe: whoever comes next waits for the same answer.
_asked: dict[Callable[[], bool], Asked[bool]] = {}


def _ask(question: Callable[[], bool]) -> Asked[bool]:
    former = _asked.get(question)
    if former is None or former.is_over or former.age > ASK_AGAIN_SECONDS:
        _asked[question] = former = Asked(question)
    return former


def _answer(asked: Asked[bool], by: float) -> Answer:
    try:
        return Answer.OK if asked.answer(by=by) else Answer.MISSING
    except Exception:  # noqa: BLE001  whatever it was: it does not answer, and `manage.py doctor` says why
        return Answer.NO_ANSWER
