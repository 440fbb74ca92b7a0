"""What a command that answers a person writes, and what it does not."""

import argparse
import logging
from io import StringIO
from typing import Any

import pytest
import structlog
from django.core.management import CommandError, call_command
from django.db import OperationalError

from styleguide_example.common.commands import AnsweringCommand, seconds_read, waited_for

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

    def test_says_in_a_sentence_that_the_database_is_away(self) -> None:
        class Reading(AnsweringCommand):
            def handle(self, *args: Any, **options: Any) -> None:
                raise OperationalError("no route to\npostgres://ada:secret@host")

        with pytest.raises(CommandError, match="The database did not do it: no route to") as refused:
            call_command(Reading())
        assert "secret@" not in str(refused.value)

    def test_says_in_a_word_that_somebody_interrupted_it(self) -> None:
        class Waiting(AnsweringCommand):
            def handle(self, *args: Any, **options: Any) -> None:
                raise KeyboardInterrupt

        with pytest.raises(CommandError, match=r"^Interrupted\.$") as interrupted:
            call_command(Waiting())
        assert interrupted.value.returncode == 130

    def test_shows_its_examples_as_they_stand(self) -> None:
        class Explained(AnsweringCommand):
            help = "word " * 30
            epilog = "examples:\n  manage.py explained   with three blanks"

        text = Explained().create_parser("manage.py", "explained").format_help()
        assert "  manage.py explained   with three blanks" in text
        assert max(map(len, text.splitlines())) <= 80


class TestSecondsRead:
    def test_takes_what_can_be_waited_for(self) -> None:
        assert seconds_read("0.5") == 0.5
        for text in ("0", "-1", "nan", "inf", "soon"):
            with pytest.raises(argparse.ArgumentTypeError, match="not a number of seconds"):
                seconds_read(text)


class TestWaitedFor:
    def test_looks_until_it_is_so_or_time_is_over(self) -> None:
        answers = iter([False, False, True])
        assert waited_for(lambda: next(answers), seconds=30, every=0)
        assert not waited_for(lambda: False, seconds=0.01, every=0.001)
