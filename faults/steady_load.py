"""Mixed load through every door at once, as steady as a product's day, for as long as a block lasts."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from faults.errors import FaultsError
from faults.load import Background
from faults.scenario import Run
from faults.web import Answer

SIGN_UP_EVERY_SECONDS = 0.4
EMAILS_EVERY_SECONDS = 1.0
JOB_EVERY_SECONDS = 1.2
#: Of what a job may end in while faults happen; why one failed is looked at afterwards.
_ENDS = ("SUCCESS", "FAILURE", "REVOKED")


@contextmanager
def steady_load(run: Run, *, seed: int) -> Iterator[list[Answer]]:
    """Sign-ups, single e-mails, bursts and jobs inside this block, by chance made of ``seed``; the sign-ups' answers.

    The run's feeder is in use meanwhile.
    """
    chances = random.Random(seed)  # noqa: S311  to be repeated, not to be secret
    run.expect(run.load.secret, "no token")  # made once, before the threads
    loops = [
        (_emails(run, random.Random(chances.random())), EMAILS_EVERY_SECONDS),  # noqa: S311
        (_jobs(run, random.Random(chances.random())), JOB_EVERY_SECONDS),  # noqa: S311
    ]
    with ExitStack() as undo:
        answers = undo.enter_context(run.load.signing_up(every=SIGN_UP_EVERY_SECONDS))
        for do, every in loops:
            undo.enter_context(_again_and_again(do, every))
        yield answers


def _emails(run: Run, chance: random.Random) -> Callable[[], None]:
    """A burst now and then, and single e-mails."""

    def ask() -> None:
        is_burst = chance.random() < 0.25
        count = chance.randint(40, 120) if is_burst else chance.randint(1, 4)
        door = chance.choice(("all", "send_all")) if is_burst else "queue"
        try:
            run.load.emails(count, door=door)
        except FaultsError as error:  # the ledger has them for unsure
            run.say(f"  asking for {count} e-mails: {error}")

    return ask


def _jobs(run: Run, chance: random.Random) -> Callable[[], None]:
    """Most of them plain, some that may be begun again, a few that are cancelled or fail."""

    def start() -> None:
        kind = chance.choice(("fault-plain", "fault-plain", "fault-resuming"))
        steps, fails, is_cancelled = chance.randint(1, 8), chance.random() < 0.1, chance.random() < 0.1
        answer = run.load.job(kind, ends_in=_ENDS, steps=steps, seconds=0.2, fails=fails)
        if is_cancelled and answer.status == 202:
            run.load.web.api("POST", f"/api/jobs/{answer.json['id']}/cancel/", run.load.secret)

    return start


@contextmanager
def _again_and_again(do: Callable[[], None], every: float) -> Iterator[None]:
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(every):
            do()

    background = Background(loop)
    try:
        yield
    finally:
        ended.set()
        background.wait()
