"""``--memory MINUTES``: steady load and no fault, to see that no process grows without end."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from faults.edges import Ledger
from faults.errors import FaultsError
from faults.growth import growth_read
from faults.load import Load
from faults.memory_report import Report
from faults.rss import rss_noted
from faults.running import directory_made
from faults.scenario import Outcome, Run
from faults.stack import Stack

NOTES = "rss.csv"
#: Those of a deployment: nothing here has to be waited for, and nothing shall be ended because the machine is busy.
DEPLOYED_TIMES: dict[str, Any] = {
    "EMAIL_TIMEOUT_SECONDS": 15,
    "EMAIL_TIMEOUT_AFTER_DATA_SECONDS": 45,
    "CELERY_TASK_SOFT_TIME_LIMIT_SECONDS": 90,
    "CELERY_TASK_TIME_LIMIT_SECONDS": 100,
    "EMAIL_SENDING_LEASE_SECONDS": 120,
    "EMAIL_SENDING_BURST_SECONDS": 5,
    "JOB_LEASE_SECONDS": 30,
    "JOB_HEARTBEAT_SECONDS": 5,
}
_LABEL = "memory"
ROUND_SECONDS = 1.0
#: Every so many rounds a burst of so many e-mails.
BURST_EVERY, BURST = 10, 20
LOAD = f"a page, a sign-up, a job and a due time a second, {BURST} e-mails in a burst every {BURST_EVERY} s"


def memory_watched(minutes: float, profile: str, say: Callable[[str], None], *, picture: Path, keep: bool) -> bool:
    """Run for so long, draw, and return whether memory stays bounded and nothing was lost.

    What there is is drawn each minute, so that a run that is stopped early, or killed, leaves a picture. The figures
    are in a JSON file beside it. With ``keep`` all samples and logs stay where it says they are.
    """
    with ExitStack() as undo:
        directory = directory_made(undo, _LABEL, say, keep=keep)
        stack = undo.enter_context(closing(Stack(profile, directory)))
        stack.start()
        stack.restart(**DEPLOYED_TIMES)
        say(f"{profile}: everything runs. {minutes:g} minutes of {LOAD}.")
        notes = directory / NOTES

        def draw() -> None:
            with suppress(FaultsError):  # too early
                Report(growth_read(notes), profile, LOAD).write(picture)

        with rss_noted(stack, notes):
            outcome = _load(stack, profile, minutes, say, draw)
        growth = growth_read(notes)
    Report(growth, profile, LOAD, outcome.count).write(picture)
    say(f"{growth.seconds / 60:.0f} minutes, {growth.in_words()}\nWritten: {picture}, and its figures beside it")
    for failure in outcome.failures():
        say(f"NOT HELD: {failure}")
    say(f"{outcome.count.asked:,} e-mails, jobs and due times asked for, {outcome.count.lost} lost.")
    return growth.is_bounded and outcome.is_held


def _load(stack: Stack, profile: str, minutes: float, say: Callable[[str], None], draw: Callable[[], None]) -> Outcome:
    """Ask for everything that the product does, again and again, and count at the end."""
    ledger = Ledger(_LABEL, stack.database, stack.sink, stack.diary)
    run = Run(profile, stack, ledger, Load(stack, ledger), say)
    try:
        with run.load.schedule():
            _rounds(run, minutes, draw)
    except KeyboardInterrupt:
        say("Stopped early.")
    except FaultsError as error:  # what was noted until then is worth a picture
        run.expect(is_so=False, otherwise=str(error))
    run.recovered()
    return run.outcome()


def _rounds(run: Run, minutes: float, draw: Callable[[], None]) -> None:
    began = time.monotonic()
    rest = threading.Event()
    number = drawn = 0
    while time.monotonic() - began < minutes * 60:
        due = began + number * ROUND_SECONDS
        if not rest.wait(max(due - time.monotonic(), 0)):
            _round(run, is_burst=number % BURST_EVERY == 0)
        # A machine that does not keep up skips rounds: they are not made up for in a rush.
        number = max(number + 1, int((time.monotonic() - began) / ROUND_SECONDS))
        minute = int((time.monotonic() - began) // 60)
        if minute > drawn:
            drawn = minute
            run.say(f"{minute} min: {run.ledger.emails_asked:,} e-mails asked for")
            draw()


def _round(run: Run, *, is_burst: bool) -> None:
    run.load.web.ask("GET", "/")
    run.load.sign_up()
    run.load.job(steps=2)
    if is_burst:
        run.load.emails(BURST)
