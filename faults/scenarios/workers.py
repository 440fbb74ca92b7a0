"""Workers that die, in every way in which a process can."""

import signal
from contextlib import ExitStack

import psutil

from faults.components import Component
from faults.moments import emails_held, emails_recorded, paused, wait_for_standstill, wait_for_those_held
from faults.processes import Logged, family, has_ended, send
from faults.profiles import LEASE_SECONDS, SWEEP_SECONDS
from faults.scenario import Outcome, Run, scenario
from styleguide_example.emails.tests.smtp_server import HANG_UP, HOLD, SILENCE, TAKEN_THEN_SILENCE

BURST = 2_000
KILLS = (300, 700, 1_100)
#: Of what a worker held when it died, and of nothing else: the lease runs out, a sweep notices, a process that is busy
#: with a burst (two seconds) has time for it, and sends it.
RECOVERY_SECONDS = LEASE_SECONDS + SWEEP_SECONDS + 6
#: Enough for every conversation that may begin while one lasts.
EVERY_ONE = 1_000
#: What a worker says that comes to the record after its lease.
TOO_LATE = "_after_lease_lost"
#: So long a supervisor waits between SIGTERM and SIGKILL; an answer of the mail server takes longer.
SHORT_GRACE_SECONDS, SLOW_ANSWER_SECONDS = 0.7, 2.5

_BURST_AND_SIGN_UPS = "800 e-mails in bursts, and a sign-up every 0.1 s"
_BURST_THEN_SIGN_UPS = "800 e-mails in bursts, and 20 sign-ups meanwhile"


@scenario("E1a", title="The pool is killed before the SMTP dialogue", load=_BURST_AND_SIGN_UPS)
def pool_killed_before_the_dialogue(run: Run) -> Outcome:
    """SIGKILL for every process of the pools while each new connection waits to be greeted; the main processes live."""
    run.sink.server.fail("next", *[HANG_UP] * EVERY_ONE)  # so that there are new ones
    _pools_killed(run, "connect", SILENCE)
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="E-mails came some seconds late, each of them once.")


@scenario("E1b", title="The pool is killed in DATA", load=_BURST_AND_SIGN_UPS, is_decisive=True)
def pool_killed_in_data(run: Run) -> Outcome:
    """The same while the server has read the first line of each message and no further."""
    _pools_killed(run, "body", SILENCE)
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="E-mails came some seconds late, each of them once.")


@scenario("E1c", title="The pool is killed after the 250, before the record", load=_BURST_AND_SIGN_UPS)
def pool_killed_before_the_record(run: Run) -> Outcome:
    """The same while the server has taken each message, and its 250 is on the way."""
    on_the_wire = _pools_killed(run, "message", TAKEN_THEN_SILENCE)
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen="The e-mails that were on the wire came twice at most, with one Message-ID; the others once.",
    )


def _pools_killed(run: Run, step: str, answer: str) -> int:
    """Kill all processes of all pools when every conversation is at ``step``. Returns how many were on the wire.

    Counted while they stand still: their connections, for each has one e-mail at a time; or, where they are more, the
    conversations that came to ``step``, for a worker that had waited too long for an answer was right to send again.
    """
    script = run.sink.server.script
    with run.load.signing_up(every=0.1) as answers:
        run.sink.server.seconds_per_message = 0.02
        burst = run.load.emails_begin(800)
        run.sink.wait_for(run.ledger.domain, 100)
        run.sink.server.fail(step, *[answer] * EVERY_ONE)
        wait_for_standstill(run)
        killed = [child for worker in run.stack.workers for child in worker.children()]
        send(killed, signal.SIGSTOP)
        in_use, came_there = run.stack.connections_of(killed), EVERY_ONE - len(script[step])
        send(killed, signal.SIGKILL)
        run.fault_ended()
        held = emails_held(run)
        script.clear()
        run.say(f"{len(killed)} processes killed with {len(held)} e-mails, {in_use} connections, {came_there} there")
        run.expect(came_there, "no conversation came there")
        wait_for_those_held(run, held)
        burst.wait()
        so_far = len(answers)
        run.wait_until(lambda: len(answers) >= so_far + 10, what="ten sign-ups afterwards")
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    run.expect(all(worker.has_process() for worker in run.stack.workers), "a worker's main process ended")
    return max(in_use, came_there)


@scenario(
    "E2",
    title="A whole worker is killed, three times in one burst",
    load=f"{BURST:,} e-mails in bursts",
    is_decisive=True,
)
def worker_killed_three_times(run: Run) -> Outcome:
    """SIGKILL for a worker with all its processes, once they have so many e-mails behind them."""
    run.sink.server.seconds_per_message = 0.05
    burst = run.load.emails_begin(BURST)
    on_the_wire = 0
    for number, arrived in enumerate(KILLS):
        worker = run.stack.workers[number % len(run.stack.workers)]
        run.sink.wait_for(run.ledger.domain, arrived)
        on_the_wire += _killed(run, worker)
    run.fault_ended()
    wait_for_those_held(run, emails_held(run))
    burst.wait()
    run.recovered()
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen="The e-mails went on arriving from the other worker; a few came twice, with one Message-ID.",
    )


