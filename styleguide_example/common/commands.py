"""Commands that answer a person at a terminal."""

import argparse
import logging
import math
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from styleguide_example.core.redaction import redact

#: Whose lines would stand between those of the answer: our own, and those of what logs our tasks.
_OURS = ("styleguide_example", "django_structlog")
_VERBOSE = 2
_WIDTH = 80
_INTERRUPTED = 128 + signal.SIGINT  # what a shell says of one that ended so


class AnsweringCommand(BaseCommand):
    """Says itself what it did: our log lines below an error are left out of its output, and are there with ``-v 2``.

    What is kept of it is kept in rows (the audit), which this does not touch.
    """

    #: Examples and exit codes, shown as they stand below the options.
    epilog = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Show the epilog below the options."""
        if not self.epilog:
            return super().create_parser(prog_name, subcommand, **kwargs)
        kwargs = {"epilog": self.epilog, "formatter_class": argparse.RawDescriptionHelpFormatter, **kwargs}
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = textwrap.fill(self.help, _WIDTH)
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run, and let nothing but errors be logged meanwhile. A database that is away is said in a sentence."""
        with nullcontext() if options.get("verbosity", 1) >= _VERBOSE else _errors_only():
            try:
                return super().execute(*args, **options)
            except (OperationalError, InterfaceError) as error:
                said = redact(" ".join(str(error).split()))
                raise CommandError(f"The database did not do it: {said}. manage.py doctor says more.") from error
            except KeyboardInterrupt:
                raise CommandError("Interrupted.", returncode=_INTERRUPTED) from None


def format_argument(parser: CommandParser) -> None:
    """Declare ``--format``."""
    parser.add_argument(
        "--format", choices=["text", "json"], default="text", help="json: one document on standard output."
    )


def seconds_read(text: str) -> float:
    """Return a number of seconds; as the ``type`` of an argument.

    Raises:
        argparse.ArgumentTypeError: when it is none, or not more than nothing.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, as in 10.")
    return seconds


def waited_for(condition: Callable[[], bool], *, seconds: float, every: float = 0.1) -> bool:
    """Ask ``condition`` until it holds, ``seconds`` at most. Returns whether it does."""
    by = time.monotonic() + seconds
    while not (holds := condition()) and (left := by - time.monotonic()) > 0:
        time.sleep(min(every, left))
    return holds


@contextmanager
def _errors_only() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _OURS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(max(logger.getEffectiveLevel(), logging.ERROR))
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
