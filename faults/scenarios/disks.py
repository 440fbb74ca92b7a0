"""Disks that are full."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from faults.profiles import LEASE_SECONDS
from faults.scenario import Outcome, Run, scenario
from faults.shortages import SmallDisk

RECOVERY_SECONDS = LEASE_SECONDS + 12
BURST = 1_500
#: PostgreSQL's files with their log take about half of it.
DISK_MEGABYTES = 160
#: What PostgreSQL and SQLite say; the second is in the log of a worker that heard either.
_FULL = ("No space left on device", "disk is full")


@scenario(
    "E12a", title="The disk of the database is full", load=f"{BURST:,} e-mails in bursts, and sign-ups", needs_root=True
)
def disk_full(run: Run) -> Outcome:
    """The last byte of its file system is taken in the middle of a burst, until ten sign-ups were refused."""
    with _on_small_disk(run) as disk:
        run.sink.server.seconds_per_message = 0.2
        run.load.emails(BURST)
        with run.load.signing_up(every=0.2) as answers:
            run.sink.wait_for(run.ledger.domain, 100)
            disk.fill()
            run.wait_until(lambda: sum(answer.status != 302 for answer in answers) >= 10, what="refused sign-ups")
            disk.free()
            run.servers.heal()  # PostgreSQL ends where it cannot write its log; its service manager starts it again
            run.fault_ended()
            back_from = len(answers)
            run.wait_until(lambda: len(answers) >= back_from + 5, what="five sign-ups")
        run.recovered()
        refused = sum(answer.status != 302 for answer in answers)
        run.expect(
            all(answer.status == 302 for answer in answers[back_from + 1 :]), "a sign-up failed with a free disk"
        )
        run.expect(_did_workers_notice(run), "no worker noticed that the disk was full")
        seen = f"{refused} of {len(answers)} sign-ups were answered with an error; of the others each e-mail came."
        return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen=seen)


def _did_workers_notice(run: Run) -> bool:
    return any(worker.process.has_said(words) for worker in run.stack.workers for words in _FULL)


@contextmanager
def _on_small_disk(run: Run) -> Iterator[SmallDisk]:
    """Inside this block the product's database is on a disk of its own, which has little room."""
    directory = run.stack.room.directory
    home = directory if run.servers.postgresql is None else run.servers.postgresql.directory
    with closing(SmallDisk(directory / "small", megabytes=DISK_MEGABYTES)) as disk:
        run.database.move(disk.path)
        run.stack.restart(fresh_database=True)
        try:
            yield disk
        finally:
            run.database.move(home)
            run.stack.restart(fresh_database=True)
