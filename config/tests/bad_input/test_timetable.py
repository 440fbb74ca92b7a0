"""What a developer writes into the timetable, or declares as a kind of job or the options of a call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.tests.bad_input.checking import case, says
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.dispatch import Once as OnceAtATime
from styleguide_example.jobs.dispatch import Options
from styleguide_example.jobs.enums import AtOnce
from styleguide_example.jobs.kinds import JobKind
from styleguide_example.jobs.tests.api_kinds import ExportParameters
from styleguide_example.jobs.tests.factories import count
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import MissedRuns
from styleguide_example.tasks.plans import Order, steps_plan
from styleguide_example.tasks.tests.factories import anything, entry_make
from styleguide_example.tasks.timing import Cron, Every, Once

pytestmark = pytest.mark.once

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  that is what is wrong
YEARS = 11 * 366 * 24 * 3600
PARTS = "Lists (1,15), ranges (9-17), steps (*/10) and * may stand there too."


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        case(
            "a task that no schedule may name",
            {"task": count, "kwargs": {"job_id": "1"}},
            ["tests.count", "schedulable=True"],
        ),
        case(
            "an argument that the task has not", {"kwargs": {"days": 3}}, ["email_sweep cannot be called so", "'days'"]
        ),
        case(
            "an argument that is no JSON",
            {"task": anything, "kwargs": {"a": {1}}},
            ["cannot be written as JSON", "set"],
        ),
        case(
            "a moment for an argument",
            {"task": anything, "kwargs": {"a": datetime(2026, 1, 1, tzinfo=UTC)}},
            ["cannot be written as JSON", "datetime"],
        ),
        case("a queue that nobody reads", {"queue": "nowhere"}, ["'nowhere'", "There are", "CELERY_TASK_QUEUES"]),
        case("a priority that there is not", {"priority": 11}, ["from 0 (first) to 9 (last), not 11"]),
        case(
            "the engine room's priority",
            {"task": anything, "priority": Priority.RESERVED},
            ["reserved for the engine room", "1 is the first"],
        ),
        case("an expiry of no time", {"expires_seconds": 0}, ["expires_seconds is at least 1"]),
        case("an expiry below zero", {"expires_seconds": -5}, ["expires_seconds is at least 1"]),
        case("a jitter below zero", {"jitter_seconds": -1}, ["jitter_seconds is not negative"]),
        case(
            "a jitter of eleven years",
            {"jitter_seconds": YEARS},
            ["jitter_seconds is more than ten years, which is a typing mistake"],
        ),
        case(
            "a grace of eleven years",
            {"grace_seconds": YEARS},
            ["grace_seconds is more than ten years, which is a typing mistake"],
        ),
        case(
            "a grace for what is skipped",
            {"missed_runs": MissedRuns.SKIP, "grace_seconds": 5},
            ["grace_seconds says how late", "here it is not"],
        ),
    ],
)
def test_entry_is_refused(changes: dict[str, Any], fragments: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^'Sweep': ") as raised:
        entry_make("Sweep", **changes)
    says(str(raised.value), *fragments)


@pytest.mark.parametrize(
    "name",
    [case("no name", ""), case("blanks around a name", " Sweep "), case("a name of 201 characters", "x" * 201)],
)
def test_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a name has 1 to 200 characters, and no blanks around it"):
        entry_make(name)


@pytest.mark.parametrize(
    ("make", "fragments"),
    [
        case(
            "a word for a crontab line",
            lambda: Cron("@daily"),
            ["five parts (minute, hour, day of month", "'@daily' has 1"],
        ),
        case("six parts", lambda: Cron("0 0 * * * 2026"), ["five parts", "has 6"]),
        case("minute 60", lambda: Cron("60 * * * *"), ["'60' is not a minute (0-59).", PARTS]),
        case("hour 24", lambda: Cron("0 24 * * *"), ["'24' is not an hour (0-23).", PARTS]),
        case("day 0", lambda: Cron("0 0 0 * *"), ["'0' is not a day of the month (1-31).", PARTS]),
        case("month 13", lambda: Cron("0 0 1 13 *"), ["'13' is not a month (1-12, jan-dec).", PARTS]),
        case("weekday 7", lambda: Cron("0 0 * * 7"), ["'7' is not a day of the week (0-6 from Sunday", PARTS]),
        case("a range that runs backwards", lambda: Cron("0 17-9/x * * *"), ["is not an hour (0-23).", PARTS]),
        case("a step of nothing", lambda: Cron("*/0 * * * *"), ["'*/0' is not a minute (0-59).", PARTS]),
        case("30 February", lambda: Cron("0 0 30 2 *"), ["'0 0 30 2 *' is not a crontab line", "never"]),
        case(
            "a time zone that is nowhere",
            lambda: Cron("0 0 * * *", "Mars/Olympus"),
            ["'Mars/Olympus' is not a time zone; write one like Europe/Paris."],
        ),
        case(
            "a path for a time zone",
            lambda: Cron("0 0 * * *", "../etc/passwd"),
            ["is not a time zone; write one like Europe/Paris."],
        ),
        case(
            "an interval of nothing",
            lambda: Every(timedelta(0)),
            ["whole seconds, from one second to a hundred years, not 0:00:00"],
        ),
        case("an interval of half a second", lambda: Every(timedelta(seconds=0.5)), ["whole seconds, from one second"]),
        case("an interval that runs backwards", lambda: Every(timedelta(days=-1)), ["whole seconds, from one second"]),
        case("an interval of two hundred years", lambda: Every(timedelta(days=73_050)), ["to a hundred years"]),
        case(
            "a moment without a time zone",
            lambda: Once(NAIVE),
            ["has no time zone; write datetime(..., tzinfo=ZoneInfo('Europe/Paris'))."],
        ),
        case(
            "two entries of one name",
            lambda: _plan(entry_make("A"), entry_make("A")),
            ["Two entries", "the same name: A.", "give one of them another"],
        ),
        case(
            "a former name that is in use",
            lambda: _plan(entry_make("A"), entry_make("B", formerly=("A",))),
            ["what another is called now: A.", "take it out of `formerly`"],
        ),
    ],
)
def test_timing_is_refused(make: Any, fragments: list[str]) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011  what it says is looked at below
        make()
    says(str(raised.value), *fragments)


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        case(
            "a name in capitals", {"name": "Export"}, ["'Export' cannot be part of an address: write words of a to z"]
        ),
        case("a name with an underscore", {"name": "ex_port"}, ["cannot be part of an address", "joined by '-'"]),
        case("no name", {"name": ""}, ["cannot be part of an address: write words"]),
        case(
            "one per key without a key",
            {"at_once": AtOnce.ONE_PER_KEY},
            ["'key' names parameters exactly where at_once is ONE_PER_KEY"],
        ),
        case(
            "a key without one per key",
            {"key": ("table",)},
            ["'key' names parameters exactly where at_once is ONE_PER_KEY"],
        ),
        case(
            "a key that is no parameter",
            {"at_once": AtOnce.ONE_PER_KEY, "key": ("color",)},
            ["the key names color, which is no parameter"],
        ),
        case(
            "the engine room's priority",
            {"priority": Priority.RESERVED},
            ["priority 0 is reserved for the engine room"],
        ),
        case("no attempt", {"attempts_max": 0}, ["attempts and seconds are at least 1"]),
        case("no time", {"timeout_seconds": 0}, ["attempts and seconds are at least 1"]),
    ],
)
def test_kind_is_refused(changes: dict[str, Any], fragments: list[str]) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  what it says is looked at below
        JobKind(**{"name": "export", "title": "Export", "task": count, "parameters": ExportParameters, **changes})
    says(str(raised.value), repr(changes.get("name", "export")), *fragments)


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        case(
            "a priority that there is not",
            {"priority": 42},
            ["A priority is a number from 0 (first) to 9 (last), not 42"],
        ),
        case("the engine room's priority", {"priority": 0}, ["the first that others may ask for is HIGHEST"]),
        case("a queue that nobody reads", {"queue": "nowhere"}, ["No worker takes from 'nowhere'. There are"]),
        case("a delay below zero", {"delay_seconds": -1}, ["delay_seconds", "it must be between 0 and a year"]),
        case(
            "a delay of two years",
            {"delay_seconds": 2 * 366 * 86_400},
            ["delay_seconds", "it must be between 0 and a year"],
        ),
        case("a jitter below zero", {"jitter_seconds": -1}, ["jitter_seconds", "it must be between 0 and a year"]),
        case(
            "a debounce below zero", {"debounce_seconds": -1}, ["debounce_seconds", "it must be between 0 and a year"]
        ),
        case("a timeout of nothing", {"timeout_seconds": 0}, ["timeout_seconds", "it must be between 1 and a year"]),
        case(
            "once for no time",
            {"once": OnceAtATime(timeout_seconds=0)},
            ["once.timeout_seconds", "it must be between 1 and a year"],
        ),
        case(
            "a debounce and a delay",
            {"debounce_seconds": 5, "delay_seconds": 5},
            ["debounce_seconds is the delay: leave delay_seconds away"],
        ),
    ],
)
def test_option_is_refused(changes: dict[str, Any], fragments: list[str]) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  what it says is looked at below
        Options(**changes)
    says(str(raised.value), *fragments)


def test_a_good_one_is_taken() -> None:
    """The lines above change one thing each of what is right."""
    assert entry_make("Sweep").name == "Sweep"
    assert JobKind(name="export", title="Export", task=count, parameters=ExportParameters).name == "export"


def _plan(*entries: Entry) -> None:
    """As a deploy begins, on an empty database."""
    steps_plan(Order(entries=entries), rows=[])
