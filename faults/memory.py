"""``--memory MINUTES``: steady load and no fault, to see that no process grows without end."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from faults import scorecard
from faults.edges import Ledger
from faults.errors import FaultsError
from faults.growth import Growth, growth_read
from faults.load import Load
from faults.memory_chart import chart
from faults.processes import ROOT
from faults.rss import rss_noted
from faults.running import directory_made
from faults.scenario import Outcome, Run
from faults.stack import Stack

PICTURE = ROOT / "docs" / "reliability" / "memory.svg"
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

    Stopped early (Ctrl-C) it draws what there is. With ``keep`` the figures and logs stay where it says they are.
    """
    with ExitStack() as undo:
        directory = directory_made(undo, _LABEL, say, keep=keep)
        stack = undo.enter_context(closing(Stack(profile, directory)))
        stack.start()
        stack.restart(**DEPLOYED_TIMES)
        say(f"{profile}: everything runs. {minutes:g} minutes of {LOAD}.")
        with rss_noted(stack, directory / NOTES):
            outcome = _load(stack, profile, minutes, say)
        growth = growth_read(directory / NOTES)
    picture_drawn(growth, profile, picture)
    say(f"{growth.in_words()}\nWritten: {picture}")
    for failure in outcome.failures():
        say(f"NOT HELD: {failure}")
    say(f"{outcome.count.asked:,} e-mails, jobs and due times asked for, {outcome.count.lost} lost.")
    return growth.is_bounded and outcome.is_held


def picture_drawn(growth: Growth, profile: str, picture: Path) -> None:
    """Write the SVG."""
    card = scorecard.as_json([])
    about = f"{profile}, {card['date']}, {card['machine']}"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(chart(growth, about=about, load=f"Load: {LOAD}"))


def _load(stack: Stack, profile: str, minutes: float, say: Callable[[str], None]) -> Outcome:
    """Ask for everything that the product does, again and again, and count at the end."""
    ledger = Ledger(_LABEL, stack.database, stack.sink, stack.diary)
    run = Run(profile, stack, ledger, Load(stack, ledger), say)
    try:
        with run.load.schedule():
            _rounds(run, minutes)
    except KeyboardInterrupt:
        say("Stopped early.")
    except FaultsError as error:  # what was noted until then is worth a picture
        run.expect(is_so=False, otherwise=str(error))
    run.recovered()
    return run.outcome()


def _rounds(run: Run, minutes: float) -> None:
    began = time.monotonic()
    rest = threading.Event()
    number = 0
    while time.monotonic() - began < minutes * 60:
        due = began + number * ROUND_SECONDS
        if not rest.wait(max(due - time.monotonic(), 0)):
            _round(run, is_burst=number % BURST_EVERY == 0)
        # A machine that does not keep up skips rounds: they are not made up for in a rush.
        number = max(number + 1, int((time.monotonic() - began) / ROUND_SECONDS))
        if number % 60 == 0:
            run.say(f"{number // 60} min: {run.ledger.emails_asked:,} e-mails asked for")


def _round(run: Run, *, is_burst: bool) -> None:
    run.load.web.ask("GET", "/")
    run.load.sign_up()
    run.load.job(steps=2)
    if is_burst:
        run.load.emails(BURST)
