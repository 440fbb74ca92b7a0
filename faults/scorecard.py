"""What is shown and written of a run: a table for the terminal, JSON for programs, a page for people."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faults.processes import ROOT
from faults.profiles import ALL
from faults.running import Line
from faults.scenario import Scenario

PAGE = ROOT / "docs" / "reliability" / "scorecard.md"
DATA = PAGE.with_suffix(".json")


def as_json(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the scorecard as it is written for programs."""
    return {"lines": [{**_line(line), **circumstances()} for line in lines]}


def circumstances() -> dict[str, str]:
    """Return when, of what and where it is measured."""
    return {"date": datetime.now(UTC).date().isoformat(), "commit": _commit(), "machine": _machine()}


def updated(card: dict[str, Any], lines: Sequence[Line]) -> dict[str, Any]:
    """Return ``card`` with these lines in the place of its own of the same scenario and profile.

    In the order of the profiles that a whole run has; a scenario that is new comes last in its profile.
    """
    both = [*card["lines"], *as_json(lines)["lines"]]
    latest = {(line["id"], line["profile"]): line for line in both}
    return {"lines": sorted(latest.values(), key=lambda line: ALL.index(line["profile"]))}


def read(data: Path) -> dict[str, Any]:
    """Return the scorecard that is there, or an empty one."""
    found: dict[str, Any] = json.loads(data.read_text()) if data.exists() else {"lines": []}
    return found


def table(lines: Sequence[Line]) -> list[str]:
    """Return the lines of the table for a terminal."""
    header = f"{'id':<5} {'profile':<20} {'asked':>7} {'lost':>5} {'stuck':>6} {'twice':>11} {'recovered':>16}  held"
    return [header, "-" * len(header), *map(_row, lines)]


def page(card: dict[str, Any]) -> str:
    """Return the scorecard as a page in Markdown."""
    held = sum(line["is_held"] for line in card["lines"])
    head = [
        "# Scorecard",
        "",
        "What was broken under a running product, and what was left of it. Written by `make faults`; do not edit.",
        "",
        f"Measured on {_each(card, 'date')}, commit {_each(card, 'commit')}, {_each(card, 'machine')}.",
        f"{held} of {len(card['lines'])} lines held. Lost and stuck must be 0 in each; its command repeats it.",
        "Counted in rows by plain SQL, at the mail server by Message-ID and recipient, in lines that bodies left.",
        "",
    ]
    titles = list(dict.fromkeys((line["id"], line["title"]) for line in card["lines"]))
    sections = [text for key, title in titles for text in _section(key, title, card["lines"])]
    return "\n".join([*head, *_overview(titles, card["lines"]), *sections])


def write(card: dict[str, Any], *, data: Path, text: Path | None = None) -> None:
    """Write the JSON, and the page if one is wanted."""
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    if text is not None:
        text.write_text(page(card))


def _line(line: Line) -> dict[str, Any]:
    scenario, outcome = line.scenario, line.outcome
    return {
        "id": scenario.key,
        "title": scenario.title,
        "profile": line.profile,
        "load": scenario.load,
        "fault": " ".join((scenario.body.__doc__ or "").split()),
        "expected": {
            "lost": 0,
            "stuck": 0,
            "duplicates_at_most": outcome.duplicates_at_most,
            "recovered_at_most_seconds": outcome.recovered_at_most,
        },
        "measured": {
            "asked": outcome.count.asked,
            "lost": outcome.count.lost,
            "stuck": outcome.count.stuck,
            "duplicates": outcome.count.duplicates,
            "recovered_seconds": None if outcome.recovered_seconds is None else round(outcome.recovered_seconds, 1),
        },
        "is_held": outcome.is_held,
        "failures": outcome.failures(),
        "seen": outcome.seen,
        "seconds": round(line.seconds, 1),
        "command": _command(scenario, line.profile),
    }


def _each(card: dict[str, Any], fact: str) -> str:
    """Return what the lines say of it, each answer once."""
    return " and ".join(sorted({line[fact] for line in card["lines"]}))


def _command(scenario: Scenario, profile: str) -> str:
    """What repeats it: with the sizes of the load that were asked for in the environment, where it has any."""
    sizes = [f"{name}={value} " for name, value in sorted(os.environ.items()) if name.startswith("FAULTS_")]
    arguments = scenario.arguments or f"--only {scenario.key}"
    return f'{"".join(sizes)}make faults ARGS="{arguments} --profile {profile}"'


def _row(line: Line) -> str:
    outcome, count = line.outcome, line.outcome.count
    twice = f"{count.duplicates} (≤ {outcome.duplicates_at_most})"
    verdict = "yes" if outcome.is_held else f"NO: {'; '.join(outcome.failures())}"
    return (
        f"{line.scenario.key:<5} {line.profile:<20} {count.asked:>7,} {count.lost:>5} {count.stuck:>6} {twice:>11} "
        f"{_recovered(outcome.recovered_seconds, outcome.recovered_at_most):>16}  {verdict}"
    )


def _recovered(seconds: float | None, at_most: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if at_most is None else f"{seconds:.1f} s (≤ {at_most:.0f})"


def _overview(titles: Sequence[tuple[str, str]], lines: Sequence[dict[str, Any]]) -> list[str]:
    """One row for each scenario, over all profiles."""
    rows = []
    for key, title in titles:
        mine = _of(key, title, lines)
        sums = [
            f"{sum(line['measured'][name] for line in mine):,}" for name in ("asked", "lost", "stuck", "duplicates")
        ]
        held = f"{sum(line['is_held'] for line in mine)} of {len(mine)}"
        rows.append(f"| [{key}](#{_anchor(f'{key}: {title}')}) | {title} | {' | '.join([*sums, held])} |")
    return ["| | | asked | lost | stuck | duplicates | held |", "|---|---|---|---|---|---|---|", *rows, ""]


def _of(key: str, title: str, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A run by chance has its seed in its title."""
    return [line for line in lines if (line["id"], line["title"]) == (key, title)]


def _anchor(heading: str) -> str:
    """Where a heading is linked to, as GitHub and GitLab name it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(key: str, title: str, lines: Sequence[dict[str, Any]]) -> list[str]:
    mine = _of(key, title, lines)
    first = mine[0]
    everywhere = re.sub(r" --profile [\w-]+", "", first["command"]) if len(mine) > 1 else first["command"]
    return [
        f"## {key}: {title}",
        "",
        f"{first['fault']} Load: {first['load']}.",
        "",
        "| profile | asked | lost | stuck | duplicates | recovered | held |",
        "|---|---|---|---|---|---|---|",
        *map(_cells, mine),
        "",
        *([f"Seen: {first['seen']}", ""] if first["seen"] else []),
        f"`{everywhere}`",
        "",
    ]


def _cells(line: dict[str, Any]) -> str:
    measured, expected = line["measured"], line["expected"]
    cells = [
        line["profile"],
        f"{measured['asked']:,}",
        measured["lost"],
        measured["stuck"],
        f"{measured['duplicates']} (at most {expected['duplicates_at_most']})",
        _recovered(measured["recovered_seconds"], expected["recovered_at_most_seconds"]),
        "yes" if line["is_held"] else f"**no**: {'; '.join(line['failures'])}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607  whichever git there is
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
