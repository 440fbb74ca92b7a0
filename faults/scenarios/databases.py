"""Databases that are killed, cut off, locked, out of connections, or refuse what is asked of them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import psycopg

from faults.database import SQLiteDatabase
from faults.errors import FaultsError
from faults.postgresql_server import PostgreSQLServer
from faults.profiles import EMBEDDED, LEASE_SECONDS, SERVICES
from faults.rows import email_rows
from faults.scenario import Outcome, Run, scenario
from faults.web import Answer
from styleguide_example.emails.tests.smtp_server import HOLD

#: "At once on return": what was interrupted asks again after at most four seconds.
FLOW_SECONDS = 6
RECOVERY_SECONDS = LEASE_SECONDS + 12
BURST = 1_000
AWAY_SECONDS = 2.0

_ON_THE_WIRE = "SELECT id FROM emails_email WHERE lease_token IS NOT NULL AND on_wire_at IS NOT NULL"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


@scenario(
    "E9a",
    title="The database is killed and started again, twice",
    load=f"{BURST:,} e-mails in bursts, and a sign-up every 0.1 s",
    profiles=SERVICES,  # SQLite is no server: E9c is what can happen to it
    is_decisive=True,
)
def database_killed(run: Run) -> Outcome:
    """SIGKILL for all of PostgreSQL in the middle of a burst, two seconds away, started with what it had kept."""
    run.sink.server.seconds_per_message = 0.1
    on_the_wire = 0
    with run.load.signing_up(every=0.1) as answers:
        burst = run.load.emails_begin(BURST)
        for arrived in (150, 500):
            run.sink.wait_for(run.ledger.domain, arrived)
            on_the_wire += sum(run.stack.connections_in_use(worker) for worker in run.stack.workers)
            _postgresql(run).down_for(AWAY_SECONDS)
            _goes_on(run)
            back_from = len(answers)
            run.wait_until(lambda least=back_from + 5: len(answers) >= least, what="five sign-ups")  # type: ignore[misc]
            last = answers[back_from + 1 :]
            run.expect(all(answer.status == 302 for answer in last), "a sign-up failed when the database was back")
        burst.wait()
    run.recovered()
    return run.outcome(
        duplicates_at_most=on_the_wire, recovered_at_most=RECOVERY_SECONDS, seen=_what_people_saw(answers)
    )


@scenario(
    "E9b",
    title="The connection is cut while outcomes are recorded",
    load="400 e-mails in bursts, 4 with a message each",
    profiles=SERVICES,  # nobody can cut a process off from its own file
)
def connection_cut_while_recording(run: Run) -> Outcome:
    """Cut once between the server's 250 and each record, of four single e-mails and of a burst; then every 0.2 s."""
    server, postgresql = run.sink.server, _postgresql(run)
    for asked, how in ((4, {"door": "queue"}), (100, {})):
        server.released.clear()
        server.fail("message", *[HOLD] * 4)
        before = run.ledger.arrived()
        run.load.emails(asked, **how)
        run.sink.wait_for(run.ledger.domain, before + 4)  # taken, and the answer is on its way
        postgresql.cut()
        server.released.set()
        run.recovered()
    recorded_late = [row for row in email_rows(run.database, run.ledger.domain) if row.attempts > 1]
    run.expect(not recorded_late, f"{len(recorded_late)} e-mails were not recorded by the attempt that sent them")
    run.sink.server.seconds_per_message = 0.3
    burst = run.load.emails_begin(300)
    cuts = 0
    while run.ledger.arrived() < 350:
        cuts += postgresql.cut()
        time.sleep(0.2)  # the rhythm of the fault
    run.say(f"{cuts} connections cut")
    burst.wait()
    run.fault_ended()
    run.recovered()
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Nothing but a line in the log.")


@scenario(
    "E9c",
    title="Another process keeps the database locked",
    load="400 e-mails in bursts, and a sign-up every 0.1 s",
    profiles=(EMBEDDED,),  # on PostgreSQL no reader of a backup keeps writers out
)
def database_locked(run: Run) -> Outcome:
    """Somebody's own program holds the write lock of the SQLite file for five seconds, in the middle of a burst."""
    run.sink.server.seconds_per_message = 0.1
    with run.load.signing_up(every=0.1) as answers:
        burst = run.load.emails_begin(400)
        run.sink.wait_for(run.ledger.domain, 100)
        with _sqlite(run).locked():
            time.sleep(5)  # the fault's length
        run.fault_ended()
        burst.wait()
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen=_what_people_saw(answers))


@scenario(
    "E12b",
    title="The database is out of connections",
    load="600 e-mails in bursts, and a sign-up every 0.2 s",
    profiles=SERVICES,  # SQLite has none to run out of
)
def out_of_connections(run: Run) -> Outcome:
    """Others take every connection, also those of the product, until ten sign-ups were refused."""
    run.sink.server.seconds_per_message = 0.1
    with run.load.signing_up(every=0.2) as answers:
        burst = run.load.emails_begin(600)
        run.sink.wait_for(run.ledger.domain, 100)
        with _all_connections_taken(_postgresql(run)) as taken:
            taken_from = len(answers)
            run.wait_until(lambda: _refused(answers[taken_from:]) >= 10, what="ten sign-ups to be refused")
        run.say(f"{taken} connections were taken by others")
        _goes_on(run)
        burst.wait()
    run.recovered()
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen=_what_people_saw(answers))


