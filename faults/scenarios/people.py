"""People who do things at the worst moment: all at once to one e-mail, or deleting what is in flight."""

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlencode

from faults.profiles import LEASE_SECONDS
from faults.rows import EmailRow, email_rows
from faults.scenario import Outcome, Run, scenario
from faults.web import Answer
from styleguide_example.emails.tests.smtp_server import HOLD

RECOVERY_SECONDS = LEASE_SECONDS + 12
#: Of each kind: READY, waiting, and failed.
EACH = 20
#: Of an e-mail that was deleted: its message came, it was not there any more.
LINES_AT_MOST = 5
_PRODUCT = "faults.product.people"
_UNSUBSCRIBE = urlencode({"List-Unsubscribe": "One-Click"}).encode()
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ENDS = ("sent", "failed", "cancelled")
_USER = "SELECT id FROM users_user WHERE email = %s"


@scenario(
    "E14",
    title="Admin, commands, links and sweeps act on the same e-mails at once",
    load=f"{3 * EACH} e-mails: ready, waiting and failed ones",
)
def everybody_at_once(run: Run) -> Outcome:
    """An admin in three windows, two commands, readers who unsubscribe, and a sweep beside those of the product."""
    ids = _emails_of_all_kinds(run)
    admin = _Admin(run)
    waiting = [address for row in email_rows(run.database, run.ledger.domain, among=["sending"]) for address in row.to]
    links = run.stack.feeder.call(f"{_PRODUCT}.unsubscribe_paths", addresses=waiting[::3])
    with ExitStack() as undo, ThreadPoolExecutor(3) as threads:
        commands = [undo.enter_context(closing(feeder)) for feeder in run.stack.feeders(3)]
        calls = [
            commands[0].begin(f"{_PRODUCT}.emails_acted_on", ids=ids, seed=1),
            commands[1].begin(f"{_PRODUCT}.emails_acted_on", ids=ids, seed=2),
            commands[2].begin(f"{_PRODUCT}.emails_swept", rounds=5),
        ]
        asked = [threads.submit(admin.act, action, ids) for action in ("send", "cancel", "retry") * 3]
        asked += [threads.submit(run.load.web.ask, "POST", link, _UNSUBSCRIBE, _FORM) for link in links]
        answers = [each.result() for each in asked]
        for call in calls:
            call.wait()
    run.expect(all(answer.status in {200, 302} for answer in answers), f"answers: {_statuses(answers)}")
    admin.act("send", ids)
    run.fault_ended()
    run.recovered()
    _expect_what_rows_say(run)
    _expect_never_again(run, admin, ids)
    counted = {status: len(email_rows(run.database, run.ledger.domain, among=[status])) for status in _ENDS}
    run.say(", ".join(f"{number} {status}" for status, number in counted.items()))
    run.expect(counted["sent"] >= EACH // 2 and counted["cancelled"] >= EACH // 2, f"too little was decided: {counted}")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="Whoever came too late was told what had become of it.")


@scenario(
    "E15",
    title="Rows and people are deleted while their e-mails are in flight",
    load="4 sign-ups, 40 e-mails in bursts, 100 with a message each, two jobs",
)
def deleted_in_flight(run: Run) -> Outcome:
    """People in the admin and rows in a shell, while they wait in the broker, are on the wire, or are at work."""
    admin = _Admin(run)
    gate = run.stack.room.directory / "e15-gate"
    begun = len(run.ledger.jobs_begun())
    run.load.job(steps=1, gate=str(gate))
    parameters = {"scenario": "deleted", "steps": 1, "gate": str(gate)}
    deleted_job = run.load.web.api("POST", "/api/jobs/fault-plain/", run.load.secret, parameters).json["id"]
    run.wait_until(lambda: len(run.ledger.jobs_begun()) >= begun + 2, what="both jobs to begin")
    processes, starts = _processes(run), [len(log) for log in _logs(run)]
    with _held_on_the_wire(run, 2):  # as many as there are processes without a job
        run.load.sign_ups(4)
        run.sink.wait_for(run.ledger.domain, 2)
        people = [address for row in email_rows(run.database, run.ledger.domain) for address in row.to]
        with ThreadPoolExecutor(len(people)) as threads:
            answers = list(threads.map(admin.delete_person, people))
        deleted = _every_second_deleted(run)
        in_flight = _came(run, deleted)
    run.expect(all(answer.status == 302 for answer in answers), f"deleting people: {_statuses(answers)}")
    run.stack.feeder.call(f"{_PRODUCT}.job_deleted", job_id=deleted_job)
    run.stack.feeder.call(f"{_PRODUCT}.person_deleted", email=f"client@{run.ledger.label}.clients.example")
    with _held_on_the_wire(run, 4):
        before = run.ledger.arrived()
        run.load.emails(40)
        run.sink.wait_for(run.ledger.domain, before + 4)
        deleted += (some := _every_second_deleted(run))
        in_flight += _came(run, some)
    run.load.emails(100, door="queue")
    deleted += _every_second_deleted(run)
    run.say(f"{in_flight} rows were deleted between the mail server's 250 and the record")
    run.expect(in_flight >= 3, "too few were deleted while they were in flight")
    gate.touch()
    run.fault_ended()
    run.recovered()
    run.wait_until(lambda: run.stack.queue_length() == 0, what="the broker's queue to be empty")
    run.load.emails(20, door="queue")
    run.recovered()
    run.expect(_processes(run) == processes, "a process of a worker ended")
    said = [log[start:] for log, start in zip(_logs(run), starts, strict=True)]
    most = max(len(re.findall(rf"email_id\W+{row.id}\b", "".join(said))) for row in deleted)
    run.expect(most <= LINES_AT_MOST, f"{most} lines are about one e-mail that is gone")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="What was deleted did not come, or had; all else came.")


