"""How each kind of fault of a plan is made, and what ends it. A function returns what ends it, if anything has to."""

import shutil
import signal
import sqlite3
from contextlib import ExitStack
from functools import partial

import psycopg

from faults.breaking import Breaker, LeftOutError, Make, Makers, Undo
from faults.database import SQLiteDatabase
from faults.plans import BROKER, CABLE, CUT_OFF, MAIL, POSTGRESQL, SQLITE, Fault
from faults.processes import family, send
from styleguide_example.emails.tests.smtp_server import HANG_UP, SILENCE, TAKEN_THEN_SILENCE

#: What the mail server takes for a message, so that something is on the wire most of the time; and when it is slow.
MESSAGE_SECONDS, SLOW_SECONDS = 0.25, 1.2
_STEPS = ("connect", "ehlo", "mail", "rcpt", "data", "body", "message")
_LATER, _GO_AWAY = "451 4.3.0 later", "421 4.3.2 not now"


# -- Processes of the product ------------------------------------------------------------------------------------------


def _kill(breaker: Breaker, fault: Fault) -> None:
    """SIGKILL for all of it; the supervisor starts it again."""
    breaker.kill(breaker.component(fault))


def _leave_down(breaker: Breaker, fault: Fault) -> Undo:
    """The same, and the supervisor comes late."""
    component = breaker.component(fault)
    component.is_kept_up = False
    breaker.kill(component)

    def undo() -> None:
        component.is_kept_up = True

    return undo


def _kill_main(breaker: Breaker, fault: Fault) -> None:
    component = breaker.component(fault)
    with breaker.standing_still(component.name):
        breaker.may_double(breaker.connections(component))
        component.kill_main_only()


def _kill_child(breaker: Breaker, fault: Fault) -> None:
    component = breaker.component(fault)
    children = component.children()
    if not children:
        raise LeftOutError("it has no child at this moment.")
    child = children[int(fault.chance * len(children))]
    send([child], signal.SIGSTOP)
    breaker.may_double(breaker.connections(component, [child]))
    send([child], signal.SIGKILL)


def _stop(breaker: Breaker, fault: Fault) -> Undo:
    """SIGSTOP for all of it, then SIGCONT; on SQLite not in a transaction, which would stop everybody."""
    component = breaker.component(fault)
    if breaker.run.database.is_sqlite:
        component.pause()
    else:
        send(family(component.pid), signal.SIGSTOP)
    breaker.stopped.add(component.name)
    breaker.may_double(breaker.connections(component))

    def undo() -> None:
        breaker.stopped.discard(component.name)
        component.resume()

    return undo


def _terminate(breaker: Breaker, fault: Fault) -> Undo:
    """SIGTERM, and SIGKILL when it has not ended after the grace."""
    component = breaker.component(fault)
    process = component.process
    send(family(process.pid)[:1], signal.SIGTERM)

    def undo() -> None:
        if component.process is process and component.has_process():
            breaker.kill(component)

    return undo


# -- Servers -----------------------------------------------------------------------------------------------------------


def _broker_kill(breaker: Breaker, fault: Fault) -> Undo:
    server = breaker.server(fault)
    server.kill()
    return server.launch


def _broker_stop(breaker: Breaker, fault: Fault) -> Undo:
    """It keeps its connections and answers nobody."""
    server = breaker.server(fault)
    server.pause()
    return server.resume


def _broker_terminate(breaker: Breaker, fault: Fault) -> Undo:
    server = breaker.server(fault)
    send(family(server.pid)[:1], signal.SIGTERM)

    def undo() -> None:
        server.kill()
        server.launch()

    return undo


def _broker_wipe(breaker: Breaker, fault: Fault) -> Undo:
    """It comes back with nothing of what it had."""
    server = breaker.server(fault)
    server.kill()
    shutil.rmtree(server.directory)
    return server.launch


def _database_kill(breaker: Breaker, fault: Fault) -> Undo:
    server = breaker.server(fault)
    with breaker.database_away():
        server.kill()
    return server.launch


