"""What a run says of itself, to people and to programs."""

import pytest

from faults.edges import Count
from faults.profiles import EMBEDDED, RABBITMQ
from faults.scenario import Outcome
from faults.scorecard import as_json, page, table
from faults.tests.outcomes import line, line_held, line_lost


class TestOutcome:
    def test_holds_when_every_figure_is_as_expected(self) -> None:
        outcome = Outcome(Count(asked=5, duplicates=2), duplicates_at_most=2, recovered_seconds=3, recovered_at_most=3)
        assert outcome.is_held
        assert outcome.failures() == []

    @pytest.mark.parametrize(
        ("outcome", "failure"),
        [
            (Outcome(Count(asked=5, lost=1)), "1 lost"),
            (Outcome(Count(asked=5, stuck=2)), "2 stuck"),
            (Outcome(Count(asked=5, duplicates=3), duplicates_at_most=2), "3 duplicates, at most 2 expected"),
            (Outcome(Count(asked=5), recovered_seconds=9, recovered_at_most=5), "recovered after 9.0 s, 5 s expected"),
            (Outcome(Count(asked=5), recovered_at_most=5), "no recovery was measured"),
            (Outcome(Count(asked=0)), "nothing was asked for"),
            (Outcome(Count(asked=5, problems=["E-mail 7 came as HTML"])), "E-mail 7 came as HTML"),
            (Outcome(Count(asked=5), problems=("a sign-up failed",)), "a sign-up failed"),
        ],
    )
    def test_says_what_is_not(self, outcome: Outcome, failure: str) -> None:
        assert outcome.failures() == [failure]
        assert not outcome.is_held


class TestTable:
    def test_has_a_line_for_each_with_what_was_expected(self) -> None:
        _header, _rule, held, lost = table([line_held(), line_lost(3)])
        assert held.split() == ["T1", "embedded", "10", "0", "0", "0", "(≤", "0)", "1.2", "s", "(≤", "5)", "yes"]
        assert lost.endswith("NO: 3 lost")


class TestJson:
    def test_holds_what_was_expected_beside_what_was_measured(self) -> None:
        (found,) = as_json([line_held()])["lines"]
        assert found["expected"] == {"lost": 0, "stuck": 0, "duplicates_at_most": 0, "recovered_at_most_seconds": 5}
        assert found["measured"] == {"asked": 10, "lost": 0, "stuck": 0, "duplicates": 0, "recovered_seconds": 1.2}
        assert (found["id"], found["is_held"], found["fault"]) == ("T1", True, "Somebody trips over the cable.")

    def test_names_the_command_that_repeats_it(self) -> None:
        (found,) = as_json([line_held(profile=RABBITMQ)])["lines"]
        assert found["command"] == 'make faults ARGS="--only T1 --profile postgresql-rabbitmq"'

    def test_names_the_size_of_the_load_that_was_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FAULTS_ROWS", "100000")
        (found,) = as_json([line_held()])["lines"]
        assert found["command"] == 'FAULTS_ROWS=100000 make faults ARGS="--only T1 --profile embedded"'


class TestPage:
    def test_has_one_section_for_a_scenario_on_two_profiles(self) -> None:
        text = page(as_json([line_held(profile=RABBITMQ), line_held(profile=EMBEDDED)]))
        assert text.count("## T1: The cable") == 1
        assert "| postgresql-rabbitmq | 10 | 0 | 0 | 0 (at most 0) | 1.2 s (≤ 5) | yes |" in text
        assert "2 of 2 lines held" in text

    def test_begins_with_a_row_for_each_scenario_over_all_profiles(self) -> None:
        text = page(as_json([line_held(profile=RABBITMQ), line_lost(2)]))
        assert "| [T1](#t1-the-cable) | The cable | 20 | 2 | 0 | 0 | 1 of 2 |" in text

    def test_says_why_a_line_did_not_hold(self) -> None:
        assert "**no**: 2 lost" in page(as_json([line_lost(2)]))

    def test_tells_what_a_person_saw(self) -> None:
        assert "Seen: A cable." in page(as_json([line(Outcome(Count(asked=1), seen="A cable."))]))
