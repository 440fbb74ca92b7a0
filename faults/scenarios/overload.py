"""More than the product can do at once: too many rows, too slow a relay, too many people."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from faults.growth import peak_mib
from faults.processes import wait_until
from faults.profiles import CONNECTIONS
from faults.rss import rss_noted
from faults.scenario import Outcome, Run, scenario
from faults.web import SIGN_UP, Answer

#: In earnest FAULTS_ROWS=100000, which takes about three minutes.
ROWS = int(os.environ.get("FAULTS_ROWS", "20000"))
#: So slow a machine may be, before this is called standing still.
ROWS_A_SECOND = 200
#: By how much a process of a worker may grow, whatever waits for it: it holds some dozens of e-mails at once.
GROWTH_MIB = 64
OVERTAKEN_SECONDS = 10

ANSWER_SECONDS = 10.0
#: Two e-mails, one after the other, over one connection: six answers to the first, four or five to the second.
LATE_SECONDS = 11 * ANSWER_SECONDS + 40
#: A page waits for no relay, and not for the crowd that has gone.
PAGE_SECONDS = 1.0

PEOPLE = 500
PATIENCE_SECONDS = 120.0
RECOVERY_SECONDS = 30
LIMIT = 20


@scenario(
    "O1",
    title="Very many e-mails are due at once",
    load=f"{ROWS:,} e-mails from a template",
)
def very_many_due(run: Run) -> Outcome:
    """They are written while no worker runs; then two start. Three people sign up while that is being sent."""
    addresses = run.load.addresses(ROWS)
    before = len(run.sink.arrivals)
    with _no_worker(run):
        run.load.emails_to(addresses, door="template", each=5000, patience=600).wait()
    run.fault_ended()
    run.wait_until(lambda: all(worker.is_ready() for worker in run.stack.workers), what="both workers to be ready")
    notes = run.stack.room.directory / "overload.csv"
    with rss_noted(run.stack, notes, every=1):
        waits = []
        for share in (0.1, 0.3, 0.5):
            _wait_for(run, before + int(len(addresses) * share), len(addresses))
            waits.append(_overtaking_seconds(run))
        _wait_for(run, before + len(addresses) + len(waits), len(addresses))
    run.recovered()
    start, most = peak_mib(notes, "worker")
    rate = len(addresses) / run.seconds_since_fault()
    run.say(f"{rate:.0f} a second; a worker's process had {start:.0f}, and {most:.0f} MiB at most")
    run.expect(most - start <= GROWTH_MIB, f"a worker's process grew from {start:.0f} to {most:.0f} MiB")
    run.expect(max(waits) <= OVERTAKEN_SECONDS, f"a person waited {max(waits):.1f} s behind the others")
    outcome = run.outcome(
        recovered_at_most=30 + len(addresses) / ROWS_A_SECOND,
        seen=f"Who signed up meanwhile had their e-mail after {max(waits):.1f} s at the latest; a worker's process had "
        f"{most:.0f} MiB at most.",
    )
    _leave_nothing(run)
    return outcome


@scenario(
    "O2",
    title="The relay answers in ten seconds",
    load=f"{CONNECTIONS} e-mails in a burst, 4 sign-ups, and a page every second",
    # As in a deployment. With a fifteenth of that, the relay would have to answer in less than a second.
    EMAIL_TIMEOUT_SECONDS=15,
    EMAIL_TIMEOUT_AFTER_DATA_SECONDS=45,
    CELERY_TASK_SOFT_TIME_LIMIT_SECONDS=90,
    CELERY_TASK_TIME_LIMIT_SECONDS=100,
    EMAIL_SENDING_LEASE_SECONDS=120,
    EMAIL_SENDING_BURST_SECONDS=5,
)
def relay_answers_late(run: Run) -> Outcome:
    """Ten seconds for its greeting, for each answer to a command, and for that to the message: a minute an e-mail."""
    server = run.sink.server
    server.seconds_per_connection = server.seconds_per_command = server.seconds_per_message = ANSWER_SECONDS
    run.load.emails(CONNECTIONS)
    answers = run.load.sign_ups(4)
    run.fault_ended()
    pages: list[Answer] = []

    def have_all_arrived() -> bool:
        pages.append(run.load.web.ask("GET", SIGN_UP))
        return run.ledger.arrived() >= run.ledger.emails_asked

    wait_until(have_all_arrived, what="all e-mails", seconds=LATE_SECONDS, every=1)
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), f"sign-ups: {_statuses(answers)}")
    run.expect(all(page.status == 200 for page in pages), f"pages: {_statuses(pages)}")
    slowest = max(answer.seconds for answer in [*answers, *pages])
    run.expect(slowest <= PAGE_SECONDS, f"the slowest answer took {slowest:.1f} s")
    seen = f"The slowest page took {slowest:.1f} s; e-mails came when the relay had taken them."
    return run.outcome(recovered_at_most=LATE_SECONDS, seen=seen)


@scenario("O3a", title="Five hundred people sign up at once", load=f"{PEOPLE} requests at once from {PEOPLE} people")
def everybody_signs_up(run: Run) -> Outcome:
    """All connect at the same time to a web server that works on eight requests at once."""
    answers = _sign_ups_at_once(run)
    statuses = {answer.status for answer in answers}
    run.expect(statuses <= {302, 429, 503}, f"sign-ups: {_statuses(answers)}")
    return _outcome(run, answers)


@scenario(
    "O3b",
    title="One client signs up five hundred people at once",
    load=f"{PEOPLE} requests at once from one client",
    fresh_database=True,  # it counts those of all scenarios
    RATE_LIMIT_SIGN_UPS_PER_CLIENT=LIMIT,
)
def one_client_signs_everybody_up(run: Run) -> Outcome:
    """With the limit that a deployment has: so many are served, the others are told when to come again."""
    answers = _sign_ups_at_once(run)
    refused = [answer for answer in answers if answer.status == 429]
    run.expect(len(answers) - len(refused) == LIMIT - 1, f"sign-ups: {_statuses(answers)}")
    run.expect(all("retry-after" in answer.headers for answer in refused), "a 429 does not say when to come again")
    return _outcome(run, answers)


@contextmanager
def _no_worker(run: Run) -> Iterator[None]:
    with ExitStack() as undo:
        for worker in run.stack.workers:
            undo.enter_context(worker.left_down())
            worker.kill()
        yield


def _wait_for(run: Run, arrivals: int, rows: int) -> None:
    """Return as soon as the mail server has so many messages, of which only the number is asked: it has other work."""
    wait_until(
        lambda: len(run.sink.arrivals) >= arrivals,
        what=f"{arrivals:,} e-mails",
        seconds=60 + rows / ROWS_A_SECOND,
        every=0.5,
    )


def _overtaking_seconds(run: Run) -> float:
    """Sign somebody up, and return how long after the answer they have their e-mail."""
    first = len(run.sink.arrivals)
    (address,) = run.load.addresses(1)
    run.expect(run.load.sign_up(address).status == 302, "a sign-up was not taken")
    began = time.monotonic()

    def has_arrived() -> bool:
        nonlocal first
        new = run.sink.arrivals[first:]
        first += len(new)
        return any(address in received.recipients for received in new)

    wait_until(has_arrived, what="the e-mail of somebody who signed up", seconds=120)
    return time.monotonic() - began


def _leave_nothing(run: Run) -> None:
    """So many rows and messages would slow down whatever is counted after them."""
    run.sink.arrivals.clear()
    run.stack.restart(fresh_database=True)


def _sign_ups_at_once(run: Run) -> list[Answer]:
    run.load.web.patience_seconds = PATIENCE_SECONDS
    run.load.sign_up()  # gets the form's token, which all others send
    answers = run.load.sign_ups(PEOPLE, at_once=PEOPLE)
    run.fault_ended()
    return answers


def _outcome(run: Run, answers: Sequence[Answer]) -> Outcome:
    afterwards = run.load.web.ask("GET", SIGN_UP)
    run.expect(afterwards.status == 200, f"a page was answered with {afterwards.status} afterwards")
    run.expect(afterwards.seconds <= PAGE_SECONDS, f"a page took {afterwards.seconds:.1f} s afterwards")
    run.recovered()
    taken = 1 + sum(answer.status == 302 for answer in answers)
    run.expect(run.ledger.arrived() == taken, f"{taken} sign-ups were taken, {run.ledger.arrived()} e-mails came")
    slowest = max(answer.seconds for answer in answers)
    return run.outcome(
        recovered_at_most=RECOVERY_SECONDS,
        seen=f"Answers: {_statuses(answers)}; the slowest after {slowest:.1f} s, the next page after "
        f"{afterwards.seconds:.2f} s. Whoever was taken got their e-mail.",
    )


def _statuses(answers: Sequence[Answer]) -> str:
    return ", ".join(f"{number} x {status}" for status, number in Counter(each.status for each in answers).items())
