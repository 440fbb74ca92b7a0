"""Deploys while everything runs: a migration, old and new processes side by side, names that one of them lacks."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from faults.components import Component
from faults.feeding import Feeder
from faults.profiles import SWEEP_SECONDS
from faults.runs import fired, moment
from faults.scenario import Outcome, Run, scenario

FORMER, FOLLOWING = "faults.product.former.settings", "faults.product.following.settings"
#: What ends within it was not killed: longer than a burst and an answer of the mail server.
GRACE_SECONDS = 20
#: A sweep finds the row of which a message was thrown away, and the next one those that had to wait a moment longer.
RECOVERY_SECONDS = 2 * SWEEP_SECONDS
_DOINGS = "faults.product.following.doings"


@scenario(
    "D1a",
    title="A deploy with a migration while e-mails flow",
    load="fifty e-mails a second, one by one, through all of it; a schedule that is due every second; twenty jobs",
    fresh_database=True,
    DJANGO_SETTINGS_MODULE=FORMER,
)
def deploy_with_migration(run: Run) -> Outcome:
    """A column and an index more in the table of all e-mails, then one process after the other by SIGTERM."""
    run.expect(run.load.secret, "no token")  # made once, before the feeder is busy
    with run.load.schedule(), run.load.emails_flowing():
        run.sink.wait_for(run.ledger.domain, 50)
        _manage(run, "migrate --noinput")
        _manage(run, "setup_periodic_tasks")
        leader = run.stack.leader()
        first, last = run.stack.workers
        _replace(run, first)
        run.load.jobs(10, "fault-renamed")
        _wait_for_more(run, "e-mails of old and new workers side by side")
        for component in (*(beat for beat in run.stack.beats if beat is not leader), leader, run.stack.web, last):
            _replace(run, component)
        run.fault_ended()
        run.load.jobs(10, "fault-renamed")
        _wait_for_more(run, "e-mails of new workers")
    run.recovered()
    columns = run.database.rows("SELECT count(faults_campaign) FROM emails_email")
    run.expect(columns == [(0,)], "the migration was not applied")
    return run.outcome(
        recovered_at_most=RECOVERY_SECONDS,
        seen="The e-mails flowed on; nobody waited but for the second in which the web server was started again.",
    )


@scenario(
    "D1b",
    title="Tasks are asked for that no process knows yet",
    load="ten jobs of a new kind, and a new schedule that is due every second",
    fresh_database=True,
    DJANGO_SETTINGS_MODULE=FORMER,
)
def tasks_not_known_yet(run: Run) -> Outcome:
    """The new release asks first, and all workers and beats are of the former one; they are replaced one by one."""
    name = f"New tick of {run.ledger.label}"
    with _new_feeder(run) as feeder:
        jobs = feeder.call(f"{_DOINGS}.new_jobs_start", label=run.ledger.label, count=10)
        run.ledger.jobs_noted(jobs)
        asked_at = _now(run)
        feeder.call(f"{_DOINGS}.timetable_apply", name=name, scenario=run.ledger.label)
        _wait_for_sweeps(run, 3)
        run.wait_until(lambda: run.stack.queue_length() == 0, what="the former workers to take the messages")
        run.expect(not set(jobs) & set(run.ledger.jobs_begun()), "a job began that nobody knows")
        first, last = run.stack.workers
        _replace(run, first)
        run.wait_until(lambda: bool(set(jobs) & set(run.ledger.jobs_done())), what="a job on the first new worker")
        _replace(run, last)  # until then it took half of their messages, and threw them away
        run.fault_ended()
        run.recovered()
        for beat in run.stack.beats:
            _replace(run, beat)
        run.wait_until(lambda: len(run.ledger.ticks()) >= 3, what="runs of the new schedule")
        run.stack.feeder.call("schedule_end", name=name)
    run.ledger.schedule_noted(name)
    run.recovered()
    earliest = fired(run.database, name)[0]
    begins = earliest.due_at - timedelta(seconds=earliest.covers)
    run.expect(begins <= asked_at + timedelta(seconds=2), f"due times from {asked_at:%X} to {begins:%X} are nowhere")
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="The jobs waited for workers of the new release.")


@scenario(
    "D1c",
    title="A task is renamed, and messages are in the form of a former version",
    load="twenty jobs that wait under the former name, two at work, and 200 e-mails",
    fresh_database=True,
    DJANGO_SETTINGS_MODULE=FORMER,
)
def task_renamed(run: Run) -> Outcome:
    """What waits was written by the former release; only the new one runs from then on."""
    gate = run.stack.diary.with_name(f"{run.ledger.label}-gate")
    at_work = run.load.jobs(2, "fault-renamed", steps=1, gate=str(gate))
    run.wait_until(lambda: set(at_work) <= set(run.ledger.jobs_begun()), what="two jobs to begin")
    with ExitStack() as down:
        for worker in run.stack.workers:
            down.enter_context(worker.left_down())
            worker.kill()
        run.load.jobs(20, "fault-renamed")
        run.load.emails(200, door="queue")
        sent = run.stack.feeder.call("faults.product.former.doings.messages_replace", domain=run.ledger.domain)
        run.expect(sent == 400, f"{sent} messages in the form of a former version were sent")
        _manage(run, "migrate --noinput")
        for component in run.stack.components:
            _change(component)
        for component in (*run.stack.beats, run.stack.web):
            _replace(run, component)
    gate.touch()
    run.fault_ended()
    for worker in run.stack.workers:
        worker.start()
    run.recovered()
    return run.outcome(recovered_at_most=RECOVERY_SECONDS, seen="The jobs and e-mails went on in the new release.")


def _wait_for_more(run: Run, what: str) -> None:
    """Return when a hundred e-mails more have come: those that were on their way are not so many."""
    before = run.ledger.arrived()
    run.wait_until(lambda: run.ledger.arrived() >= before + 100, what=what)


def _manage(run: Run, command: str) -> None:
    """A command of the deploy, in the new release, as a process of its own."""
    environment = {**run.stack.environment(), "DJANGO_SETTINGS_MODULE": FOLLOWING}
    process = run.stack.room.start("deploy", f"python manage.py {command}", environment)
    run.wait_until(lambda: process.has_ended, what=f"manage.py {command}")
    run.expect(process.exit_code == 0, f"manage.py {command} ended with {process.exit_code}")


def _replace(run: Run, component: Component) -> None:
    """SIGTERM, time to end, and the new release in its place."""
    _change(component)
    run.expect(component.terminate(GRACE_SECONDS), f"{component.name} had to be killed")
    component.start()


def _change(component: Component) -> None:
    component.environment = {**component.environment, "DJANGO_SETTINGS_MODULE": FOLLOWING}


@contextmanager
def _new_feeder(run: Run) -> Iterator[Feeder]:
    """A process of the new release, beside all the former ones."""
    environment = {**run.stack.environment(), "DJANGO_SETTINGS_MODULE": FOLLOWING}
    feeder = Feeder(run.stack.room, environment, name="feeder-following")
    try:
        yield feeder
    finally:
        feeder.close()


def _now(run: Run) -> datetime:
    """By the database's clock."""
    return moment(run.database.value(f"SELECT {run.database.now}"))


def _wait_for_sweeps(run: Run, count: int) -> None:
    """Return when so many sweeps for jobs have come to their end."""
    statement = """SELECT count(*) FROM tasks_schedulerun run
        JOIN django_celery_beat_periodictask task ON task.id = run.periodic_task_id
        WHERE task.name LIKE '%%for jobs%%' AND run.state = 'success'"""
    before = int(run.database.value(statement))
    run.wait_until(lambda: int(run.database.value(statement)) >= before + count, what=f"{count} sweeps")
