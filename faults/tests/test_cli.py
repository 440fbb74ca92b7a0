"""The command line: what it refuses, what it lists, what it runs, what its exit status says."""

import json
from pathlib import Path

import pytest

from faults import __main__ as cli
from faults import scorecard
from faults.profiles import ALL, RABBITMQ
from faults.scenario import scenarios_found
from faults.tests.outcomes import line_held, line_lost


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the scorecard is written, if it is."""
    monkeypatch.setattr(scorecard, "DATA", tmp_path / "reliability" / "scorecard.json")
    monkeypatch.setattr(scorecard, "PAGE", tmp_path / "reliability" / "scorecard.md")
    return tmp_path / "reliability"


def _keys(*arguments: str) -> list[str]:
    return [each.key for each in cli.chosen(cli.options_read(arguments))]


class TestUsage:
    def test_names_a_scenario_that_there_is_not(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["--only", "E2,Z9"]) == cli.WRONG_USAGE
        said = capsys.readouterr().err
        assert said.startswith("There is no scenario Z9. There are: ")
        assert "E2" in said

    @pytest.mark.parametrize("wrong", [["--profile", "oracle"], ["--nonsense"], ["E2"]])
    def test_refuses_what_it_does_not_know(self, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            cli.main(wrong)
        assert stopped.value.code == cli.WRONG_USAGE
        assert wrong[-1] in capsys.readouterr().err

    def test_lists_each_scenario_with_its_profiles(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["--list", "--only", "S2"]) == cli.HELD
        assert capsys.readouterr().out == f"S2    quick  The leading beat is killed ({', '.join(ALL)})\n"


class TestScenarios:
    def test_are_all_of_them(self) -> None:
        assert {"E2", "E8a", "S2"} <= set(_keys())

    def test_are_the_decisive_ones_when_it_has_to_be_quick(self) -> None:
        assert _keys("--quick") == [each.key for each in scenarios_found() if each.is_decisive]

    def test_are_in_the_order_of_their_numbers(self) -> None:
        keys = _keys()
        assert keys.index("E2") < keys.index("E8a") < keys.index("E10a") < keys.index("S2") < keys.index("J1a")

    def test_are_those_that_are_named_in_that_order(self) -> None:
        assert _keys("--only", "S2, E2") == ["S2", "E2"]


class TestProfiles:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ([], list(ALL)),
            (["--quick"], [RABBITMQ]),
            (["--quick", "--profile", "embedded"], ["embedded"]),
            (["--profile", "embedded", "--profile", RABBITMQ, "--profile", "embedded"], ["embedded", RABBITMQ]),
        ],
    )
    def test_are_those_that_are_asked_for(self, arguments: list[str], expected: list[str]) -> None:
        assert cli.profiles(cli.options_read(arguments)) == expected


class TestReport:
    def test_ends_with_0_when_every_line_held(self) -> None:
        assert cli.report(cli.options_read(["--only", "E2"]), [line_held()]) == cli.HELD

    def test_ends_with_1_when_one_did_not(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.report(cli.options_read(["--only", "E2"]), [line_held(), line_lost(2)]) == cli.NOT_HELD
        assert "1 of 2 held." in capsys.readouterr().out

    def test_ends_with_1_when_nothing_was_run(self) -> None:
        assert cli.report(cli.options_read(["--only", "E2"]), []) == cli.NOT_HELD

    def test_writes_the_scorecard_of_a_whole_run(self, card: Path) -> None:
        cli.report(cli.options_read([]), [line_held()])
        assert [line["id"] for line in json.loads((card / "scorecard.json").read_text())["lines"]] == ["T1"]
        assert "## T1: The cable" in (card / "scorecard.md").read_text()

    @pytest.mark.parametrize("part", [["--quick"], ["--only", "E2"], ["--profile", "embedded"]])
    def test_leaves_the_scorecard_alone_after_a_part(self, part: list[str], card: Path) -> None:
        cli.report(cli.options_read(part), [line_held()])
        assert not card.exists()

    def test_renews_the_lines_of_a_part_when_asked_to(self, card: Path) -> None:
        cli.report(cli.options_read([]), [line_lost(2), line_held(profile=RABBITMQ)])
        cli.report(cli.options_read(["--profile", "embedded", "--update"]), [line_held()])
        found = [
            (line["profile"], line["is_held"]) for line in json.loads((card / "scorecard.json").read_text())["lines"]
        ]
        assert found == [(RABBITMQ, True), ("embedded", True)]

    def test_begins_a_scorecard_with_a_part_when_asked_to(self, card: Path) -> None:
        cli.report(cli.options_read(["--only", "T1", "--update"]), [line_held()])
        assert "1 of 1 lines held" in (card / "scorecard.md").read_text()

    def test_writes_the_figures_where_it_is_told(self, card: Path, tmp_path: Path) -> None:
        cli.report(cli.options_read(["--json", str(tmp_path / "mine.json")]), [line_held()])
        assert len(json.loads((tmp_path / "mine.json").read_text())["lines"]) == 1
        assert not card.exists()
