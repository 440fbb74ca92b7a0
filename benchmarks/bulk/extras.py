"""What is not throughput: asking, one e-mail at low load, SIGKILL in the middle, a server that misbehaves."""

import time
from typing import Any

from benchmarks.bulk.corpus import address
from benchmarks.bulk.processes import Driver, wait_until
from benchmarks.bulk.sinks import FAST, SLOW, Latency
from benchmarks.bulk.stages import Home, Stage

ONE_SECONDS = 20
PAUSE_SECONDS = 0.03
#: The mail server notes when it took a message. Whoever asks it each millisecond takes a good part of a core.
LOOK_SECONDS = 0.02
KILL_AT = 0.4
#: Longer than the lease that the killed worker leaves behind.
RECOVERY_SECONDS = 45
FAULTS = {"transient": 0.01, "permanent": 0.01, "cut": 0.01}
#: So that a lease runs out while one waits. The order that the product checks is kept: soft, hard, lease.
SHORT_LEASE = {
    "CELERY_TASK_SOFT_TIME_LIMIT_SECONDS": "12",
    "CELERY_TASK_TIME_LIMIT_SECONDS": "15",
    "EMAIL_SENDING_LEASE_SECONDS": "20",
}
QUICK_RETRY = {"EMAIL_SENDING_BACKOFF_SECONDS": "1"}


def enqueue_measure(home: Home, count: int) -> float:
    """Return how many existing rows a second are asked for, with nobody there to send them."""
    driver = Driver(home.contender.driver, home.environment(), home.log)
    try:
        home.clear()
        driver.call("write", count=1)
        driver.call("send")  # connects to the broker
        driver.call("write", count=count)
        home.ask(f"ANALYZE {home.contender.table}")
        asked = driver.call("send")
    finally:
        driver.kill()
        home.queue_delete()
    home.clear()
    return float(count / (asked["ended"] - asked["began"]))


def low_load_measure(stage: Stage, latency: Latency, count: int) -> list[float]:
    """Return the milliseconds from the commit to the mail server's yes, one e-mail at a time."""
    stage.home.clear()
    stage.sink.behave(latency)
    stage.sink.reset()
    return [_one(stage, number) for number in range(count)]


def _one(stage: Stage, number: int) -> float:
    committed = stage.driver.call("one", number=number)["result"]
    if not wait_until(lambda: stage.sink.accepted_at(address(number)), timeout=ONE_SECONDS, every=LOOK_SECONDS):
        raise RuntimeError(f"{stage.contender.title} did not send one e-mail in {ONE_SECONDS} s.")
    milliseconds = (stage.sink.accepted_at(address(number)) - committed) * 1000
    time.sleep(PAUSE_SECONDS)  # what is recorded after the yes is not the next one's wait
    return float(milliseconds)


def kill_measure(home: Home, count: int) -> dict[str, Any]:
    """SIGKILL for all that sends when four in ten were taken; start it again; return what was lost and doubled."""
    stage = Stage(home, variables=SHORT_LEASE)
    try:
        stage.start()
        stage.home.clear()
        stage.driver.call("write", count=count)
        stage.sink.behave(SLOW)
        stage.sink.reset()
        stage.driver.begin("send")
        stage.wait_for(int(count * KILL_AT))
        _kill(stage)
        at_kill = stage.sink.figures()
        began = time.monotonic()
        _start_again(stage)
        _wait(stage, count)
        stage.is_recorded(count, timeout=5)
        stuck = count - stage.recorded()
        seen = stage.sink.figures()
    finally:
        stage.stop()
    return {
        "who": home.contender.who,
        "latency_ms": SLOW.message_ms,
        "emails": count,
        "connections_at_kill": at_kill["open_most"],
        "taken_at_kill": at_kill["accepted"],
        "lost": count - seen["distinct"],
        "duplicates": seen["duplicates"],
        "stuck": stuck,
        "recovered_after_s": round(seen["last"] - began, 1),
    }


def faults_measure(home: Home, count: int) -> dict[str, Any]:
    """One in a hundred is put off, one refused, one cut off: return how fast the others went, and what was lost."""
    stage = Stage(home, variables=QUICK_RETRY)
    try:
        stage.start()
        stage.home.clear()
        stage.driver.call("write", count=count)
        stage.sink.behave(FAST, **FAULTS)
        stage.sink.reset()
        asked = stage.driver.call("send")
        _wait(stage, int(count * 0.97))
        most = stage.sink.figures()
        _wait(stage, count)
        seen = stage.sink.figures()
    finally:
        stage.sink.behave(FAST)
        stage.stop()
    return {
        "who": home.contender.who,
        "emails": count,
        "shares": FAULTS,
        "emails_per_s_until_97_percent": round(most["accepted"] / (most["last"] - asked["began"]), 1),
        "seconds_until_all_ended": round(seen["last"] - asked["began"], 1),
        "put_off": seen["transient"],
        "refused": seen["permanent"],
        "cut": seen["cut"],
        "lost": count - seen["distinct"] - seen["permanent"],
        "duplicates": seen["duplicates"],
    }


def _kill(stage: Stage) -> None:
    if stage.workers:
        stage.driver.end()
        stage.workers_kill()
    else:  # the driver is the worker
        stage.driver.kill()


def _start_again(stage: Stage) -> None:
    if stage.contender.workers:
        stage.workers_start()
    else:
        stage.driver_start()
        stage.driver.begin("send")


def _wait(stage: Stage, count: int) -> None:
    """Until so many ended, with the sweep once a second where there is one; or until nothing has moved for long."""
    moved_at = swept_at = time.monotonic()
    last = -1
    while time.monotonic() - moved_at < RECOVERY_SECONDS:
        seen = stage.sink.figures()
        if seen["distinct"] + seen["permanent"] >= count:
            return
        if seen["commands"] != last:
            moved_at, last = time.monotonic(), seen["commands"]
        if stage.contender.has_sweep and time.monotonic() - swept_at > 1:
            stage.driver.call("sweep")
            swept_at = time.monotonic()
        time.sleep(0.02)
