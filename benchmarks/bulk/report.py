"""What a run says: a table of medians, the ratios, the JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from statistics import median
from typing import Any

from benchmarks.bulk.cells import Cell
from benchmarks.bulk.ratios import MORE_PAIRS, PAIRS, Goal, Ratio, goals, other_ratios, ratios
from benchmarks.bulk.running import Results

#: Those that the issue names come first in the JSON, null where they were not measured.
NAMED = (*PAIRS, "of_limit_50ms", "low_load_p50_vs_styleguide", "enqueue_vs_styleguide")
LATENCIES = ("0", "50", "relay", "relay_pipelined")
ASKED = ("sql_per_email", "commits_per_email", "db_connections_per_email")
_ROW = "{:<44} {:>5} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7} {:>7} {:>7} {:>6} {:>4} {:>4}"
_HEAD = (
    *("e-mails per second", "conn.", "median", "min", "max", "cpu ms", "pg ms", "sql", "commits", "db conn"),
    *("smtp", "lost", "dup."),
)


def as_json(results: Results, about: dict[str, Any]) -> dict[str, Any]:
    """Return everything as plain values."""
    found = _all_ratios(results)
    return {
        "cells": [_cell(results, *key, cells) for key, cells in _ordered(results)],
        "ratios": {name: found[name].middle if name in found else None for name in NAMED},
        "more_ratios": {name: ratio.middle for name, ratio in found.items() if name not in NAMED},
        "ranges": {name: [ratio.least, ratio.most] for name, ratio in found.items()},
        "goals": [{**asdict(goal), "is_reached": goal.is_reached} for goal in goals(results, found)],
        "enqueue_rows_per_s": {who: round(median(rates)) for who, rates in results.enqueue.items()},
        "low_load_p50_ms": {
            f"{who}, {latency} ms": round(median(chain.from_iterable(rounds)), 2)
            for (who, latency), rounds in results.low_load.items()
        },
        "sigkill": results.killed,
        "faults": results.faults,
        "about": about,
    }


def table(results: Results) -> Iterator[str]:
    """Yield the lines to be printed."""
    last = ""
    for (who, latency), cells in _ordered(results):
        if latency != last:
            yield from ("", f"-- {latency} ms " + "-" * 60, _ROW.format(*_HEAD))
            last = latency
        yield _row(results, who, cells)
    found = _all_ratios(results)
    yield from ("", "-- pair by pair, ours against theirs: median of the rounds (least to most) " + "-" * 20)
    for name, ratio in found.items():
        yield f"{name:<40} {ratio.middle:>8.2f}   ({ratio.least:.2f} to {ratio.most:.2f})"
    yield from ("", "-- what must be reached " + "-" * 60)
    yield from map(_goal, goals(results, found))


def _all_ratios(results: Results) -> dict[str, Ratio]:
    return {**ratios(results, PAIRS), **other_ratios(results), **ratios(results, MORE_PAIRS)}


def _ordered(results: Results) -> list[tuple[tuple[str, str], list[Cell]]]:
    """By latency, the fastest first."""
    return sorted(
        results.cells.items(),
        key=lambda item: (LATENCIES.index(item[0][1]), -median(cell.emails_per_s for cell in item[1])),
    )


def _cell(results: Results, who: str, latency: str, cells: list[Cell]) -> dict[str, Any]:
    rates = [cell.emails_per_s for cell in cells]
    asked: dict[str, float | None] = dict.fromkeys(ASKED)
    return {
        "who": who,
        "latency_ms": int(latency) if latency.isdecimal() else latency,
        "connections": results.connections[who],
        "emails_per_s": median(rates),
        "cpu_ms_per_email": median(cell.cpu_ms_per_email for cell in cells),
        **asked,
        **results.asked_of_database.get(who.replace("ours_million", "ours"), {}),
        "smtp_connections": max(cell.smtp_connections for cell in cells),
        "lost": sum(cell.lost for cell in cells),
        "duplicates": sum(cell.duplicates for cell in cells),
        "title": results.titles[who],
        "emails_per_s_of_rounds": rates,
        "emails": cells[0].emails,
        "postgresql_cpu_ms_per_email": median(cell.postgresql_ms_per_email for cell in cells),
        "smtp_connections_opened": max(cell.smtp_connections_opened for cell in cells),
        "recorded": all(cell.recorded for cell in cells),
    }


def _row(results: Results, who: str, cells: list[Cell]) -> str:
    cell = _cell(results, who, cells[0].latency, cells)
    rates = cell["emails_per_s_of_rounds"]
    asked = ["" if cell[name] is None else f"{cell[name]:.2f}" for name in ASKED]
    return _ROW.format(
        cell["title"],
        cell["connections"],
        *(f"{value:,.1f}" for value in (median(rates), min(rates), max(rates))),
        *(f"{cell[name]:.2f}" for name in ("cpu_ms_per_email", "postgresql_cpu_ms_per_email")),
        *asked,
        *(cell["smtp_connections"], cell["lost"], cell["duplicates"]),
    )


def _goal(goal: Goal) -> str:
    bound = "at most" if goal.is_most else "at least"
    word = "reached" if goal.is_reached else "MISSED"
    return f"{goal.name:<32} {goal.measured:>9.3f}   {bound:<8} {goal.at_least:>7g}, aim {goal.aim:>5g}   {word}"
