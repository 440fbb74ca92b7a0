"""What a command that answers a person writes, and what it does not."""

import logging
from io import StringIO
from typing import Any

import pytest
import structlog
from django.core.management import CommandError, call_command

from styleguide_example.common.commands import AnsweringCommand

logger = structlog.get_logger("styleguide_example.common.tests.said")


class _Command(AnsweringCommand):
    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--fail", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        logger.info("an_info")
        logger.warning("a_warning")
        logging.getLogger("django_structlog.celery.receivers").info("task_enqueued")
        logger.error("an_error")
        self.stdout.write("Done.")
        if options["fail"]:
            raise CommandError("No.")


def _run(caplog: pytest.LogCaptureFixture, **options: Any) -> list[str]:
    """The levels of what was logged meanwhile."""
    caplog.clear()
    answer = StringIO()
    call_command(_Command(), stdout=answer, **options)
    assert answer.getvalue() == "Done.\n"
    return [record.levelname for record in caplog.records]


class TestAnsweringCommand:
    def test_lets_only_errors_be_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        assert _run(caplog) == ["ERROR"]

    def test_lets_all_be_logged_for_who_asks_for_more(self, caplog: pytest.LogCaptureFixture) -> None:
        assert _run(caplog, verbosity=2) == ["INFO", "WARNING", "INFO", "ERROR"]

    def test_leaves_the_loggers_as_they_were(self, caplog: pytest.LogCaptureFixture) -> None:
        _run(caplog)
        with pytest.raises(CommandError):
            call_command(_Command(), stdout=StringIO(), fail=True)
        caplog.clear()
        logger.info("afterwards")
        assert len(caplog.records) == 1