def _killed(run: Run, worker: Component) -> int:
    """SIGKILL for all of it. Returns how many connections it had, counted while it stood still."""
    send(family(worker.pid), signal.SIGSTOP)
    in_use = run.stack.connections_in_use(worker)
    worker.kill()
    run.say(f"{worker.name} killed at {run.ledger.arrived():,} arrived, {in_use} connections in use")
    return in_use


@scenario("E3a", title="The main process is killed, and its pool with it", load=_BURST_THEN_SIGN_UPS)
def main_process_killed(run: Run) -> Outcome:
    """SIGKILL for the main process alone. On Linux the kernel ends its pool, because Celery has asked for that."""
    worker = _burst_is_under_way(run)
    pool = worker.children()
    send(pool, signal.SIGSTOP)  # until the kernel ends it: what is counted is what was on the wire
    on_the_wire = run.stack.connections_in_use(worker)
    worker.kill_main_only()
    run.fault_ended()
    run.wait_until(lambda: all(map(has_ended, pool)), what="the pool to end")
    held = emails_held(run)
    answers = run.load.sign_ups(20)
    wait_for_those_held(run, held)
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen="The e-mails went on arriving from the other worker; a few came twice, with one Message-ID.",
    )


@scenario(
    "E3b",
    title="The main process is killed, and its orphans go on",
    load=_BURST_THEN_SIGN_UPS,
    FAULTS_ORPHANS_LIVE=True,
    EMAIL_SENDING_BURST_SECONDS=10,  # so that they have something to go on with
)
def orphans_go_on(run: Run) -> Outcome:
    """The same where no system ends the pool: it goes on, is stopped beyond its leases, and comes back late."""
    worker = _burst_is_under_way(run)
    orphans, words = worker.children(), worker.process
    worker.kill_main_only()
    run.sink.wait_for(run.ledger.domain, run.ledger.arrived() + 30)
    on_the_wire = _come_back_late(run, orphans, words)
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen="What the orphans had on the wire came twice, with one Message-ID; coming back, they changed no row.",
    )


@scenario(
    "E4",
    title="A worker is stopped for longer than the lease, and goes on",
    load=_BURST_THEN_SIGN_UPS,
    is_decisive=True,
)
def worker_stopped_and_continued(run: Run) -> Outcome:
    """SIGSTOP for a worker with all its processes, SIGCONT when others have sent what it held."""
    worker = _burst_is_under_way(run)
    on_the_wire = _come_back_late(run, [psutil.Process(worker.pid), *worker.children()], worker.process)
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen="What the worker had on the wire came twice, with one Message-ID; coming back, it changed no row.",
    )


def _burst_is_under_way(run: Run) -> Component:
    """Ask for 800 e-mails, and return the worker that has more of them in hand, when some have arrived."""
    run.sink.server.seconds_per_message = 0.4  # most of the time something is on the wire
    run.load.emails(800)
    run.sink.wait_for(run.ledger.domain, run.ledger.arrived() + 50)
    return max(run.stack.workers, key=run.stack.connections_in_use)


def _come_back_late(run: Run, processes: list[psutil.Process], words: Logged) -> int:
    """Stop these until all else has ended, and let them go on. Returns how many e-mails they had on the wire."""
    server = run.sink.server
    server.fail("message", *[HOLD] * EVERY_ONE)  # taken, and the 250 waits
    wait_for_standstill(run)
    with paused(run, processes):
        server.script.clear()
        server.released.set()
        on_the_wire = run.stack.connections_of(processes)
        run.say(f"stopped with {on_the_wire} connections in use")
        run.expect(on_the_wire, "nothing was on the wire")
        run.fault_ended()  # the fault goes on, and everybody else has to recover from it
        server.seconds_per_message = 0.0
        held = emails_held(run)
        answers = run.load.sign_ups(20)
        wait_for_those_held(run, held)
        run.recovered()
        before = emails_recorded(run)

    def changed() -> int:
        return len(set(before) - set(emails_recorded(run)))

    run.wait_until(lambda: words.has_said(TOO_LATE) or changed() > 0, what="them to come too late for their records")
    run.expect(not changed(), f"they changed {changed()} rows that others had recorded")
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    return on_the_wire


@scenario("E5", title="SIGTERM with work in flight, a short grace, SIGKILL", load=_BURST_THEN_SIGN_UPS)
def terminated_with_a_short_grace(run: Run) -> Outcome:
    """One worker after the other, while answers of the mail server take longer than the grace; then both start."""
    on_the_wire = 0
    with ExitStack() as down:
        _burst_is_under_way(run)
        run.sink.server.seconds_per_message = SLOW_ANSWER_SECONDS
        wait_for_standstill(run)
        for worker in run.stack.workers:
            down.enter_context(worker.left_down())
            in_use = run.stack.connections_in_use(worker)
            ended_in_time = worker.terminate(SHORT_GRACE_SECONDS)
            run.say(f"{worker.name}: {in_use} connections in use, {'ended' if ended_in_time else 'killed'}")
            run.expect(not ended_in_time, f"{worker.name} had nothing in flight")
            on_the_wire += in_use
        held = emails_held(run)
        run.expect(
            len(held) <= on_the_wire, f"{len(held)} e-mails were kept back, {on_the_wire} connections were in use"
        )
        answers = run.load.sign_ups(20)
        run.sink.server.seconds_per_message = 0.0
    run.fault_ended()
    wait_for_those_held(run, held)
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen="E-mails waited for the new workers; those that were on the wire came twice at most, with one Message-ID.",
    )
