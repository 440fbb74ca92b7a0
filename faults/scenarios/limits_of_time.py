"""Time limits that strike in the middle of a conversation, and clocks that are wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from faults.components import Component
from faults.moments import paused
from faults.processes import has_ended
from faults.profiles import SERVICES, TIMES
from faults.scenario import Outcome, Run, scenario
from styleguide_example.emails.tests.smtp_server import SILENCE, TAKEN_THEN_SILENCE

SOFT_SECONDS, HARD_SECONDS = 3, 5
#: Longer than the limits: then it is they that end a conversation, and not the lease that brings an e-mail back.
_LONG: dict[str, Any] = {
    "EMAIL_TIMEOUT_SECONDS": 20,
    "EMAIL_TIMEOUT_AFTER_DATA_SECONDS": 20,
    "EMAIL_SENDING_LEASE_SECONDS": 60,
    "CELERY_TASK_SOFT_TIME_LIMIT_SECONDS": SOFT_SECONDS,
    "CELERY_TASK_TIME_LIMIT_SECONDS": HARD_SECONDS,
    # A burst has limits of its own, a minute beyond anything that it waits for: here each e-mail has its own task.
    "EMAIL_SENDING_BURST_FROM": 100_000,
}
#: The limit, the longest pause before the next attempt, the sweep that wakes it.
RECOVERY_SECONDS = HARD_SECONDS + int(str(TIMES["EMAIL_SENDING_BACKOFF_MAX_SECONDS"])) + 4
HOUR = 3_600


@scenario(
    "E6a",
    title="The soft time limit strikes in the SMTP dialogue",
    load="200 e-mails one by one, and a sign-up every 0.1 s",
    is_decisive=True,
    **_LONG,
)
def soft_limit(run: Run) -> Outcome:
    """The server falls silent three times: after RCPT, in DATA, and when it has taken the message."""
    server = run.sink.server
    with run.load.signing_up(every=0.1) as answers:
        run.load.emails(200, door="queue", each=20)
        run.wait_until(lambda: len(answers) >= 10, what="ten sign-ups")
        server.fail("rcpt", SILENCE)
        server.fail("body", SILENCE)
        server.fail("message", TAKEN_THEN_SILENCE)
        run.wait_until(lambda: len(server.silent_to) == 3, what="the mail server to fall silent three times")
        run.fault_ended()
        so_far = len(answers)
        run.wait_until(lambda: len(answers) >= so_far + 20, what="twenty sign-ups afterwards")
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    return run.outcome(
        duplicates_at_most=1,
        recovered_at_most=RECOVERY_SECONDS,
        seen="Three e-mails came some seconds late, the one that the server had taken twice, with one Message-ID.",
    )


@scenario(
    "E6b",
    title="The hard time limit strikes in the SMTP dialogue",
    load="200 e-mails one by one, and a sign-up every 0.1 s",
    **_LONG,
)
def hard_limit(run: Run) -> Outcome:
    """The server takes a message and falls silent; its client hangs as in C code and hears no soft limit."""
    server = run.sink.server
    with run.load.signing_up(every=0.1) as answers:
        run.load.emails(200, door="queue", each=20)
        run.wait_until(lambda: len(answers) >= 10, what="ten sign-ups")
        server.fail("message", TAKEN_THEN_SILENCE)
        run.wait_until(lambda: bool(server.silent_to), what="the mail server to fall silent")
        pools = [child for worker in run.stack.workers for child in worker.children()]
        hanging = [child for child in pools if server.silent_to.intersection(_ports(child))]
        with paused(run, hanging):
            run.fault_ended()
            run.wait_until(lambda: all(map(has_ended, hanging)), what="the limit to kill the process")
        so_far = len(answers)
        run.wait_until(lambda: len(answers) >= so_far + 20, what="twenty sign-ups afterwards")
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    return run.outcome(
        duplicates_at_most=1,
        recovered_at_most=RECOVERY_SECONDS,
        seen="E-mails came some seconds late, the one that the server had taken twice, with one Message-ID.",
    )


def _ports(process: psutil.Process) -> set[int]:
    """The ports from which it is connected to somebody."""
    return {each.laddr.port for each in process.net_connections("tcp") if each.raddr}


# Not on the embedded profile, where the clock of SQLite is that of the machine: there is no other to go by.
@scenario(
    "E13",
    title="The clock of one machine jumps by an hour, back and forth",
    load="900 e-mails in bursts, some refused for now; sign-ups, jobs, a schedule that is due every second",
    profiles=SERVICES,
)
def clock_jumps(run: Run) -> Outcome:
    """One web server, one worker and the leading beat are an hour ahead, then an hour behind, then right again."""
    leader = run.stack.leader()
    beat = next(beat for beat in run.stack.beats if beat is not leader)
    with _one_machine(run, [run.stack.web, run.stack.workers[0], beat]) as clock:
        with leader.left_down():
            leader.kill()
            run.wait_until(lambda: run.stack.leader() is beat, what="the beat of that machine to lead")
        with run.load.schedule(), run.load.signing_up(every=0.1) as answers:
            _jump(run, clock)
        run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    return run.outcome(recovered_at_most=20, seen="Nothing: each e-mail, job and due time once, and none an hour late.")


def _jump(run: Run, clock: Path) -> None:
    server = run.sink.server
    server.seconds_per_message = 0.02
    for seconds in (HOUR, -HOUR, 0):
        burst = run.load.emails_begin(300)
        run.sink.wait_for(run.ledger.domain, run.ledger.arrived() + 50)
        _set(clock, seconds)
        server.fail("rcpt", *["450 4.2.1 not now"] * 20)
        run.load.jobs(4, "fault-resuming", steps=5, seconds=0.2)
        burst.wait()
        _wait_for_runs(run, len(run.ledger.ticks()) + 4)
        run.say(f"clock off by {seconds:+,} s: {run.ledger.arrived():,} arrived")
    run.fault_ended()


def _wait_for_runs(run: Run, count: int) -> None:
    run.wait_until(lambda: len(run.ledger.ticks()) >= count, what=f"{count} runs of the schedule")


@contextmanager
def _one_machine(run: Run, machine: list[Component]) -> Iterator[Path]:
    """Give these a wall clock of their own inside this block, and the file that moves it."""
    clock = run.stack.room.directory / "wall-clock"
    _set(clock, 0)
    usual = {component: component.environment for component in machine}
    try:
        for component, environment in usual.items():
            component.environment = {**environment, "FAULTS_WALL_CLOCK": str(clock)}
            component.restart()
        yield clock
    finally:
        for component, environment in usual.items():
            component.environment = environment
            component.restart()


def _set(clock: Path, seconds: int) -> None:
    """In one step, for it is read all the time."""
    written = clock.with_suffix(".new")
    written.write_text(str(seconds))
    written.replace(clock)
