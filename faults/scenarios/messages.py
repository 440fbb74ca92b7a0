"""Messages that come more than once, and rows that more than one worker wants."""

from faults.profiles import CONNECTIONS
from faults.scenario import Outcome, Run, scenario

ROWS = 1_000
RACERS = 8


@scenario(
    "E7a",
    title="Every message is delivered twice",
    load="500 e-mails in bursts, 200 one by one, 20 sign-ups, 10 jobs, a schedule that is due every second",
    is_decisive=True,
    FAULTS_MESSAGES_TWICE=True,
)
def every_message_twice(run: Run) -> Outcome:
    """Web, workers and beats send each message two times, as it is, and both copies are delivered."""
    run.sink.server.seconds_per_message = 0.01
    with run.load.schedule():
        run.load.emails(500)
        run.load.emails(200, door="queue", each=20)
        answers = run.load.sign_ups(20)
        jobs = set(run.load.jobs(10, steps=3))
        run.wait_until(lambda: len(run.ledger.ticks()) >= 8, what="eight runs of the schedule")
    run.recovered()
    begun = [job for job in run.ledger.jobs_begun() if job in jobs]
    run.expect(len(begun) == len(jobs), f"{len(jobs)} jobs were begun {len(begun)} times")
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    copies = any(worker.process.has_said("email_not_claimed") for worker in run.stack.workers)
    run.expect(copies, "no worker has met a second copy")
    return run.outcome(seen="Nothing: each e-mail, job and due time once.")


@scenario("E7b", title=f"{RACERS} workers race for {ROWS:,} rows", load=f"{ROWS:,} e-mails and as many messages")
def workers_race(run: Run) -> Outcome:
    """All start at the same moment: a message to each of them to send whatever is due, and one for each row."""
    workers = run.stack.workers
    more = RACERS // len(workers) - len(workers[0].children())
    run.stack.feeder.call("faults.product.racing.pools_grow", by=more)
    run.wait_until(lambda: sum(len(worker.children()) for worker in workers) >= RACERS, what=f"{RACERS} processes")
    addresses = run.load.addresses(ROWS)
    run.sink.server.seconds_per_message = 0.3  # long enough for each of them to have its share
    for worker in workers:
        worker.pause()
    run.stack.feeder.call("faults.product.racing.race_prepare", addresses=addresses, bursts=RACERS)
    run.ledger.emails_noted(addresses)
    at_work: set[int] = set()
    racers = [child for worker in workers for child in worker.children()]
    for worker in workers:
        worker.resume()

    def all_were_at_work() -> bool:
        at_work.update(child.pid for child in racers if run.stack.connections_of([child]))
        return len(at_work) == RACERS or run.ledger.arrived() >= ROWS

    run.wait_until(all_were_at_work, what="all processes at work")
    run.recovered()
    run.expect(len(at_work) == RACERS, f"{len(at_work)} of {RACERS} processes took part")
    run.stack.feeder.call("faults.product.racing.pools_shrink", by=more)
    return run.outcome(
        seen=f"Nothing: each of them once, over {RACERS * CONNECTIONS} connections at most.",
    )
