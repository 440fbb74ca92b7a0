"""The database: whether it answers, has this release's tables, room to write, and the same time as we."""

import shutil
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from styleguide_example.common.leases import moment_now
from styleguide_example.core.redaction import redact
from styleguide_example.operations.doctor.findings import Finding, error, lasted, ok, warning
from styleguide_example.operations.health import database_answers, migrations_missing

SLOW_SECONDS = 0.2
#: Due times are compared with the database's clock, and what waits in the broker with the worker's.
SKEW_SECONDS = 2
#: Links and sessions are dated by the web server's.
SKEW_TOO_FAR_SECONDS = 30
_GIGABYTE = 1024**3
DISK_LITTLE_BYTES, DISK_FULL_BYTES = 2 * _GIGABYTE, _GIGABYTE // 5
_SHOWN = 5


def database(seconds: float) -> list[Finding]:
    """Ask it for nothing, twice: the first time opens the connection."""
    name = connection.display_name
    try:
        database_answers()
        before = time.monotonic()
        database_answers()
        took = time.monotonic() - before
    except (DatabaseError, InterfaceError) as problem:
        return [_away(name, problem)]
    if took > SLOW_SECONDS:
        slow = warning(
            f"{name} takes {lasted(took)} for an empty question.",
            meaning="Each page and each task asks a dozen times.",
            advice="Look at its load, and at the network between here and there.",
        )
        return [slow, *_file()]
    return [ok(f"{name} answers in {lasted(took)}."), *_file()]


def migrations(seconds: float) -> list[Finding]:
    """Compare what was applied with what this release has."""
    missing = migrations_missing()
    if not missing:
        return [ok("Every migration is applied.")]
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return [
        error(
            f"Not applied: {', '.join(missing[:_SHOWN])}{more}.",
            meaning="This release reads and writes what the database does not have: /health/ready says 503.",
            advice="manage.py migrate && manage.py setup_periodic_tasks",
        )
    ]


def clock(seconds: float) -> list[Finding]:
    """Compare this machine's clock with the database's."""
    before = timezone.now()
    read = moment_now(MigrationRecorder(connection).migration_qs)
    after = timezone.now()
    if read is None:
        return [warning("The database has no row to read its clock by.", advice="manage.py migrate")]
    return [skew_finding("This machine's", (before + (after - before) / 2 - read) / timedelta(seconds=1))]


def skew_finding(whose: str, ahead_seconds: float) -> Finding:
    """Say how far a clock is from the database's."""
    if abs(ahead_seconds) <= SKEW_SECONDS:
        return ok(f"{whose} clock and the database's agree.")
    way = "ahead of" if ahead_seconds > 0 else "behind"
    find = error if abs(ahead_seconds) > SKEW_TOO_FAR_SECONDS else warning
    return find(
        f"{whose} clock is {lasted(abs(ahead_seconds))} {way} the database's.",
        meaning="What is due is worked out by the database's clock; links, sessions and retries are dated by ours.",
        advice="Let both machines keep their time by NTP (timedatectl status).",
    )


def _away(name: str, problem: Exception) -> Finding:
    return error(
        f"{name} does not answer: {' '.join(redact(str(problem)).split())}",
        meaning="No page is served, and /health/ready says 503. Workers wait and go on by themselves; nothing is lost.",
        advice="Start it, or mend DATABASE_URL.",
    )


def _file() -> list[Finding]:
    if connection.vendor != "sqlite":
        return []
    found = [_disk(Path(connection.settings_dict["NAME"]).parent)]
    if not settings.DEBUG:
        found.append(
            warning(
                "The database is SQLite.",
                meaning="Web, workers and beat must all run on this one machine, and one of them writes at a time.",
                advice="Fine for one machine. For more, set DATABASE_URL to a PostgreSQL.",
            )
        )
    return found


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free >= DISK_LITTLE_BYTES:
        return ok(f"{free / _GIGABYTE:,.0f} GB are free for its file.")
    find = error if free < DISK_FULL_BYTES else warning
    return find(
        f"{free / _GIGABYTE:.1f} GB are free for its file, in {folder}.",
        meaning="On a full disk nothing can be committed: no request that writes succeeds.",
        advice="Make room, or move VAR_DIR.",
    )
