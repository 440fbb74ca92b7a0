"""A batch of many jobs whose workers die."""

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from faults.database import Row
from faults.scenario import Outcome, Run, scenario
from faults.stack import CONCURRENCY
from styleguide_example.embedded.environment import HOST

#: In earnest FAULTS_CHILDREN=10000.
CHILDREN = int(os.environ.get("FAULTS_CHILDREN", "2000"))
FAILS_EVERY = 100
KILLED_AT = (0.15, 0.4, 0.65)
PATIENCE_SECONDS = 60 + CHILDREN / 20


@dataclass
class Batch:
    """A batch as the rows tell of it, and what was seen of its progress."""

    run: Run
    key: str
    progress: list[int] = field(default_factory=list)

    def ended(self) -> int:
        """How many of its children have ended, by its own account."""
        self.progress.append(int(self._row("progress_current")[0]))
        return self.progress[-1]

    def has_ended(self) -> bool:
        """Whether it says that it is over."""
        self.ended()
        return self._row("finished_at")[0] is not None

    def counts(self) -> dict[str, int]:
        """Its account."""
        names = ("total", "done", "failed", "cancelled")
        return dict(zip(names, self._row(", ".join(f"children_{name}" for name in names)), strict=True))

    def children(self, *, that_fail: bool) -> list[str]:
        """The ids of the children that shall end so."""
        text = "CAST(parameters AS TEXT)"
        rows = self.run.database.rows(
            f"SELECT CAST(id AS TEXT) FROM jobs_job WHERE parent_id = %s AND {text} LIKE %s",  # noqa: S608  no input
            [self.key, f'%"fails": {str(that_fail).lower()}%'],
        )
        return [str(key) for (key,) in rows]

    def held_by(self, worker: str, processes: Sequence[int]) -> set[str]:
        """The ids of the children that these processes of a worker have in hand, dead or alive."""
        rows = self.run.database.rows(
            "SELECT CAST(id AS TEXT), lease_owner FROM jobs_job WHERE parent_id = %s AND lease_token IS NOT NULL",
            [self.key],
        )
        owners = {f"{worker}@{HOST}:{process}" for process in processes}
        return {_plain(str(key)) for key, owner in rows if owner in owners}

    def _row(self, columns: str) -> Row:
        (row,) = self.run.database.rows(f"SELECT {columns} FROM jobs_job WHERE id = %s", [self.key])  # noqa: S608
        return row


@scenario(
    "J4",
    title="A batch is killed three times",
    load=f"{CHILDREN:,} children, one in {FAILS_EVERY} of which fails",
    # In proportion to what two workers do on a busy machine: a message that waits longer is sent again.
    JOB_BATCH_WINDOW=20,
    JOB_WAKE_AGAIN_SECONDS=5,
)
def batch_killed_three_times(run: Run) -> Outcome:
    """SIGKILL for a whole worker at three points of a batch. Only a body that was cut may be begun again.

    A process of the pool works on one child at a time, so a kill cuts as many bodies at most as the worker has
    processes. Which ones they were is read from the rows when they are dead: exactly these may be begun again, and may
    come to their end twice (cut between the last line of the body and the record). All others are done once, and each
    is counted once.
    """
    batch = _begun(run)
    cut: set[str] = set()
    for share, worker in zip(KILLED_AT, itertools.cycle(run.stack.workers), strict=False):
        _wait(run, batch, at_least=CHILDREN * share)
        processes = [child.pid for child in worker.children()]
        worker.kill()
        held = batch.held_by(worker.name, processes)
        cut |= held
        run.say(f"{worker.name} killed at {batch.progress[-1]:,} children with {len(held)} in hand")
        run.expect(len(held) <= CONCURRENCY, f"{CONCURRENCY} processes had {len(held)} children in hand")
    run.fault_ended()
    run.wait_until(batch.has_ended, what="the end of the batch", seconds=PATIENCE_SECONDS)
    run.recovered()
    failing = CHILDREN // FAILS_EVERY
    expected = {"total": CHILDREN, "done": CHILDREN - failing, "failed": failing, "cancelled": 0}
    run.expect(batch.counts() == expected, f"it counted {batch.counts()}")
    run.expect(batch.progress == sorted(batch.progress), "its progress went back")
    again = _begun_again(batch)
    run.expect(again <= cut, f"{len(again - cut)} children were begun again whose body was not cut")
    return run.outcome(
        duplicates_at_most=len(cut),
        seen=f"The bar went on after each kill; {len(again)} children were begun again, each was counted once.",
    )


def _begun(run: Run) -> Batch:
    call = "faults.product.starts.batch_start"
    key = str(run.stack.feeder.call(call, label=run.ledger.label, children=CHILDREN, fails_every=FAILS_EVERY))
    batch = Batch(run, key.replace("-", "") if run.database.is_sqlite else key)
    run.ledger.jobs_noted(batch.children(that_fail=False))
    run.ledger.jobs_noted(batch.children(that_fail=True), ends_in=("FAILURE",))
    return batch


def _wait(run: Run, batch: Batch, *, at_least: float) -> None:
    run.wait_until(lambda: batch.ended() >= at_least, what=f"{at_least:,.0f} children", seconds=PATIENCE_SECONDS)


def _begun_again(batch: Batch) -> set[str]:
    begun = Counter(map(_plain, batch.run.ledger.jobs_begun()))
    children = map(_plain, [*batch.children(that_fail=False), *batch.children(that_fail=True)])
    return {key for key in children if begun[key] > 1}


def _plain(key: str) -> str:
    """A UUID as SQLite keeps it."""
    return key.replace("-", "")
