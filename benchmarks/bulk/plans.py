"""What a run measures: who, at which latency, how many e-mails, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.bulk import peers
from benchmarks.bulk.peers import Contender
from benchmarks.bulk.sinks import FAST, RELAY, RELAY_PIPELINED, SLOW, Latency

LEAST_EMAILS = 20


@dataclass(frozen=True)
class Plan:
    """``seconds``: about how long a cell takes, in each of the rounds."""

    rounds: int
    seconds: float
    cells: Sequence[tuple[Contender, Sequence[Latency]]]
    limits: Sequence[Latency]
    low_load: Sequence[Latency]
    ones: int  # e-mails at low load, in each round
    enqueued: int  # rows of ours; of the styleguide's a twentieth
    counted: Sequence[str]  # whose statements are counted
    killed: Sequence[str]
    faults: bool

    def changed(
        self,
        *,
        only: Sequence[str] | None = None,
        latencies: Sequence[str] | None = None,
        rounds: int | None = None,
        seconds: float | None = None,
        processes: int | None = None,
        connections: int | None = None,
    ) -> "Plan":
        """Return it with these alone, and other numbers; None leaves a thing as it is."""
        cells = [
            (
                peers.resized(who, processes=processes, connections=connections),
                [each for each in all_of_them if latencies is None or each.name in latencies],
            )
            for who, all_of_them in self.cells
            if only is None or who.who in only
        ]
        limits = [each for each in self.limits if latencies is None or each.name in latencies]
        has_limits = only is None or any(who.startswith("limit") for who in only)
        return replace(
            self,
            cells=cells,
            limits=limits if has_limits else [],
            rounds=rounds or self.rounds,
            seconds=seconds or self.seconds,
        )

    def count(self, rate: float) -> int:
        """Return how many e-mails take about as long as a cell should."""
        return max(int(rate * self.seconds), LEAST_EMAILS)


_ALL = (FAST, SLOW, RELAY)
FULL = Plan(
    rounds=3,
    seconds=5,  # long enough that the first connections and the last wave do not count
    # Those that are compared with each other stand side by side.
    cells=[
        (peers.CELERY, _ALL),
        (peers.CELERY_MARKED, ()),
        (peers.MAILER, _ALL),
        (peers.PROCRASTINATE, _ALL),
        (peers.OURS_EMBEDDED, (FAST,)),
        (peers.STYLEGUIDE, _ALL),
        (peers.OURS, (*_ALL, RELAY_PIPELINED)),
        (peers.OURS_FULL, (FAST,)),
        (peers.POST_OFFICE_TUNED, _ALL),
        (peers.POST_OFFICE, _ALL),
    ],
    limits=_ALL,
    low_load=(FAST, RELAY, RELAY_PIPELINED),
    ones=40,
    enqueued=20_000,
    counted=("styleguide", "ours", "celery", "post_office_default", "post_office_tuned", "mailer", "procrastinate"),
    killed=("ours", "styleguide", "post_office_tuned"),
    faults=True,
)
QUICK = Plan(
    rounds=3,
    seconds=2,
    cells=[
        (peers.STYLEGUIDE, _ALL),
        (peers.OURS, _ALL),
        (peers.POST_OFFICE_TUNED, (FAST, SLOW)),
        (peers.POST_OFFICE, (FAST,)),
    ],
    limits=(),
    low_load=(FAST,),
    ones=20,
    enqueued=10_000,
    counted=("styleguide", "ours"),
    killed=(),
    faults=False,
)
#: On a machine that has neither PostgreSQL nor a broker.
EMBEDDED = replace(
    FULL,
    cells=[(peers.OURS_EMBEDDED, _ALL)],
    low_load=(FAST,),
    counted=(),
    killed=("ours_embedded",),
)
#: Whose asking is compared.
COMPARED = (peers.STYLEGUIDE.who, peers.OURS.who, peers.OURS_EMBEDDED.who)
#: Whose single e-mails are compared: those, a Celery task without a row, and the least that one with a mark takes.
ONE_BY_ONE = (*COMPARED, peers.CELERY.who, peers.CELERY_MARKED.who)
