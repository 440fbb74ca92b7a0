"""Commands that answer a person at a terminal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand

#: Whose lines would stand between those of the answer: our own, and those of what logs our tasks.
_OURS = ("styleguide_example", "django_structlog")
_VERBOSE = 2


class AnsweringCommand(BaseCommand):
    """Says itself what it did: our log lines below an error are left out of its output, and are there with ``-v 2``.

    What is kept of it is kept in rows (the audit), which this does not touch.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run, and let nothing but errors be logged meanwhile."""
        if options.get("verbosity", 1) >= _VERBOSE:
            return super().execute(*args, **options)
        with _errors_only():
            return super().execute(*args, **options)


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
