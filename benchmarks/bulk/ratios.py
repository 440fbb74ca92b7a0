"""From what was measured to what is compared: pair by pair within a round, then the median of the rounds."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.bulk.running import Results
from benchmarks.bulk.sinks import RELAY, RELAY_PIPELINED, SLOW


@dataclass(frozen=True)
class Ratio:
    """The median over the rounds, and the extremes."""

    middle: float
    least: float
    most: float


@dataclass(frozen=True)
class Goal:
    """A line of what must be reached. ``is_most``: the measured value must not be greater, instead of not less."""

    name: str
    measured: float
    at_least: float
    aim: float
    is_most: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether it is."""
        return self.measured <= self.at_least if self.is_most else self.measured >= self.at_least


#: Name in the JSON: ours, the other one, latency.
PAIRS = {
    "vs_styleguide_0ms": ("ours", "styleguide", "0"),
    "vs_styleguide_50ms": ("ours", "styleguide", "50"),
    "vs_styleguide_relay": ("ours", "styleguide", "relay"),
    "vs_post_office_default_0ms": ("ours", "post_office_default", "0"),
    "vs_post_office_tuned_0ms": ("ours", "post_office_tuned", "0"),
    "vs_post_office_tuned_50ms": ("ours", "post_office_tuned", "50"),
}
MORE_PAIRS = {
    "vs_post_office_default_50ms": ("ours", "post_office_default", "50"),
    "vs_post_office_tuned_relay": ("ours", "post_office_tuned", "relay"),
    "vs_celery_0ms": ("ours", "celery", "0"),
    "vs_celery_50ms": ("ours", "celery", "50"),
    "vs_mailer_0ms": ("ours", "mailer", "0"),
    "vs_mailer_50ms": ("ours", "mailer", "50"),
    "vs_procrastinate_0ms": ("ours", "procrastinate", "0"),
    "vs_procrastinate_50ms": ("ours", "procrastinate", "50"),
    "vs_limit_smtplib_0ms": ("ours", "limit_smtplib", "0"),
    "million_rows_vs_empty_0ms": ("ours_million", "ours", "0"),
    "embedded_vs_styleguide_0ms": ("ours_embedded", "styleguide", "0"),
}


def ratios(results: Results, pairs: dict[str, tuple[str, str, str]]) -> dict[str, Ratio]:
    """Return those whose both sides were measured."""
    found = {}
    for name, (ours, other, latency) in pairs.items():
        sides = [[cell.emails_per_s for cell in results.cells.get((who, latency), [])] for who in (ours, other)]
        if all(sides):
            found[name] = _ratio(*sides)
    return found


#: One e-mail at low load against the styleguide's: whose, at which latency.
_ONE_BY_ONE = {
    "low_load_p50_vs_styleguide": ("ours", "0"),
    "low_load_p50_vs_styleguide_relay": ("ours", RELAY.name),
    "low_load_p50_vs_styleguide_relay_pipelined": ("ours", RELAY_PIPELINED.name),
    "low_load_p50_celery_vs_styleguide": ("celery", "0"),
    "low_load_p50_celery_marked_vs_styleguide": ("celery_marked", "0"),
}


def other_ratios(results: Results) -> dict[str, Ratio]:
    """Return the share of the limit, and how one e-mail and asking compare."""
    found = {}
    limit = SLOW.limit(results.connections.get("ours", 0))
    rates = [cell.emails_per_s for cell in results.cells.get(("ours", "50"), [])]
    if rates and limit:
        found["of_limit_50ms"] = _ratio(rates, [limit] * len(rates))
    for name, (who, latency) in _ONE_BY_ONE.items():
        sides = [list(map(median, results.low_load.get((each, latency), []))) for each in (who, "styleguide")]
        if all(sides):
            found[name] = _ratio(*sides)
    sides = [results.enqueue.get(who, []) for who in ("ours", "styleguide")]
    if all(sides):
        found["enqueue_vs_styleguide"] = _ratio(*sides)
    pipelined = [cell.emails_per_s for cell in results.cells.get(("ours", RELAY_PIPELINED.name), [])]
    styleguide = [cell.emails_per_s for cell in results.cells.get(("styleguide", "relay"), [])]
    if pipelined and styleguide:
        found["vs_styleguide_relay_pipelined"] = _ratio(pipelined, styleguide)
    return found


def goals(results: Results, found: dict[str, Ratio]) -> list[Goal]:
    """Return the lines of what must be reached that were measured."""
    asked = results.asked_of_database.get("ours", {})
    kills = [each for each in results.killed if each["who"] == "ours"]
    cells = [cell for (who, _), each in results.cells.items() if who == "ours" for cell in each]
    measured: dict[str, float] = {name: ratio.middle for name, ratio in found.items()}
    measured |= asked
    if cells:
        measured["smtp_connections"] = max(cell.smtp_connections for cell in cells)
    for kill in kills:
        measured |= {"sigkill_lost": kill["lost"], "sigkill_duplicates": kill["duplicates"]}
    connections = results.connections.get("ours", 0)
    return [
        Goal(name, measured[name], connections if least is None else least, aim, is_most)
        for name, least, aim, is_most in _GOALS
        if name in measured
    ]


#: Name, at least (None: the connections in use), aim, whether it is "at most" instead.
_GOALS: tuple[tuple[str, Any, float, bool], ...] = (
    ("vs_styleguide_0ms", 15, 60, False),
    ("vs_styleguide_50ms", 15, 40, False),
    ("vs_styleguide_relay", 25, 60, False),
    ("vs_post_office_tuned_0ms", 1.5, 5, False),
    ("vs_post_office_tuned_50ms", 1.3, 1.5, False),
    ("of_limit_50ms", 0.85, 0.97, False),
    ("sql_per_email", 0.5, 0.1, True),
    ("commits_per_email", 0.5, 0.1, True),
    ("db_connections_per_email", 0.001, 0, True),  # the workers' own, over thousands of e-mails
    ("smtp_connections", None, 64, True),
    ("low_load_p50_vs_styleguide", 0.4, 0.2, True),
    ("enqueue_vs_styleguide", 25, 100, False),
    ("sigkill_lost", 0, 0, True),
    ("sigkill_duplicates", None, 0, True),
    ("million_rows_vs_empty_0ms", 0.9, 1, False),
    ("embedded_vs_styleguide_0ms", 3, 10, False),
)


def _ratio(ours: list[float], others: list[float]) -> Ratio:
    pairs = [mine / other for mine, other in zip(ours, others, strict=False)]
    return Ratio(*(round(value, 3) for value in (median(pairs), min(pairs), max(pairs))))
