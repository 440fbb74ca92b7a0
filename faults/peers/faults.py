"""The decisive faults: each is made in the same way under every contender."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from faults.errors import FaultsError
from faults.peers.stage import MACHINES
from faults.peers.trials import Trial
from faults.processes import has_ended, send
from faults.profiles import LEASE_SECONDS, SWEEP_SECONDS
from styleguide_example.emails.tests.smtp_server import SILENCE, TAKEN_THEN_SILENCE

BURST = 200
#: Enough for every conversation that may begin while one lasts.
EVERY_ONE = 400
KILLS = (30, 70, 110)
#: Longer than a lease and the time until a sweep notices, and than any time limit.
STOPPED_SECONDS = LEASE_SECONDS + SWEEP_SECONDS + 6
#: Requests that the web server works on at once.
AT_ONCE = 8

Body = Callable[[Trial], None]


@dataclass(frozen=True)
class Fault:
    """A line of the page. ``settings`` are environment variables of all processes; they cost a restart."""

    key: str
    title: str
    body: Body
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """What is done, from its docstring."""
        return " ".join((self.body.__doc__ or "").split())


def pools_killed(trial: Trial) -> None:
    """SIGKILL for every process of the pools in a burst of 200 e-mails.

    Of the conversations with the mail server some are in the middle of DATA, and some messages have been taken and wait
    for their 250.
    """
    server = trial.stage.sink.server
    server.seconds_per_message = 0.05
    burst = trial.burst(BURST)
    trial.wait_for(60)
    server.fail("body", *[SILENCE, ""] * EVERY_ONE)
    trial.wait_until(lambda: len(server.silent_to) >= 2, what="the mail server to fall silent in DATA")
    server.fail("message", *[TAKEN_THEN_SILENCE] * EVERY_ONE)
    trial.wait_for_standstill()
    with trial.fault():
        send([child for worker in trial.stage.workers for child in worker.children()], signal.SIGKILL)
        trial.may_come_twice = EVERY_ONE - len(server.script["message"])
        in_data = len(server.silent_to) - trial.may_come_twice
        server.script.clear()
    burst.wait()
    trial.say(f"killed with {in_data} in DATA and {trial.may_come_twice} taken")


def workers_killed(trial: Trial) -> None:
    """SIGKILL for a whole worker, three times in a burst of 200 e-mails.

    It is always the one that sends most at that moment. A supervisor starts it again.
    """
    trial.stage.sink.server.seconds_per_message = 0.2
    burst = trial.burst(BURST)
    for arrived in KILLS:
        trial.wait_for(arrived)
        trial.wait_until(lambda: trial.connections(trial.busiest) > 0, what="a worker that sends")
        worker = trial.busiest
        trial.may_come_twice += trial.connections(worker)
        with trial.fault():
            worker.kill()
    burst.wait()


def worker_stopped(trial: Trial) -> None:
    """SIGSTOP for the worker that sends most in a burst of 200 e-mails, and SIGCONT when all of them have come.

    After 24 seconds in any case. Ten people ask for an e-mail meanwhile.
    """
    trial.stage.sink.server.seconds_per_message = 0.2
    trial.burst(BURST).wait()
    trial.wait_for(40)
    worker = trial.busiest
    worker.pause()
    trial.may_come_twice = trial.connections(worker)
    trial.requests(10)
    seconds = trial.seconds_until_all_came(at_most=STOPPED_SECONDS)
    if waited := trial.books.missing():
        trial.seen = f"{waited} e-mails waited until it went on, for {seconds:.0f} seconds"
    else:
        trial.seen = f"the other worker had sent all of them after {seconds:.0f} seconds"
    with trial.fault():
        worker.resume()


def hard_limit(trial: Trial) -> None:
    """Two processes hang as in C code (SIGSTOP), until a limit kills them or twenty seconds are over.

    Forty people ask for an e-mail. The mail server falls silent in two conversations, once in DATA and once when it has
    taken the message; their clients are those that hang. At last it hangs up.
    """
    server = trial.stage.sink.server
    server.seconds_per_message = 0.05
    trial.requests(4)
    trial.wait_for(4)
    server.fail("body", SILENCE)
    server.fail("message", TAKEN_THEN_SILENCE)
    trial.requests(36, at_once=AT_ONCE)
    trial.wait_until(lambda: len(server.silent_to) == 2, what="the mail server to fall silent twice")
    trial.may_come_twice = 1
    children = [child for worker in trial.stage.workers for child in worker.children()]
    hanging = [child for child in children if server.silent_to.intersection(_ports(child))]
    with trial.fault():
        send(hanging, signal.SIGSTOP)
        try:
            trial.wait_until(lambda: all(map(has_ended, hanging)), what="the limit", seconds=20)
        except FaultsError:
            trial.seen = f"no limit in 20 seconds, {trial.books.missing()} e-mails waited"
        finally:
            send(hanging, signal.SIGCONT)
            trial.stage.sink.heal()  # it hangs up on those that still wait: they might do so for ever


def messages_twice(trial: Trial) -> None:
    """Web and workers send each message two times, as it is, and both copies are delivered.

    A burst of 150 e-mails, and forty people who ask for one each.
    """
    trial.stage.sink.server.seconds_per_message = 0.05
    with trial.fault():
        burst = trial.burst(150)
        trial.requests(40, at_once=2)
        burst.wait()


def two_machines(trial: Trial) -> None:
    """No fault at all: each worker has a directory for temporary files of its own, as it has on a machine of its own.

    Two bursts of 100 e-mails, and forty people who ask for one each.
    """
    trial.stage.sink.server.seconds_per_message = 0.05
    with trial.fault():
        burst = trial.burst(100)
        trial.requests(20, at_once=2)
        burst.wait()
        trial.burst(100).wait()
        trial.requests(20, at_once=2)


def broker_away(trial: Trial) -> None:
    """SIGKILL for the broker, while twenty people ask for an e-mail; then it is started with what it had kept."""
    trial.requests(8, at_once=AT_ONCE)
    broker = trial.stage.servers.broker
    with trial.fault():
        broker.kill()
        trial.requests(20, at_once=4)
        broker.start()


def broker_hangs(trial: Trial) -> None:
    """SIGSTOP for the broker: connections stand, nothing is answered. Then somebody kills it and starts it again.

    Sixteen people ask for an e-mail while it hangs, eight at once, and wait for fifteen seconds at most.
    """
    trial.requests(8, at_once=AT_ONCE)
    broker = trial.stage.servers.broker
    with trial.fault():
        broker.pause()
        trial.requests(16, at_once=AT_ONCE)
        broker.restart()


def broker_wiped(trial: Trial) -> None:
    """SIGKILL for the broker with messages in its queue, its files deleted, started empty.

    Eighty people ask for an e-mail of a slow mail server before, and ten afterwards.
    """
    server = trial.stage.sink.server
    server.seconds_per_message = 0.5
    trial.requests(80, at_once=AT_ONCE)
    waiting = trial.stage.queue_length()
    with trial.fault():
        trial.stage.servers.broker.wipe()
    server.seconds_per_message = 0.0
    trial.requests(10)
    trial.say(f"wiped with {waiting} messages in its queue")


def database_restarted(trial: Trial) -> None:
    """SIGKILL for all of PostgreSQL in a burst of 200 e-mails, two seconds away, started with what it had kept.

    Then ten people ask for an e-mail.
    """
    trial.stage.sink.server.seconds_per_message = 0.2
    trial.burst(BURST).wait()
    trial.wait_for(60)
    trial.may_come_twice = sum(map(trial.connections, trial.stage.workers))
    with trial.fault():
        postgresql = trial.stage.servers.postgresql
        if postgresql is not None:
            postgresql.down_for(2)
    trial.requests(10)


def _ports(process: psutil.Process) -> set[int]:
    """The ports from which it is connected to somebody."""
    return {each.laddr.port for each in process.net_connections("tcp") if each.raddr}


ALL = (
    Fault("E1", "The pools are killed in the middle of SMTP", pools_killed),
    Fault("E2", "A worker is killed three times in a burst", workers_killed),
    Fault("E4", "A worker is stopped and goes on", worker_stopped),
    Fault("E6", "Processes hang in the SMTP dialogue", hard_limit),
    Fault("E7a", "Every message is delivered twice", messages_twice, {"FAULTS_MESSAGES_TWICE": True}),
    Fault("E7b", "The workers are on two machines", two_machines, {MACHINES: True}),
    Fault("E8a", "The broker is away at the commit", broker_away),
    Fault("E8b", "The broker hangs at the commit", broker_hangs),
    Fault("E8c", "The broker is wiped", broker_wiped),
    Fault("E9", "The database is killed and started again", database_restarted),
)
