"""A run in which chance breaks one thing after the other under load; then every invariant is checked at the edges.

What is broken when comes from a seed: the same one makes the same plan, though not the same machine to follow it.
"""

import os
from collections import Counter
from contextlib import ExitStack
from urllib.parse import urlsplit

from faults import evidence, invariants
from faults.breakages import MAKERS, MESSAGE_SECONDS
from faults.breaking import Breaker, Happened, follow
from faults.cables import Cable
from faults.plans import CABLE, CUT_OFF, MAIL, POSTGRESQL, SQLITE, WORKERS, Fault, plan
from faults.rss import rss_noted
from faults.scenario import Outcome, Run, Scenario
from faults.steady_load import steady_load

KEY = "R"
PLAN_FILE, HAPPENED_FILE, MEMORY_FILE = "plan.txt", "happened.txt", "memory.csv"
#: Load on the mended product, before it is asked to come to an end.
AFTERWARDS_SECONDS = 5
#: A due time whose message is gone is woken again after 60 s (``tasks.runs.WAKE_AGAIN_SECONDS``), which no setting
#: shortens; a beat takes over before, a sweep comes after.
RECOVERY_SECONDS = 60 + 15 + 15
PATIENCE_SECONDS = 180
#: What comes back after these has in hand what another may have done meanwhile.
_COMES_BACK = ("stop", "stop for longer than the leases", "pull")


def scenario(*, seed: int, seconds: float) -> Scenario:
    """Return the scenario of this seed, for as long."""

    def body(run: Run) -> Outcome:
        """Kill, stop, cut off, wipe and start again, one in about five seconds and several at once."""
        return _run(run, seed=seed, seconds=seconds)

    return Scenario(
        KEY,
        title=f"Chance breaks things for {seconds:.0f} s, seed {seed}",
        load="a sign-up every 0.4 s, single e-mails, bursts and jobs every second, and a schedule due each second",
        body=body,
        arguments=f"--random {seconds:.0f} --seed {seed}",
    )


def _run(run: Run, *, seed: int, seconds: float) -> Outcome:
    faults = plan(seed, seconds=seconds)
    _keep(run, PLAN_FILE, map(str, faults))
    run.say(f"{len(faults)} faults planned by seed {seed}; plan, course and memory are in {run.stack.room.directory}")
    with ExitStack() as undo:
        undo.enter_context(rss_noted(run.stack, run.stack.room.directory / MEMORY_FILE))
        breaker = Breaker(run, MAKERS, _cable(run, undo))
        seen = undo.enter_context(evidence.ends_seen(run))
        with run.load.schedule() as schedule:
            with steady_load(run, seed=seed) as answers:
                run.sink.server.seconds_per_message = MESSAGE_SECONDS
                follow(breaker, faults, seconds=seconds)
                breaker.end_all()
                run.servers.heal()
                run.fault_ended()
                follow(breaker, [], seconds=AFTERWARDS_SECONDS)
            run.stack.heal()
        run.recovered(seconds=PATIENCE_SECONDS)
        _keep(run, HAPPENED_FILE, map(_course, breaker.happened))
        excused = _check(run, breaker, seen, schedule)
    refused = sum(answer.status != 302 for answer in answers)
    kinds = Counter(each.fault.target for each in breaker.happened)
    return run.outcome(
        duplicates_at_most=breaker.on_the_wire + excused,
        recovered_at_most=RECOVERY_SECONDS,
        seen=f"{len(breaker.happened)} faults ({', '.join(f'{n} {name}' for name, n in sorted(kinds.items()))}); "
        f"{refused} of {len(answers)} sign-ups were not answered with success.",
    )


def _check(run: Run, breaker: Breaker, seen: dict[str, object], schedule: str) -> int:
    """Check everything, note what does not hold, and return how many bodies ran twice that their attempts explain."""
    troubles = [_trouble(each) for each in breaker.happened if _may_double(each.fault)]
    emails, jobs = evidence.emails_now(run), evidence.jobs_now(run)
    runs, elsewhere = evidence.runs_now(run, schedule)
    run.problems += invariants.emails_problems(
        emails, evidence.arrivals(run), troubles, on_the_wire=breaker.on_the_wire
    )
    run.problems += invariants.jobs_problems(jobs, troubles)
    run.problems += invariants.runs_problems(runs, elsewhere)
    run.problems += invariants.ends_problems(seen, evidence.ended_now(run))
    run.problems += invariants.strangers_problems(evidence.strangers(run))
    states = Counter(f"{each.state} {each.error_code}".strip() for each in jobs)
    run.say(f"{Counter(email.status for email in emails)}, {states}, {Counter(each.state for each in runs)}")
    return sum(max(each.ticks - 1, 0) for each in runs) + sum(max(job.done - 1, 0) for job in jobs)


def _cable(run: Run, undo: ExitStack) -> Cable | None:
    """Let one worker be on a machine of its own, where this process may make one."""
    if os.geteuid() != 0:
        run.say("No cable is pulled: only root may have a network namespace.")
        return None
    (worker,) = (each for each in run.stack.workers if each.name == CUT_OFF)
    urls = [run.servers.broker.url, run.database.url, f"smtp://127.0.0.1:{run.sink.port}"]
    cable = undo.enter_context(Cable([port for url in urls if (port := urlsplit(url).port)]))
    usual = worker.command, worker.environment
    worker.command, worker.environment = cable.command(worker.command), cable.environment(worker.environment)

    def come_back() -> None:
        worker.command, worker.environment = usual
        worker.restart()

    undo.callback(come_back)
    worker.restart()
    return cable


def _may_double(fault: Fault) -> bool:
    return fault.target in {*WORKERS, POSTGRESQL, SQLITE, MAIL, CABLE}


def _trouble(happened: Happened) -> invariants.Trouble:
    comes_back = happened.fault.kind in _COMES_BACK
    return invariants.Trouble(happened.began_at, happened.ended_at, comes_back=comes_back)


def _course(happened: Happened) -> str:
    lasted = happened.ended_at - happened.began_at
    return f"{happened.began_at:.1f} {happened.fault}; lasted {lasted:.1f} s, {happened.on_the_wire} on the wire"


def _keep(run: Run, name: str, lines: "map[str]") -> None:
    (run.stack.room.directory / name).write_text("".join(f"{line}\n" for line in lines))
