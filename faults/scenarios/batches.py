"""A batch of many jobs whose workers die."""

import itertools
import os
from collections import Counter
from dataclasses import dataclass, field

from faults.database import Row
from faults.scenario import Outcome, Run, scenario
from faults.stack import CONCURRENCY

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
    """SIGKILL for a whole worker at three points of a batch. A body that was cut is begun again, and no other."""
    batch = _begun(run)
    for share, worker in zip(KILLED_AT, itertools.cycle(run.stack.workers), strict=False):
        _wait(run, batch, at_least=CHILDREN * share)
        worker.kill()
        run.say(f"{worker.name} killed at {batch.progress[-1]:,} children")
    run.fault_ended()
    run.wait_until(batch.has_ended, what="the end of the batch", seconds=PATIENCE_SECONDS)
    run.recovered()
    failing = CHILDREN // FAILS_EVERY
    expected = {"total": CHILDREN, "done": CHILDREN - failing, "failed": failing, "cancelled": 0}
    run.expect(batch.counts() == expected, f"it counted {batch.counts()}")
    run.expect(batch.progress == sorted(batch.progress), "its progress went back")
    cut = len(KILLED_AT) * CONCURRENCY
    again = _begun_again(batch)
    run.expect(again <= cut, f"{again} children were begun again, and at most {cut} were at work at a kill")
    return run.outcome(
        # A body may be cut after its last line and before the record of it: it is done again, and counted once.
        duplicates_at_most=cut,
        seen=f"The bar went on after each kill; {again} children were begun again, each was counted once.",
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


def _begun_again(batch: Batch) -> int:
    begun = Counter(key.replace("-", "") for key in batch.run.ledger.jobs_begun())
    children = [*batch.children(that_fail=False), *batch.children(that_fail=True)]
    return sum(begun[key.replace("-", "")] - 1 for key in children)
