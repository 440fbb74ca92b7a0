"""Brokers that are away, hang, forget, or have no memory left."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from faults.answers import REQUEST_SECONDS, slowest
from faults.scenario import Outcome, Run, scenario
from faults.shortages import memory_short
from faults.web import Answer

RECOVERY_SECONDS = 15
#: Sign-ups before anything is broken.
USUAL = 10
#: Requests that the web server works on at once.
AT_ONCE = 8

_SIGN_UPS = "a sign-up every 0.1 s, and 500 e-mails"
_COMMITTED = """SELECT count(*) FROM emails_email WHERE status = 'sending' AND CAST("to" AS TEXT) LIKE %s"""


@scenario("E8a", title="The broker is killed and started again", load=_SIGN_UPS, is_decisive=True)
def broker_killed_and_restarted(run: Run) -> Outcome:
    """SIGKILL, away for as long as twenty people need to sign up, started with what it had kept."""
    with run.load.signing_up(every=0.1) as answers:
        run.wait_until(lambda: len(answers) >= USUAL, what="ten sign-ups")
        run.servers.broker.kill()
        away_from = len(answers)
        run.load.emails(500)
        run.wait_until(lambda: len(answers) >= away_from + 20, what="twenty sign-ups without a broker")
        run.servers.broker.start()
        run.fault_ended()
        run.wait_until(lambda: len(answers) >= away_from + 40, what="twenty more sign-ups")
    run.recovered()
    return _outcome(run, answers, "their e-mails came with the broker")


@scenario("E8b", title="The broker hangs", load=_SIGN_UPS)
def broker_hangs(run: Run) -> Outcome:
    """SIGSTOP: connections stand, nothing is refused and nothing answered, until twenty people have signed up."""
    with run.load.signing_up(every=0.1) as answers:
        run.wait_until(lambda: len(answers) >= USUAL, what="ten sign-ups")
        run.servers.broker.pause()
        hung_from = len(answers)
        run.load.emails(500)
        run.wait_until(lambda: len(answers) >= hung_from + 20, what="twenty sign-ups with a broker that hangs")
        run.servers.broker.resume()
        run.fault_ended()
        run.wait_until(lambda: len(answers) >= hung_from + 40, what="twenty more sign-ups")
    run.recovered()
    return _outcome(run, answers, "their e-mails came when the broker answered again")


@scenario("E8c", title="The broker is wiped", load="300 e-mails with a message each, and a sign-up every 0.1 s")
def broker_wiped(run: Run) -> Outcome:
    """SIGKILL with messages in its queue, its files deleted, started empty; people sign up all the time."""
    run.sink.server.seconds_per_message = 0.5  # so that the messages wait in the broker
    with run.load.signing_up(every=0.1) as answers:
        run.wait_until(lambda: len(answers) >= USUAL, what="ten sign-ups")
        run.load.emails(300, door="queue", each=10)  # short transactions: on SQLite a sign-up waits for each
        thrown_away = run.stack.queue_length()
        run.servers.broker.wipe()
        run.fault_ended()
        run.sink.server.seconds_per_message = 0.0
        wiped_at = len(answers)
        run.wait_until(lambda: len(answers) >= wiped_at + 20, what="twenty sign-ups with an empty broker")
    run.say(f"wiped with {thrown_away} messages in the queue")
    run.expect(thrown_away >= 20, f"only {thrown_away} messages were in the broker when it was wiped")
    run.recovered()
    return _outcome(run, answers, f"{thrown_away} messages were gone, and no e-mail")


@scenario("E8d", title="The broker is killed at the moment of a commit", load=f"{AT_ONCE} sign-ups at once")
def broker_killed_at_commit(run: Run) -> Outcome:
    """It hangs, so that each request waits between its commit and its answer, and is killed with what they sent it."""
    usual = run.load.sign_ups(AT_ONCE)  # so that every process of the web server has a connection to it
    run.recovered()
    run.servers.broker.pause()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = [threads.submit(run.load.sign_up) for _ in range(AT_ONCE)]
        run.wait_until(lambda: _committed(run) > 0, what="a commit", seconds=5)
        between = _committed(run) - sum(each.done() for each in asked)
        run.servers.broker.kill()
        answers = [each.result() for each in asked]
    run.say(f"killed while {between} requests were between their commit and their answer")
    run.expect(between > 0, "every request was answered before the broker was killed")
    run.servers.broker.start()
    run.fault_ended()
    run.recovered()
    return _outcome(run, [*usual, *answers], "their e-mails came with the broker")


@scenario("E8e", title="The broker is at its memory limit", load=_SIGN_UPS)
def broker_out_of_memory(run: Run) -> Outcome:
    """Its limit is set below what it uses: it answers questions and takes no message, until twenty have signed up."""
    with run.load.signing_up(every=0.1) as answers:
        run.wait_until(lambda: len(answers) >= USUAL, what="ten sign-ups")
        with memory_short(run.servers.broker):
            full_from = len(answers)
            run.load.emails(500)
            run.wait_until(lambda: len(answers) >= full_from + 20, what="twenty sign-ups with a full broker")
        run.fault_ended()
        run.wait_until(lambda: len(answers) >= full_from + 40, what="twenty more sign-ups")
    run.recovered()
    return _outcome(run, answers, "their e-mails came when the broker had room again")


@scenario("E8f", title="The broker is restarted before a worker notices", load="300 e-mails, 40 with a message each")
def broker_restarted_unnoticed(run: Run) -> Outcome:
    """Both workers are busy elsewhere (SIGSTOP) while it is killed and started: they come back to dead connections."""
    answers = run.load.sign_ups(USUAL)
    for worker in run.stack.workers:
        worker.pause()
    run.servers.broker.restart()
    for worker in run.stack.workers:
        worker.resume()
    run.fault_ended()
    run.load.emails(300)
    run.load.emails(40, door="queue")
    answers += run.load.sign_ups(USUAL)
    run.recovered()
    return _outcome(run, answers, "their e-mails came when the workers had noticed")


def _committed(run: Run) -> int:
    return int(run.database.value(_COMMITTED, [f"%@{run.ledger.domain}%"]))


def _outcome(run: Run, answers: Sequence[Answer], and_then: str) -> Outcome:
    """A request takes a second at most and succeeds, whatever the broker does."""
    failed = [answer.status for answer in answers if answer.status != 302]
    took = slowest(answers)
    run.expect(not failed, f"{len(failed)} of {len(answers)} sign-ups failed, the first with {failed[:1]}")
    run.expect(took <= REQUEST_SECONDS, f"a sign-up took {took:.1f} s")
    seen = f"{len(answers)} people signed up, the slowest in {took:.2f} s; {and_then}."
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen=seen)