def _database_stop(breaker: Breaker, fault: Fault) -> Undo:
    server = breaker.server(fault)
    with breaker.database_away():
        server.pause()
    return server.resume


def _database_cut(breaker: Breaker, fault: Fault) -> None:
    """All connections end at once: what is interrupted is recorded all the same, so nothing may come twice."""
    breaker.server(fault)
    try:
        breaker.postgresql().cut()
    except psycopg.Error:
        raise LeftOutError("it is just being started.") from None


def _database_lock(breaker: Breaker, _: Fault) -> Undo:
    """Another program holds the write lock."""
    database = breaker.run.database
    if not isinstance(database, SQLiteDatabase):
        raise LeftOutError("this profile has none.")
    held = ExitStack()
    try:
        held.enter_context(database.locked())
    except sqlite3.OperationalError:
        raise LeftOutError("others were quicker for too long.") from None
    return held.close


# -- The mail server, and the cable ------------------------------------------------------------------------------------


def _mail_down(breaker: Breaker, _: Fault) -> Undo:
    down = breaker.run.sink.down()
    down.__enter__()

    def undo() -> None:
        down.__exit__(None, None, None)
        breaker.run.sink.server.seconds_per_message = MESSAGE_SECONDS

    return undo


def _mail_slow(breaker: Breaker, _: Fault) -> Undo:
    server = breaker.run.sink.server
    server.seconds_per_message = SLOW_SECONDS
    return partial(setattr, server, "seconds_per_message", MESSAGE_SECONDS)


def _mail_answers(breaker: Breaker, fault: Fault, *, answer: str, steps: tuple[str, ...]) -> None:
    """At a step that chance chose, the next answers are these."""
    step = steps[int(fault.chance * len(steps))]
    said = _GO_AWAY if (answer, step) == (_LATER, "connect") else answer
    breaker.run.sink.server.fail(step, *[said] * fault.answers)
    if answer == TAKEN_THEN_SILENCE:
        breaker.may_double(fault.answers)


def _pull(breaker: Breaker, _: Fault) -> Undo:
    """Nothing comes through to one worker's machine, not from the database, the broker or the mail server."""
    cable = breaker.cable
    if cable is None:
        raise LeftOutError("only root may have a network namespace.")
    with breaker.standing_still(CUT_OFF):
        breaker.may_double(breaker.connections(breaker.named(CUT_OFF)))
        cable.pull()
    return cable.put_back


def _answers(answer: str, *steps: str) -> Make:
    return partial(_mail_answers, answer=answer, steps=steps)


MAKERS: Makers = {
    ("component", "kill"): _kill,
    ("component", "kill, and leave down"): _leave_down,
    ("component", "kill the main process of"): _kill_main,
    ("component", "kill a child of"): _kill_child,
    ("component", "stop"): _stop,
    ("component", "stop for longer than the leases"): _stop,
    ("component", "terminate"): _terminate,
    (BROKER, "kill"): _broker_kill,
    (BROKER, "terminate"): _broker_terminate,
    (BROKER, "stop"): _broker_stop,
    (BROKER, "wipe"): _broker_wipe,
    (POSTGRESQL, "kill"): _database_kill,
    (POSTGRESQL, "stop"): _database_stop,
    (POSTGRESQL, "cut the connections of"): _database_cut,
    (SQLITE, "lock"): _database_lock,
    (MAIL, "take down"): _mail_down,
    (MAIL, "slow down"): _mail_slow,
    (MAIL, "let say not now"): _answers(_LATER, "connect", "mail", "rcpt", "data", "message"),
    (MAIL, "let hang up"): _answers(HANG_UP, *_STEPS, "next"),
    (MAIL, "let fall silent"): _answers(SILENCE, *_STEPS),
    (MAIL, "let take without a word"): _answers(TAKEN_THEN_SILENCE, "message"),
    (CABLE, "pull"): _pull,
}
