"""What is written of a run with the peers: JSON for programs, a page for people."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faults import scorecard
from faults.peers.running import PeerLine
from faults.peers.trials import Measured
from faults.processes import ROOT

PAGE = ROOT / "docs" / "reliability" / "peers.md"
DATA = PAGE.with_suffix(".json")
COMMAND = "make faults ARGS=--peers"
_WORDS = (
    "- *Promised*: rows that are committed. *Lost*: of these, e-mails that never came.",
    "- *Twice*: copies besides the first; in brackets how many were on the wire: of them nobody can know.",
    "- *Renamed*: came under a second Message-ID, by which no server and no reader can tell that it is the same.",
    "- *Stuck*: the row says that it is on its way when nothing moves any more. *FAILED*: the row says so.",
    "- *Requests that failed*: the person saw an error, though the row was committed, or no answer in 15 seconds.",
)
_COLUMNS = (
    "promised",
    "lost",
    "twice",
    "stuck",
    "FAILED",
    "requests that failed",
    "slowest request",
    "all ended after",
)


def as_json(lines: Sequence[PeerLine]) -> dict[str, Any]:
    """Return the figures as they are written for programs."""
    contenders = {line.contender.who: line.contender for line in lines}
    return {
        **scorecard.circumstances(),
        "command": COMMAND,
        "contenders": {who: {"title": one.title, "configured": one.configured} for who, one in contenders.items()},
        "lines": [_line(line) for line in lines],
    }


def page(card: dict[str, Any]) -> str:
    """Return the page in Markdown."""
    head = [
        "# What a team gets by switching",
        "",
        "The same faults under this project, the styleguide's pattern and django-post_office: the same PostgreSQL,",
        "RabbitMQ and mail server, two workers of two processes each, a supervisor that starts again what ended.",
        f"Written by `{COMMAND}`; do not edit.",
        "",
        f"Measured on {card['date']}, commit {card['commit']}, {card['machine']}.",
        "",
        *_WORDS,
        "",
        *_overview(card),
        "",
    ]
    faults = list(dict.fromkeys((line["id"], line["title"], line["fault"]) for line in card["lines"]))
    return "\n".join([*head, *(text for fault in faults for text in _section(*fault, card)), *_configured(card)])


def write(card: dict[str, Any], *, data: Path, text: Path | None = None) -> None:
    """Write the JSON, and the page if one is wanted."""
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    if text is not None:
        text.write_text(page(card))


def _line(line: PeerLine) -> dict[str, Any]:
    return {
        "id": line.fault.key,
        "title": line.fault.title,
        "fault": line.fault.in_words,
        "who": line.contender.who,
        "is_held": line.is_held,
        "problem": line.problem,
        "seconds": round(line.seconds, 1),
        **({} if line.measured is None else _figures(line.measured)),
    }


def _figures(measured: Measured) -> dict[str, Any]:
    settled = measured.settled_seconds
    return {
        **asdict(measured.figures),
        "on_the_wire": measured.may_come_twice,
        "requests": measured.requests,
        "requests_failed": measured.requests_failed,
        "slowest_request_seconds": round(measured.slowest_seconds, 2),
        "settled_seconds": None if settled is None else round(settled, 1),
        "seen": measured.seen,
    }


def _overview(card: dict[str, Any]) -> list[str]:
    """All faults together: what is lost or stuck under each, and in how many it is as this project promises."""
    rows = [
        "| | as promised here | lost | stuck | twice | renamed | requests that failed | slowest request |",
        f"|{'---|' * 8}",
    ]
    for who, about in card["contenders"].items():
        all_of_it = [line for line in card["lines"] if line["who"] == who]
        mine = [line for line in all_of_it if not line["problem"]]
        sums = {name: sum(line[name] for line in mine) for name in _SUMMED}
        slowest = max((line["slowest_request_seconds"] for line in mine), default=0)
        held = sum(line["is_held"] for line in mine)
        cells = [about["title"], f"{held} of {len(all_of_it)}", *(sums[name] for name in _SUMMED), f"{slowest:.2f} s"]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return rows


def _section(key: str, title: str, fault: str, card: dict[str, Any]) -> list[str]:
    columns = ("", *_COLUMNS)
    lines = [line for line in card["lines"] if line["id"] == key]
    return [
        f"## {key}: {title}",
        "",
        fault,
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(_row(card["contenders"][line["who"]]["title"], line) for line in lines),
        "",
        *(f"- {card['contenders'][line['who']]['title']}: {line['seen']}." for line in lines if line.get("seen")),
        *([""] if any(line.get("seen") for line in lines) else []),
        f'`make faults ARGS="--peers --only {key}"`',
        "",
    ]


def _row(title: str, line: dict[str, Any]) -> str:
    if line["problem"]:
        return f"| {title} | not measured: {line['problem']} |{' |' * (len(_COLUMNS) - 1)}"
    settled = "never" if line["settled_seconds"] is None else f"{line['settled_seconds']:.1f} s"
    renamed = f", {line['renamed']} renamed" * bool(line["renamed"])
    has_requests = bool(line["requests"])
    cells = [
        title,
        line["promised"],
        _loud(line["lost"]),
        f"{line['twice']} ({line['on_the_wire']}){renamed}",
        _loud(line["stuck"]),
        line["failed"],
        f"{_loud(line['requests_failed'])} of {line['requests']}" if has_requests else "-",
        f"{line['slowest_request_seconds']:.2f} s" if has_requests else "-",
        settled,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _configured(card: dict[str, Any]) -> list[str]:
    how = [f"- **{about['title']}**: {about['configured']}" for about in card["contenders"].values()]
    return ["## How each is configured", "", "As its own documentation says.", "", *how, ""]


def _loud(number: int) -> str:
    return f"**{number}**" if number else "0"


_SUMMED = ("lost", "stuck", "twice", "renamed", "requests_failed")