class _Admin:
    """Somebody who is signed in to Django's admin, as a browser sees it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._token = secrets.token_hex(16)
        email = f"admin@{run.ledger.label}.staff.example"
        session = run.stack.feeder.call(f"{_PRODUCT}.staff_signed_in", email=email)
        self._headers = {"Cookie": f"csrftoken={self._token}; sessionid={session}", **_FORM}

    def act(self, action: str, ids: list[int]) -> Answer:
        """Choose e-mails and an action."""
        return self._post("/admin/emails/email/", action=action, _selected_action=ids)

    def delete_person(self, address: str) -> Answer:
        """Delete somebody, and confirm it."""
        key = self._run.database.value(_USER, [address])
        return self._post(f"/admin/users/user/{key}/delete/", post="yes")

    def _post(self, path: str, **form: object) -> Answer:
        body = urlencode({"csrfmiddlewaretoken": self._token, **form}, doseq=True).encode()
        return self._run.load.web.ask("POST", path, body, self._headers)


def _emails_of_all_kinds(run: Run) -> list[int]:
    """A third is READY, a third waits to be sent, a third has failed. Each has to end, and comes once at most."""
    ready, waiting, failed = (run.load.addresses(EACH) for _ in range(3))
    run.sink.server.refusals.update(dict.fromkeys(failed, "550 5.1.1 nobody of that name"))
    run.load.emails_to(failed).wait()
    run.recovered()
    run.sink.server.refusals.clear()
    run.sink.server.seconds_per_message = 0.2  # so that something is on the wire when it is acted upon
    run.stack.feeder.call(f"{_PRODUCT}.emails_written", addresses=ready)
    run.load.emails_to(waiting).wait()
    run.ledger.emails_noted(ready)
    run.ledger.emails_excused([*ready, *waiting, *failed])
    return [row.id for row in email_rows(run.database, run.ledger.domain)]


def _expect_what_rows_say(run: Run) -> None:
    """Each has ended. One that is SENT came, and no other did."""
    came = {address for address, _ in run.sink.copies(run.ledger.domain)}
    rows = email_rows(run.database, run.ledger.domain)
    still_open = [row.id for row in rows if row.status not in _ENDS]
    untrue = [row.id for row in rows if came.issuperset(row.to) != (row.status == "sent")]
    run.expect(not still_open, f"{len(still_open)} e-mails have not ended")
    run.expect(not untrue, f"{len(untrue)} rows say something else than the mail server, the first is {untrue[:1]}")


def _expect_never_again(run: Run, admin: _Admin, ids: list[int]) -> None:
    """Try every door once more. What was SENT does not come again."""
    sent = [row.id for row in email_rows(run.database, run.ledger.domain, among=["sent"])]
    before = run.ledger.arrived()
    for action in ("send", "cancel", "retry"):
        admin.act(action, sent)
    run.stack.feeder.call(f"{_PRODUCT}.emails_acted_on", ids=sent, seed=3)
    run.stack.feeder.call(f"{_PRODUCT}.emails_swept", rounds=2)
    again = run.ledger.arrived() - before
    run.expect(not again, f"{again} e-mails that were SENT were sent again")


@contextmanager
def _held_on_the_wire(run: Run, count: int) -> Iterator[None]:
    """The mail server takes so many messages, and answers at the end of this block."""
    run.sink.server.released.clear()
    run.sink.server.fail("message", *[HOLD] * count)
    try:
        yield
    finally:
        run.sink.server.released.set()


def _every_second_deleted(run: Run) -> list[EmailRow]:
    """Delete every second e-mail that has not ended, and return them."""
    rows = email_rows(run.database, run.ledger.domain, among=["sending"])[::2]
    run.ledger.emails_excused({address for row in rows for address in row.to})
    run.stack.feeder.call(f"{_PRODUCT}.emails_deleted", ids=[row.id for row in rows])
    return rows


def _came(run: Run, rows: Iterable[EmailRow]) -> int:
    """How many of them the mail server has."""
    came = {address for address, _ in run.sink.copies(run.ledger.domain)}
    return sum(came.issuperset(row.to) for row in rows)


def _logs(run: Run) -> list[str]:
    return [run.stack.room.log(worker.name).read_text() for worker in run.stack.workers]


def _processes(run: Run) -> list[list[int]]:
    return [[worker.pid, *(child.pid for child in worker.children())] for worker in run.stack.workers]


def _statuses(answers: Iterable[Answer]) -> str:
    return ", ".join(f"{number} x {status}" for status, number in Counter(each.status for each in answers).items())
