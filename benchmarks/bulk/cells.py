"""One cell of the table: so many e-mails, by one contender, at one latency."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.bulk.processes import cpu_of_service
from benchmarks.bulk.sinks import Latency
from benchmarks.bulk.stages import Stage
from benchmarks.bulk.wiretap import Counts, Wiretap

RECORD_SECONDS = 30
QUIET_SECONDS = 0.3


@dataclass(frozen=True)
class Cell:
    """What was measured. Seconds run from asking for all until the mail server took the last one."""

    who: str
    latency: str
    emails: int
    seconds: float
    emails_per_s: float
    cpu_ms_per_email: float
    postgresql_ms_per_email: float
    smtp_connections: int  # open at once, at most
    smtp_connections_opened: int
    lost: int
    duplicates: int
    recorded: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def cell_measure(stage: Stage, latency: Latency, count: int) -> Cell:
    """Write so many, then ask for them and watch the mail server."""
    _prepare(stage, latency, count)
    cpu, postgresql = stage.cpu(), cpu_of_service("postgres")
    stage.driver.begin("send")
    stage.wait_for(count)
    began = stage.driver.end()["began"]
    recorded = stage.is_recorded(count, timeout=RECORD_SECONDS)
    seen = stage.sink.figures()
    seconds = seen["last"] - began
    return Cell(
        who=stage.contender.who,
        latency=latency.name,
        emails=count,
        seconds=round(seconds, 3),
        emails_per_s=round(seen["accepted"] / seconds, 1),
        cpu_ms_per_email=round((stage.cpu() - cpu) * 1000 / count, 3),
        postgresql_ms_per_email=round((cpu_of_service("postgres") - postgresql) * 1000 / count, 3),
        smtp_connections=seen["open_most"],
        smtp_connections_opened=seen["connections"],
        lost=count - seen["distinct"] - seen["permanent"],
        duplicates=seen["duplicates"],
        recorded=recorded,
    )


def statements_count(stage: Stage, tap: Wiretap, latency: Latency, count: int) -> tuple[Counts, Counts]:
    """Return what ``count`` e-mails ask of PostgreSQL: writing the rows, and all that comes after."""
    stage.home.clear()
    stage.sink.behave(latency)
    stage.sink.reset()
    tap.reset()
    stage.driver.call("write", count=count)
    written = tap.counts
    tap.reset()
    stage.driver.begin("send")
    stage.wait_for(count)
    stage.driver.end()
    stage.is_recorded(count, timeout=RECORD_SECONDS)
    _wait_for_quiet(tap)
    return written, tap.counts


def _prepare(stage: Stage, latency: Latency, count: int) -> None:
    stage.home.clear()
    stage.driver.call("write", count=count)
    if stage.contender.table:  # as in a table that has lived for a while
        stage.home.ask(f"ANALYZE {stage.contender.table}")
    stage.sink.behave(latency)
    stage.sink.reset()


def _wait_for_quiet(tap: Wiretap) -> None:
    """A result is stored after its e-mail was taken; but a worker that looks for more work is not waited for."""
    deadline = time.monotonic() + 10 * QUIET_SECONDS
    statements = -1
    while statements != tap.counts.statements and time.monotonic() < deadline:
        statements = tap.counts.statements
        time.sleep(QUIET_SECONDS)
