"""Jobs whose worker dies, whose broker forgets, that are started all at once, and cancelled at each point."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from faults.database import Row
from faults.profiles import TIMES
from faults.scenario import Outcome, Run, scenario
from faults.web import Answer

LEASE_SECONDS = float(str(TIMES["JOB_LEASE_SECONDS"]))
#: The lease of a dead worker's job runs out, a worker is started again, a sweep wakes it. (``profiles.TIMES``)
RECOVERY_SECONDS = LEASE_SECONDS + 14
STARTS_AT_ONCE = 50


@scenario(
    "J1a",
    title="Both workers are killed with jobs at work",
    load="four jobs at work, twenty that wait",
    is_decisive=True,
)
def workers_killed_at_work(run: Run) -> Outcome:
    """SIGKILL in the middle of bodies: one kind may be begun again, the other ends and says why."""
    gate = _gate(run)
    resuming = run.load.jobs(2, "fault-resuming", steps=1, gate=str(gate))
    plain = run.load.jobs(2, "fault-plain", ends_in=("FAILURE",), steps=1, gate=str(gate))
    _wait_until_begun(run, [*resuming, *plain])
    run.load.jobs(20)
    for worker in run.stack.workers:
        worker.kill()
    run.fault_ended()
    gate.touch()
    run.recovered()
    run.expect(_begun(run, resuming) == [2, 2], "what may be begun again was not begun twice")
    run.expect(_begun(run, plain) == [1, 1], "what may not be begun again was")
    told = {_error_code(run, job) for job in plain}
    run.expect(told == {"worker_lost"}, f"its owner was told {told}")
    return run.outcome(
        recovered_at_most=RECOVERY_SECONDS,
        seen="Two jobs took longer, two ended with “Its worker was killed or cut off”, the others waited.",
    )


@scenario("J1b", title="The broker is wiped with jobs queued", load="forty jobs that wait")
def broker_wiped_with_jobs_queued(run: Run) -> Outcome:
    """All messages are gone while no worker runs; the rows are there."""
    with _without_workers(run):
        run.load.jobs(40)
        run.expect(run.stack.queue_length() >= 40, "the messages were not in the broker that was wiped")
        run.servers.broker.wipe()
    run.fault_ended()
    run.recovered()
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Forty jobs began some seconds late.")


@scenario(
    "J2",
    title="Fifty starts at once of a job that runs alone",
    load="fifty clients of the API",
    is_decisive=True,
)
def fifty_starts_at_once(run: Run) -> Outcome:
    """One gets it. Then its holder is killed, the next one cancelled, the next one expires: none of them jams it."""
    gate = _gate(run)
    run.expect(run.load.secret, "no token")  # made once, before the threads
    with ThreadPoolExecutor(STARTS_AT_ONCE) as threads:
        starts = [
            threads.submit(run.load.job, "fault-alone", ends_in=("FAILURE",), steps=1, gate=str(gate))
            for _ in range(STARTS_AT_ONCE)
        ]
        answers = [start.result() for start in starts]
    holder = _the_one(run, answers)
    _wait_until_begun(run, [holder])
    for worker in run.stack.workers:
        worker.kill()
    run.fault_ended()
    second = _started_as_soon_as_it_may(run, ends_in=("REVOKED",), steps=600, seconds=0.1)
    freed = run.recovery_noted()
    run.say(f"the killed one's place is free after {freed:.1f} s")
    _wait_until_begun(run, [second])
    _cancel(run, second)
    third = _started_as_soon_as_it_may(run, ends_in=("SUCCESS",))
    run.wait_until(lambda: _has_ended(run, third), what="the third to end")
    _expires(run)
    run.recovered()
    return run.outcome(
        recovered_at_most=LEASE_SECONDS + 2,
        seen="One was started, 49 were told which one runs; each holder that died, was cancelled or expired made room.",
    )


@scenario("J3a", title="Jobs are cancelled while they wait, and the workers restart", load="ten jobs that wait")
def cancelled_while_queued(run: Run) -> Outcome:
    """The wish is in the row: the messages are still in the broker when workers come back."""
    with _without_workers(run):
        queued = run.load.jobs(10, ends_in=("REVOKED",))
        answers = [_cancel(run, job) for job in queued]
    run.fault_ended()
    run.expect({answer.status for answer in answers} == {202}, "a cancellation was refused")
    run.recovered()
    run.wait_until(lambda: run.stack.queue_length() == 0, what="the messages to be taken")
    run.load.jobs(4)
    run.recovered()
    run.expect(not any(_begun(run, queued)), "a job that was cancelled while it waited has begun")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Ten jobs were cancelled at once, and none began.")


@scenario("J3b", title="Jobs are cancelled while they run", load="four jobs that report every 0.1 s")
def cancelled_while_running(run: Run) -> Outcome:
    """They stop at their next report."""
    running = run.load.jobs(4, "fault-resuming", ends_in=("REVOKED",), steps=600, seconds=0.1)
    _wait_until_begun(run, running)
    for job in running:
        _cancel(run, job)
    run.fault_ended()
    run.recovered()
    run.expect(not set(running) & set(run.ledger.jobs_done()), "a cancelled job came to its end")
    return run.outcome(recovered_at_most=5, seen="Four jobs stopped within a moment.")


@scenario(
    "J3c", title="Jobs are cancelled while they run, and their workers die", load="four jobs that may be begun again"
)
def cancelled_and_killed(run: Run) -> Outcome:
    """They report nothing when they are asked to stop, then SIGKILL: what may be begun again must not be."""
    gate = _gate(run)
    running = run.load.jobs(4, "fault-resuming", ends_in=("REVOKED",), steps=1, gate=str(gate))
    _wait_until_begun(run, running)
    for job in running:
        _cancel(run, job)
    for worker in run.stack.workers:
        worker.kill()
    run.fault_ended()
    gate.touch()
    run.recovered()
    run.expect(_begun(run, running) == [1] * 4, "a job was begun again after it was cancelled")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Four jobs were cancelled when their lease was over.")


@scenario("J3d", title="Jobs are cancelled while they end", load="thirty-two short jobs")
def cancelled_while_ending(run: Run) -> Outcome:
    """Each is cancelled after its last report or the one before; then SIGKILL for the workers of the last four."""
    ending: list[str] = []
    for steps in (1, 2) * 4:
        some = run.load.jobs(4, "fault-resuming", ends_in=("SUCCESS", "REVOKED"), steps=steps, seconds=0.2)
        for job in some:
            run.wait_until(partial(_has_reported, run, job), what="its report")
            _cancel(run, job)
        ending += some
    for worker in run.stack.workers:
        worker.kill()
    run.fault_ended()
    run.recovered()
    run.load.jobs(4)
    run.recovered()
    run.expect(set(_begun(run, ending)) == {1}, "a job was begun again, or never")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Each was done or cancelled, and said so.")


def _gate(run: Run) -> Path:
    return run.stack.diary.with_name(f"{run.ledger.label}-gate")


@contextmanager
def _without_workers(run: Run) -> Iterator[None]:
    """Both are killed, and started again at the end of this block."""
    with ExitStack() as down:
        for worker in run.stack.workers:
            down.enter_context(worker.left_down())
            worker.kill()
        yield
    for worker in run.stack.workers:
        worker.start()


def _the_one(run: Run, answers: list[Answer]) -> str:
    """One was accepted, and all others were told its id."""
    accepted = [answer for answer in answers if answer.status == 202]
    refused = [answer for answer in answers if answer.status == 409]
    run.expect(len(accepted) == 1, f"{len(accepted)} of {len(answers)} starts were accepted")
    run.expect(len(accepted) + len(refused) == len(answers), "a start had neither 202 nor 409 for an answer")
    one = str(accepted[0].json["id"])
    run.expect(all(answer.json["job_id"] == one for answer in refused), "a refusal does not name the one that runs")
    return one


def _started_as_soon_as_it_may(run: Run, **how: Any) -> str:
    """Ask until it is accepted, as a client does that is told to come again."""
    answers: list[Answer] = []

    def is_accepted() -> bool:
        answers.append(run.load.job("fault-alone", **how))
        return answers[-1].status == 202

    run.wait_until(is_accepted, what="the place of the former one")
    return str(answers[-1].json["id"])


def _expires(run: Run) -> None:
    """One that nobody begins in time makes room, though nobody sweeps."""
    with _without_workers(run):
        expiring = run.stack.feeder.call("faults.product.starts.alone_start", label=run.ledger.label, expires_seconds=2)
        run.ledger.jobs_noted([expiring], ends_in=("REVOKED",))
        run.expect(run.load.job("fault-alone").status == 409, "two that run alone wait at once")
        _started_as_soon_as_it_may(run)
        run.expect(_error_code(run, expiring) == "expired", "the one that expired does not say so")


def _cancel(run: Run, job: str) -> Answer:
    return run.load.web.api("POST", f"/api/jobs/{job}/cancel/", run.load.secret)


def _wait_until_begun(run: Run, jobs: list[str]) -> None:
    run.wait_until(lambda: all(_begun(run, jobs)), what=f"{len(jobs)} jobs to begin")


def _begun(run: Run, jobs: list[str]) -> list[int]:
    """How often the body of each began."""
    begun = Counter(run.ledger.jobs_begun())
    return [begun[job] for job in jobs]


def _row(run: Run, job: str, columns: str) -> Row:
    (row,) = run.database.rows(f"SELECT {columns} FROM jobs_job WHERE id = %s", [_key(run, job)])  # noqa: S608  no input
    return row


def _key(run: Run, job: str) -> str:
    """A UUID as the database keeps it."""
    return job.replace("-", "") if run.database.is_sqlite else job


def _error_code(run: Run, job: str) -> object:
    return _row(run, job, "error_code")[0]


def _has_ended(run: Run, job: str) -> bool:
    return _row(run, job, "finished_at")[0] is not None


def _has_reported(run: Run, job: str) -> bool:
    current, finished_at = _row(run, job, "progress_current, finished_at")
    return bool(current) or finished_at is not None
