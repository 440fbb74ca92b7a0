"""``manage.py schedules next``."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.services import job_pause
from styleguide_example.tasks.services import schedule_disable
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timing import Cron, Every, Once

pytestmark = [pytest.mark.once, pytest.mark.django_db]

#: The evening before the clocks change in Berlin.
EVENING = datetime(2026, 10, 24, 20, tzinfo=UTC)


def _run(*words: str) -> str:
    output = StringIO()
    with time_machine.travel(EVENING, tick=False):
        call_command("schedules", "next", *words, stdout=output, no_color=True)
    return output.getvalue()


def _read(*words: str) -> Any:
    return json.loads(_run(*words, "--format", "json"))


class TestText:
    def test_shows_what_is_due_on_its_own_clock_the_first_first(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        schedule_make("Report", Cron("30 2 * * *", "Europe/Berlin"))
        schedule_make("Sweep", Every(timedelta(seconds=10)))
        with django_assert_max_num_queries(2):
            said = _run()
        assert said.splitlines() == [
            "Sweep",
            "  Every 10 seconds",
            "    Sat 24 Oct 2026, 20:00:10 UTC, in 10 s",
            "Report",
            "  At 02:30 every day (Europe/Berlin)",
            "    Sun 25 Oct 2026, 02:30 CEST, in 4 h 30 min",
        ]

    def test_says_what_will_not_run_and_why(self, settings: Settings) -> None:
        settings.CELERY_TASK_DEFAULT_QUEUE = "celery"
        off = schedule_make("Off", Cron("0 * * * *"))
        schedule_disable(periodic_task=off, reason="Holidays", until=EVENING + timedelta(days=1))
        schedule_make("Gone", Cron("0 * * * *"), task="gone.task")
        schedule_make("Held", Cron("0 * * * *"))
        job_pause(scope=Scope.QUEUE, name="celery")
        lines = _run().splitlines()
        assert "  - disabled until Sun 25 Oct 2026, 20:00 UTC: Holidays" in lines
        assert "  - No task is called gone.task." in lines
        assert lines[lines.index("Held") + 2] == "  - its queue celery is paused"

    def test_counts_those_that_are_too_many_to_show(self) -> None:
        schedule_make("Sweep", Every(timedelta(seconds=10)))
        schedule_make("Busy", Every(timedelta(seconds=1)))
        lines = _run("--hours", "24").splitlines()
        assert "    and 8,635 more" in lines
        assert "    and 9,995 more at least" in lines

    def test_says_where_there_is_nothing(self) -> None:
        assert "setup_periodic_tasks" in _run()
        schedule_make("Report", Cron("30 2 * * *"))
        with pytest.raises(CommandError, match="No schedule has 'x'"):
            _run("--name", "x")


class TestJson:
    def test_holds_moments_in_utc_over_the_clock_change(self) -> None:
        schedule_make("Report", Cron("30 2 * * *", "Europe/Berlin"))
        (report,) = _read("--count", "2", "--name", "report")
        assert report["due"] == ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]
        assert (report["time_zone"], report["enabled"], report["note"]) == ("Europe/Berlin", True, "")

    def test_holds_no_due_time_of_what_is_over_or_off(self) -> None:
        schedule_make("Once", Once(EVENING - timedelta(hours=1)))
        schedule_make("Off", Cron("0 * * * *"), enabled=False)
        assert [item["due"] for item in _read("--hours", "1")] == [[], []]


class TestArguments:
    @pytest.mark.parametrize("words", [["--count", "0"], ["--hours", "x"], ["--count", "1", "--hours", "1"]])
    def test_that_do_not_fit_are_refused(self, words: list[str]) -> None:
        with pytest.raises(CommandError):
            _run(*words)