@scenario(
    "E12c",
    title="Deadlocks, of which the product is the victim",
    load="600 e-mails in bursts",
    profiles=SERVICES,  # on SQLite one writes at a time, and two cannot wait for each other
)
def deadlocks(run: Run) -> Outcome:
    """Five times somebody takes a row that a worker is about to record, then those that the worker has."""
    run.sink.server.seconds_per_message = 0.2
    before = _deadlocks(run)
    burst = run.load.emails_begin(600)
    run.sink.wait_for(run.ledger.domain, 50)
    while _deadlocks(run) < before + 5:
        if run.ledger.is_quiet():
            run.load.emails(200)
        _deadlock_try(run)
    burst.wait()
    run.fault_ended()
    run.recovered()
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Nothing but a line in the log.")


@scenario(
    "E12d",
    title="Serialization failures",
    load="400 e-mails in bursts, 100 with a message each, and sign-ups",
    profiles=SERVICES,  # SQLite's writers come one after the other
)
def serialization_failures(run: Run) -> Outcome:
    """Every transaction is serializable, so that PostgreSQL refuses those that another one has overtaken."""
    postgresql, before = _postgresql(run), _refused_statements(run)
    run.database.execute(f"ALTER DATABASE {postgresql.database} SET default_transaction_isolation = 'serializable'")
    try:
        postgresql.cut()  # whoever connects now is serializable
        run.load.sign_ups(20)
        run.load.emails(400)
        run.load.emails(100, door="queue")
        run.wait_until(lambda: run.ledger.arrived() >= 300, what="300 e-mails")
    finally:
        run.database.execute(f"ALTER DATABASE {postgresql.database} RESET default_transaction_isolation")
        postgresql.cut()
    run.fault_ended()
    run.recovered()
    refused = _refused_statements(run) - before
    run.say(f"{refused} statements were refused")
    run.expect(refused >= 5, f"only {refused} statements were refused")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Nothing but a line in the log.")


def _goes_on(run: Run) -> None:
    """Note how long after this moment e-mails arrive again."""
    run.fault_ended()
    before = run.ledger.arrived()
    run.wait_until(lambda: run.ledger.arrived() > before, what="e-mails to arrive again")
    seconds = run.seconds_since_fault()
    run.say(f"e-mails arrive again after {seconds:.1f} s")
    run.expect(seconds <= FLOW_SECONDS, f"e-mails arrived again only after {seconds:.1f} s")


def _refused(answers: list[Answer]) -> int:
    return sum(answer.status != 302 for answer in answers)


def _what_people_saw(answers: list[Answer]) -> str:
    slowest = max(answer.seconds for answer in answers)
    return (
        f"{_refused(answers)} of {len(answers)} sign-ups were answered with an error, none later than {slowest:.1f} s; "
        "of those that succeeded each e-mail came."
    )


def _postgresql(run: Run) -> PostgreSQLServer:
    if run.servers.postgresql is None:
        raise FaultsError("This profile has no PostgreSQL.")
    return run.servers.postgresql


def _sqlite(run: Run) -> SQLiteDatabase:
    if not isinstance(run.database, SQLiteDatabase):
        raise FaultsError("This profile has no SQLite.")
    return run.database


@contextmanager
def _all_connections_taken(postgresql: PostgreSQLServer) -> Iterator[int]:
    """Inside this block others have all connections, and the product none; how many they have."""
    theirs = postgresql.address("postgres")
    with ExitStack() as taken, psycopg.connect(theirs, autocommit=True) as chief:
        count = 0
        while True:
            with suppress(psycopg.OperationalError):
                while True:
                    taken.enter_context(closing(psycopg.connect(theirs)))
                    count += 1
            statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
            row = chief.execute(statement, [postgresql.database]).fetchone()
            if not row or not row[0]:
                break
        yield count


def _deadlock_try(run: Run) -> None:
    """Wait for a worker and let it wait for us. We are the more patient one, so PostgreSQL refuses the worker."""
    with suppress(psycopg.errors.DeadlockDetected), psycopg.connect(run.database.url) as foreign:
        foreign.execute("SET deadlock_timeout = '5s'")
        held = foreign.execute(f"{_ON_THE_WIRE} ORDER BY id DESC LIMIT 1 FOR UPDATE SKIP LOCKED").fetchone()
        if held:
            us = [foreign.info.backend_pid]
            run.wait_until(lambda: bool(run.database.value(_WAITING, us)), what="a worker to wait for us")
            foreign.execute(f"{_ON_THE_WIRE} FOR UPDATE")
        foreign.rollback()


def _refused_statements(run: Run) -> int:
    return run.stack.room.log("postgresql").read_text().count("could not serialize access")


def _deadlocks(run: Run) -> int:
    """Those in which a statement of the product was refused."""
    refusals = run.stack.room.log("postgresql").read_text().split("deadlock detected")[1:]
    statements = [said.partition("STATEMENT:")[2].lstrip() for said in refusals]
    return sum(not statement.startswith(_ON_THE_WIRE) for statement in statements)
