"""What a randomised run will break, and when: made from its seed alone, before anything is started."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

WORKERS = ("worker1", "worker2")
COMPONENTS = ("web", *WORKERS, "beat1", "beat2")
#: Twice as often a worker as anything else: it holds what may be lost or doubled.
_CHOICE = (*COMPONENTS, *WORKERS)
BROKER, POSTGRESQL, SQLITE, MAIL, CABLE = "broker", "postgresql", "sqlite", "mail", "cable"
#: Whose cable is pulled: nothing else befalls it meanwhile.
CUT_OFF = "worker2"

#: Between the beginnings of two faults, in seconds. They overlap, so that one meets what another has not left yet.
GAP = (2.0, 7.0)
#: Nothing begins before that: there is load by then.
FIRST = 3.0
#: A target is left alone for so long after its fault, or a slow server would never be seen up.
REST = 4.0


@dataclass(frozen=True)
class Kind:
    """A fault that may befall one of ``targets`` for between two numbers of ``seconds``; 0: it is a moment."""

    name: str
    targets: tuple[str, ...]
    seconds: tuple[float, float] = (0, 0)
    #: How often it is chosen beside the others.
    weight: int = 1
    #: How many answers of the mail server it spoils.
    answers: tuple[int, int] = (0, 0)


#: Stops are shorter and longer than the leases (8 s, 4 s for a job, 10 s for the leading beat).
KINDS = (
    Kind("kill", _CHOICE, weight=4),
    Kind("kill, and leave down", _CHOICE, (1.5, 6)),
    Kind("kill the main process of", _CHOICE, weight=2),
    Kind("kill a child of", ("web", *WORKERS), weight=3),
    Kind("stop", _CHOICE, (0.5, 3), weight=3),
    Kind("stop for longer than the leases", _CHOICE, (10.5, 15), weight=3),
    Kind("terminate", _CHOICE, (0.3, 6), weight=3),
    Kind("kill", (BROKER,), (0, 6), weight=2),
    Kind("terminate", (BROKER,), (1, 6)),
    Kind("stop", (BROKER,), (0.5, 8), weight=2),
    Kind("wipe", (BROKER,), (0, 3), weight=2),
    Kind("kill", (POSTGRESQL,), (0, 5), weight=2),
    Kind("stop", (POSTGRESQL,), (0.5, 10)),
    Kind("cut the connections of", (POSTGRESQL,), weight=2),
    Kind("lock", (SQLITE,), (0.5, 5), weight=2),
    Kind("take down", (MAIL,), (1, 8), weight=2),
    Kind("slow down", (MAIL,), (2, 8)),
    Kind("let say not now", (MAIL,), answers=(2, 12)),
    Kind("let hang up", (MAIL,), answers=(2, 8)),
    Kind("let fall silent", (MAIL,), answers=(1, 3)),
    Kind("let take without a word", (MAIL,), answers=(1, 3)),
    Kind("pull", (CABLE,), (1, 15), weight=3),
)


@dataclass(frozen=True)
class Fault:
    """One fault of a plan. ``chance``, of 0 to 1, decides what else there is to choose: which child, which step."""

    number: int
    at: float
    kind: str
    target: str
    seconds: float = 0.0
    answers: int = 0
    chance: float = 0.0

    @property
    def ends_at(self) -> float:
        """Seconds from the start of the run."""
        return self.at + self.seconds

    def __str__(self) -> str:
        much = f" for {self.seconds:.1f} s" if self.seconds else f", {self.answers} answers" if self.answers else ""
        return f"{self.number:>3} {self.at:7.1f} s  {self.kind} {self.target}{much}"


def plan(seed: int, *, seconds: float) -> list[Fault]:
    """Return the faults of a run of so many seconds: a shorter one's are the first of a longer one's.

    One that its profile cannot have (a database that is no server) is left out when its time comes, so that the plan
    of a seed is the same everywhere. No target has two at once.
    """
    found: list[Fault] = []
    for fault in _endless(random.Random(seed)):  # noqa: S311  to be repeated, not to be secret
        if fault.ends_at > seconds:
            return found
        found.append(fault)
    return found


def _endless(chance: random.Random) -> Iterator[Fault]:
    free_from: dict[str, float] = {}
    at, number = FIRST, 0
    while True:
        at = round(at + chance.uniform(*GAP), 1)
        # Always as many numbers, so that what follows does not depend on who is free.
        (kind,) = chance.choices(KINDS, weights=[kind.weight for kind in KINDS])
        target = chance.choice(kind.targets)
        seconds = round(chance.uniform(*kind.seconds), 1)
        answers = chance.randint(*kind.answers)
        last = chance.random()
        befallen = CUT_OFF if target == CABLE else target
        if at < free_from.get(befallen, 0):
            continue
        number += 1
        free_from[befallen] = at + seconds + REST
        yield Fault(number, at, kind.name, target, seconds, answers, last)
