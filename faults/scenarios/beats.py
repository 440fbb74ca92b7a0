"""Beats that die, hang, are cut off, or do not know that another one leads."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from faults.components import Component
from faults.profiles import SERVICES
from faults.runs import fired
from faults.scenario import Outcome, Run, scenario
from styleguide_example.common.tests.sockets import Proxy

#: The leader's lease, and how often the other one asks.
TAKEOVER_SECONDS = 15
LOAD = "a schedule that is due every second"
SEEN = "The runs of some seconds came late, each of them once."


@scenario("S1a", title="The leading beat is killed after the row, before its message", load=LOAD)
def beat_killed_before_publish(run: Run) -> Outcome:
    """SIGKILL by its own hand when the run is committed and its message is not sent."""
    with run.load.schedule():
        _wait_for_ticks(run, 3)
        before = len(run.ledger.ticks())
        _wait_for_moment(run, "beat-before-publish.SIGKILL")
        run.fault_ended()
        _wait_for_takeover(run, before, "the leading beat killed itself")
    run.recovered()
    return run.outcome(recovered_at_most=TAKEOVER_SECONDS, seen=SEEN)


@scenario("S1b", title="The leading beat is killed after the message, before it is noted", load=LOAD)
def beat_killed_after_publish(run: Run) -> Outcome:
    """SIGKILL by its own hand; the workers stand still until the next leader has sent the message again."""
    with run.load.schedule() as name:
        _wait_for_ticks(run, 3)
        before = len(run.ledger.ticks())
        for worker in run.stack.workers:
            worker.pause()
        _wait_for_moment(run, "beat-after-publish.SIGKILL")
        run.fault_ended()
        cut = [each.due_at for each in fired(run.database, name) if each.state == "waiting"]
        run.wait_until(lambda: _are_sent(run, name, max(cut)), what="the message to be sent again")
        for worker in run.stack.workers:
            worker.resume()
        _wait_for_takeover(run, before, "the leading beat killed itself")
    run.recovered()
    return run.outcome(recovered_at_most=TAKEOVER_SECONDS, seen=SEEN)


@scenario("S2", title="The leading beat is killed", load=LOAD, is_decisive=True)
def leading_beat_killed(run: Run) -> Outcome:
    """SIGKILL between due times; the supervisor starts it again, and it stands by."""
    with run.load.schedule():
        _wait_for_ticks(run, 4)
        leader = run.stack.leader()
        before = len(run.ledger.ticks())
        leader.kill()
        run.fault_ended()
        _wait_for_takeover(run, before, f"{leader.name} killed")
    run.recovered()
    return run.outcome(recovered_at_most=TAKEOVER_SECONDS, seen=SEEN)


@scenario("S2b", title="The leading beat is paused, and comes back", load=LOAD)
def leading_beat_paused(run: Run) -> Outcome:
    """SIGSTOP until the other one has led for some seconds, then SIGCONT."""
    with run.load.schedule():
        _wait_for_ticks(run, 3)
        leader = run.stack.leader()
        before = len(run.ledger.ticks())
        leader.pause()
        run.fault_ended()  # what is awaited is the takeover, not its return
        _wait_for_takeover(run, before, f"{leader.name} paused")
        leader.resume()
        _wait_until_it_stands_by(run, leader)
        _wait_for_ticks(run, len(run.ledger.ticks()) + 2)
    run.recovered()
    return run.outcome(recovered_at_most=TAKEOVER_SECONDS, seen=SEEN)


# Not embedded: nothing can be between a process and a file.
@scenario("S2c", title="The leading beat is cut off from its database", load=LOAD, profiles=SERVICES)
def leading_beat_cut_off_from_database(run: Run) -> Outcome:
    """Its connection stays, and nothing comes through it any more; later the connection breaks."""
    server = run.servers.postgresql
    assert server is not None  # noqa: S101  of these profiles
    _, address = server.url.rsplit("@", 1)
    port = int(address.partition("/")[0].rpartition(":")[2])
    with Proxy(("127.0.0.1", port)) as proxy:
        return _cut_off(run, proxy, DATABASE_URL=server.url.replace(f":{port}/", f":{proxy.port}/"))


@scenario("S2d", title="The leading beat is cut off from its broker", load=LOAD)
def leading_beat_cut_off_from_broker(run: Run) -> Outcome:
    """It writes rows of which it can send no message, and leaves the lead to the other one."""
    url = run.servers.broker.url
    path = url.partition("redis+socket://")[2]
    port = 0 if path else int(url.rpartition("/")[0].rstrip("/").rpartition(":")[2])
    with Proxy(path or ("127.0.0.1", port)) as proxy:
        through = f"redis://127.0.0.1:{proxy.port}/0" if path else url.replace(f":{port}/", f":{proxy.port}/")
        return _cut_off(run, proxy, CELERY_BROKER_URL=through)


@scenario("S2e", title="Two beats think that they lead, and both send", load=LOAD)
def both_beats_lead(run: Run) -> Outcome:
    """The leader stops between a row and its message; the other one sends it; the first goes on, and sends it too."""
    with run.load.schedule():
        _wait_for_ticks(run, 3)
        leader = run.stack.leader()
        before = len(run.ledger.ticks())
        _wait_for_moment(run, "beat-before-publish.SIGSTOP")
        run.fault_ended()
        _wait_for_takeover(run, before, f"{leader.name} stopped in the middle")
        leader.resume()
        _wait_until_it_stands_by(run, leader)
        _wait_for_ticks(run, len(run.ledger.ticks()) + 2)
    run.recovered()
    return run.outcome(
        recovered_at_most=TAKEOVER_SECONDS, seen="The runs of some seconds came late; the second message did nothing."
    )


def _cut_off(run: Run, proxy: Proxy, **way: str) -> Outcome:
    with _leading_through(run, **way) as leader, run.load.schedule():
        _wait_for_ticks(run, 3)
        before = len(run.ledger.ticks())
        proxy.frozen.set()
        run.fault_ended()
        _wait_for_takeover(run, before, f"{leader.name} cut off")
        run.expect(run.stack.leader() is not leader, f"{leader.name} leads, which is cut off")
    run.recovered()
    return run.outcome(recovered_at_most=TAKEOVER_SECONDS, seen=SEEN)


@contextmanager
def _leading_through(run: Run, **way: str) -> Iterator[Component]:
    """The beat that stands by is started again with ``way``, and leads inside this block."""
    former = run.stack.leader()
    (beat,) = (beat for beat in run.stack.beats if beat is not former)
    usual = beat.environment
    beat.environment = {**usual, **way}
    try:
        beat.restart()
        with former.left_down():
            former.terminate(5)
            run.wait_until(lambda: run.stack.leader() is beat, what=f"{beat.name} to lead")
        former.start()
        yield beat
    finally:
        beat.environment = usual
        beat.restart()


def _are_sent(run: Run, name: str, until: datetime) -> bool:
    """Whether somebody noted that the messages of the runs up to this due time were sent."""
    return all(each.woken_at is not None for each in fired(run.database, name) if each.due_at <= until)


def _wait_for_moment(run: Run, name: str) -> None:
    file = _moment(run, name)
    file.touch()
    run.wait_until(lambda: not file.exists(), what="the moment")


def _moment(run: Run, name: str) -> Path:
    return run.stack.diary.with_name(name)


def _wait_until_it_stands_by(run: Run, beat: Component) -> None:
    run.wait_until(lambda: beat.process.has_said("beat_stands_by"), what=f"{beat.name} to see that it does not lead")


def _wait_for_ticks(run: Run, count: int) -> None:
    run.wait_until(lambda: len(run.ledger.ticks()) >= count, what=f"{count} runs")


def _wait_for_takeover(run: Run, before: int, what: str) -> None:
    """Return when runs go on, and those of the time in between have come too."""
    _wait_for_ticks(run, before + 3)
    taken_over = run.recovery_noted()
    run.say(f"{what}, runs go on after {taken_over:.1f} s")
    _wait_for_ticks(run, before + int(taken_over))
