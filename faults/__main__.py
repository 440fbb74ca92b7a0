"""``python -m faults``: breaks one thing at a time under a running product, and counts what is lost or doubled."""

import argparse
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from faults import memory, memory_report, randomised, scorecard
from faults.errors import FaultsError, MissingError
from faults.peers.command import peers_measured
from faults.profiles import ALL, RABBITMQ
from faults.running import Line, Runner
from faults.scenario import Scenario, scenarios_found

HELD, NOT_HELD, WRONG_USAGE, STOPPED = 0, 1, 2, 130

_ABOUT = """
Starts the whole product (web server, two workers, two beats) on servers of its own in a temporary directory, puts load
on it, breaks one thing, lets it recover, and counts at the edges. Nothing on this machine is touched, nothing is left.

The profiles need: postgresql-rabbitmq a RabbitMQ server (apt-get install rabbitmq-server); the others nothing that
`make setup` has not installed. All times of the product are about a fifteenth of those of a deployment.

The exit status is 0 when every figure is within what was expected, 1 when one is not or something is missing.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status."""
    options = options_read(arguments)
    try:
        scenarios = chosen(options)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_USAGE
    if options.list:
        for each in scenarios:
            _say(f"{each.key:<5} {'quick' if each.is_decisive else '':<6} {each.title} ({', '.join(each.profiles)})")
        return HELD
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return run(options, scenarios)
    except (MissingError, FaultsError) as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HELD
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; all that was started has ended.\n")
        return STOPPED


def options_read(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, which is left with status 2 when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="make faults ARGS=…",
        description=__doc__.partition(": ")[2],
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="say which scenarios there are")
    parser.add_argument("--quick", action="store_true", help=f"the decisive ones, on {RABBITMQ} alone")
    parser.add_argument("--only", metavar="E1,S2", default="", help="these scenarios")
    parser.add_argument("--profile", action="append", choices=ALL, help="on this one; may be given more than once")
    parser.add_argument(
        "--random", metavar="SECONDS", type=float, help="break by chance for so long, and leave the plan and the logs"
    )
    parser.add_argument("--seed", type=int, help="the same faults at the same times as in the run of that seed")
    parser.add_argument(
        "--memory", metavar="MINUTES", type=float, help="break nothing for so long, and draw the memory of each process"
    )
    parser.add_argument(
        "--peers", action="store_true", help="the decisive faults under this project and two others, side by side"
    )
    parser.add_argument("--keep", action="store_true", help="leave the logs, and say where they are")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there instead of to docs/")
    parser.add_argument(
        "--update", action="store_true", help="write a part's figures to docs/ too, and leave the other lines there"
    )
    options = parser.parse_args(arguments)
    if options.seed is not None and not options.random:
        parser.error("--seed belongs to --random SECONDS")
    return options


def chosen(options: argparse.Namespace) -> list[Scenario]:
    """Return the scenarios that are asked for, in that order.

    Raises:
        ValueError: when one is not known.
    """
    if options.peers:
        return []  # what is run of them is not among the scenarios
    if options.random:
        seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
        return [randomised.scenario(seed=seed, seconds=options.random)]
    known = {each.key: each for each in scenarios_found()}
    keys = _keys(options)
    if unknown := [key for key in keys if key not in known]:
        raise ValueError(f"There is no scenario {', '.join(unknown)}. There are: {', '.join(known)}.")
    if keys:
        return [known[key] for key in keys]
    return [each for each in known.values() if each.is_decisive or not options.quick]


def profiles(options: argparse.Namespace) -> list[str]:
    """Return the profiles that are asked for."""
    if options.profile:
        return list(dict.fromkeys(options.profile))
    return [RABBITMQ] if options.quick or options.random or options.memory else list(ALL)


def run(options: argparse.Namespace, scenarios: Sequence[Scenario]) -> int:
    """Do what is asked for, and return the exit status."""
    if options.memory:
        return watched(options)
    if options.peers:
        return compared(options)
    keep = options.keep or bool(options.random)
    return report(options, Runner(scenarios, profiles(options), _say, keep=keep).run())


def watched(options: argparse.Namespace) -> int:
    """Watch the memory of all processes, and return the exit status."""
    (profile, *_) = profiles(options)
    picture = options.json.with_suffix(".svg") if options.json else memory_report.PICTURE
    is_held = memory.memory_watched(options.memory, profile, _say, picture=picture, keep=options.keep)
    return HELD if is_held else NOT_HELD


def compared(options: argparse.Namespace) -> int:
    """Make the decisive faults under the peers too, and return the exit status."""
    try:
        is_held = peers_measured(_keys(options), _say, json=options.json, keep=options.keep)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_USAGE
    return HELD if is_held else NOT_HELD


def report(options: argparse.Namespace, lines: Sequence[Line]) -> int:
    """Print the table, write what is to be written, and return the exit status."""
    _say("")
    for row in scorecard.table(lines):
        _say(row)
    held = sum(line.outcome.is_held for line in lines)
    _say(f"\n{held} of {len(lines)} held.")
    is_whole = not (options.quick or options.only or options.profile or options.random)
    if options.json:
        scorecard.write(scorecard.as_json(lines), data=options.json)
    elif is_whole or options.update:
        card = scorecard.as_json(lines) if is_whole else scorecard.updated(scorecard.read(scorecard.DATA), lines)
        scorecard.write(card, data=scorecard.DATA, text=scorecard.PAGE)
        _say(f"Written: {scorecard.PAGE}, {scorecard.DATA}")
    return HELD if lines and held == len(lines) else NOT_HELD


def _keys(options: argparse.Namespace) -> list[str]:
    return [key.strip() for key in options.only.split(",") if key.strip()]


def _stop(number: int, _: object) -> None:
    """Clean up, and do not be disturbed at it."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
