"""An e-mail that kills whoever sends it."""

from faults.profiles import LEASE_SECONDS, SWEEP_SECONDS
from faults.rows import EmailRow, email_rows
from faults.scenario import Outcome, Run, scenario

ATTEMPTS = 2
#: Each attempt holds it for a lease, until a sweep notices.
RECOVERY_SECONDS = ATTEMPTS * (LEASE_SECONDS + SWEEP_SECONDS)


@scenario(
    "E11a",
    title="A poison row among others, one by one",
    load="200 e-mails one by one, and a sign-up every 0.1 s",
    EMAIL_SENDING_MAX_ATTEMPTS=ATTEMPTS,
)
def poison_alone(run: Run) -> Outcome:
    """Whoever sends it gets SIGKILL by its own hand, each time, as by a fault in C code."""
    _poisoned(run, door="queue", others=200)
    return run.outcome(
        recovered_at_most=RECOVERY_SECONDS, seen="The poison ended in FAILED; nobody else noticed anything."
    )


@scenario(
    "E11b",
    title="A poison row in a burst",
    load="800 e-mails in bursts, and a sign-up every 0.1 s",
    EMAIL_SENDING_MAX_ATTEMPTS=ATTEMPTS,
)
def poison_in_a_burst(run: Run) -> Outcome:
    """The same in the middle of a burst, whose other e-mails lose their process with it: once, for it is then alone."""
    on_the_wire = _poisoned(run, door="all", others=800)
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen="The poison ended in FAILED; of those in the same burst what was on the wire came twice at most.",
    )


def _poisoned(run: Run, *, door: str, others: int) -> int:
    """Ask for it among others. Returns how many connections the processes had that it killed, as they died."""
    before = len(run.ledger.poisoned())
    poison = f"poison@{run.ledger.domain}"
    run.ledger.emails_excused([poison])
    addresses = run.load.addresses(others)
    addresses.insert(others // 2, poison)
    run.sink.server.seconds_per_message = 0.02
    with run.load.signing_up(every=0.1) as answers:
        asking = run.load.emails_to(addresses, door=door)
        run.wait_until(lambda: _row(run, poison).attempts > 0, what="the poison to be taken")
        run.fault_ended()
        arrived_before = run.ledger.arrived()
        asking.wait()
        run.wait_until(lambda: _row(run, poison).status != "sending", what="the poison to end")
        run.expect(run.ledger.arrived() - arrived_before >= 50, "the others did not flow on")
    run.recovered()
    row = _row(run, poison)
    run.expect((row.status, row.attempts) == ("failed", ATTEMPTS), f"it is {row.status} after {row.attempts} attempts")
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    connections = run.ledger.poisoned()[before:]
    run.say(f"it killed processes with {', '.join(map(str, connections))} connections in use")
    run.expect(len(connections) == ATTEMPTS, f"it killed {len(connections)} processes")
    # Its own is among them, and that e-mail never came; where it is sent alone, no other is.
    return sum(connections) - len(connections)


def _row(run: Run, address: str) -> EmailRow:
    rows = [row for row in email_rows(run.database, run.ledger.domain) if row.to == (address,)]
    return rows[0] if rows else EmailRow(0, (address,), "", 0, "")
