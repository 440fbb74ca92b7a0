"""``manage.py doctor`` at a terminal and for machines."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from styleguide_example.operations.doctor import checkup
from styleguide_example.operations.doctor.checkup import Check
from styleguide_example.operations.doctor.findings import error, ok, skipped, warning

pytestmark = pytest.mark.once

LONG = "It is ill in more than one way, so that what there is to be said of it does not stand in one line."
HEAVEN = Check("heaven", "Heaven", lambda seconds: [ok("Up.")])
HELL = Check("hell", "Hell", lambda seconds: [error(LONG, meaning="It burns.", advice="manage.py water"), skipped("?")])
EARTH = Check("earth", "Earth", lambda seconds: [warning("It is getting warm.", advice="Walk.")])


def _run(monkeypatch: pytest.MonkeyPatch, *words: str, checks: tuple[Check, ...]) -> tuple[int, str]:
    monkeypatch.setattr(checkup, "CHECKS", checks)
    output = StringIO()
    try:
        call_command("doctor", *words, stdout=output, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), output.getvalue()
    return 0, output.getvalue()


class TestText:
    def test_says_by_symbol_and_word_how_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert _run(monkeypatch, checks=(HEAVEN,)) == (0, "Heaven\n  ✓ ok      Up.\n\nAll is well.\n")

    def test_says_what_it_means_and_what_to_do_in_eighty_columns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        code, said = _run(monkeypatch, checks=(HELL, EARTH))
        lines = said.splitlines()
        assert code == 1
        assert "  ✕ error   It is ill in more than one way" in said
        assert f"{'':12}It burns." in lines
        assert f"{'':12}Do: manage.py water" in lines
        assert "  - skipped ?" in lines
        assert "  ! warning It is getting warm." in lines
        assert lines[-1] == "1 error, 1 warning. docs/runbook.md tells more."
        assert max(map(len, lines)) <= 80

    def test_exits_by_the_level_that_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert _run(monkeypatch, checks=(EARTH,))[0] == 0
        assert _run(monkeypatch, "--fail-level", "warning", checks=(EARTH,))[0] == 1


class TestJson:
    def test_is_one_document(self, monkeypatch: pytest.MonkeyPatch) -> None:
        code, said = _run(monkeypatch, "--format", "json", checks=(HEAVEN, HELL))
        document: dict[str, Any] = json.loads(said)
        assert code == 1
        assert document["status"] == "error"
        assert document["counts"] == {"ok": 1, "skipped": 1, "warning": 0, "error": 1}
        assert document["checked_at"].endswith("+00:00")
        assert document["findings"][1] == {
            "check": "hell",
            "severity": "error",
            "title": LONG,
            "meaning": "It burns.",
            "advice": "manage.py water",
        }


class TestArguments:
    @pytest.mark.parametrize("words", [["--timeout", "0"], ["--timeout", "soon"], ["--only", "nothing"], ["--skip"]])
    def test_that_do_not_fit_are_refused(self, words: list[str]) -> None:
        with pytest.raises(CommandError):
            call_command("doctor", *words, stdout=StringIO())
