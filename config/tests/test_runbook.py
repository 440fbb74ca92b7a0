import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
LOGGED = re.compile(r'logger\.(?:warning|error|exception|critical)\(\s*"(\w+)"')


def _sources() -> Iterator[Path]:
    for path in (ROOT / "styleguide_example").rglob("*.py"):
        if "tests" not in path.parts and "embedded" not in path.parts:  # the latter is not there in production
            yield path


def _events() -> set[str]:
    return {event for path in _sources() for event in LOGGED.findall(path.read_text())}


class TestRunbook:
    def test_explains_each_line_that_is_logged_as_a_warning_or_an_error(self) -> None:
        events = _events()
        assert len(events) > 30
        assert sorted(event for event in events if f"| `{event}` |" not in RUNBOOK) == []

    def test_explains_nothing_that_is_not_logged(self) -> None:
        table = RUNBOOK[RUNBOOK.index("## What the log says") :]
        assert sorted(set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) - _events()) == []

    @pytest.mark.parametrize("word", ["`web`", "`worker`", "`beat`", "the broker", "the database"])
    def test_says_what_it_costs_to_kill_it(self, word: str) -> None:
        safe = RUNBOOK[RUNBOOK.index("## Safe to kill") : RUNBOOK.index("## Something has stopped")]
        assert re.search(rf"^\| {re.escape(word)} \|", safe, re.MULTILINE)
