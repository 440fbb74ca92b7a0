"""Checks in their order: what is ill is found out, and stops no other."""

import threading

import pytest

from config.env import BASE_DIR
from styleguide_example.operations.doctor import checkup as doctor
from styleguide_example.operations.doctor.checkup import CHECKS, Check, checks_chosen, checkup
from styleguide_example.operations.doctor.findings import Finding, Severity, counted, error, lasted, ok, warning

pytestmark = pytest.mark.once


def _well(seconds: float) -> list[Finding]:
    return [ok("Well.")]


def _ill(seconds: float) -> list[Finding]:
    return [error("Ill.", advice="Rest.")]


def _said(*checks: Check) -> dict[str, tuple[Severity, str]]:
    return {check.name: (found[0].severity, found[0].title) for check, found in checkup(checks, seconds=30)}


class TestCheckup:
    def test_does_not_ask_what_needs_something_that_is_ill(self) -> None:
        said = _said(
            Check("a", "Letter A", _ill),
            Check("b", "Letter B", _well, needs=("a",)),
            Check("c", "Letter C", _well, needs=("b",)),
            Check("d", "Letter D", _well),
        )
        assert said["b"] == said["c"] == (Severity.SKIPPED, "Not asked: see letter a.")
        assert said["d"] == (Severity.OK, "Well.")

    def test_asks_in_spite_of_a_warning_and_of_what_was_left_out(self) -> None:
        def warned(seconds: float) -> list[Finding]:
            return [warning("Hm.", advice="Look.")]

        said = _said(Check("a", "A", warned), Check("b", "B", _well, needs=("a", "not-asked")))
        assert said["b"][0] is Severity.OK

    def test_goes_on_after_an_error_that_nobody_foresaw_and_shows_no_secret(self) -> None:
        def broken(seconds: float) -> list[Finding]:
            raise RuntimeError("redis://:secret@host is odd\nand more")

        severity, title = _said(Check("a", "A", broken))["a"]
        assert severity is Severity.ERROR
        assert "RuntimeError" in title
        assert "secret@" not in title
        assert "and more" not in title

    def test_leaves_alone_what_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "GRACE_SECONDS", 0)
        over = threading.Event()

        def hanging(seconds: float) -> list[Finding]:
            over.wait(30)
            return []

        findings = checkup([Check("a", "A", hanging), Check("b", "B", _well)], seconds=0.05)
        _, (hung,) = next(findings)
        monkeypatch.setattr(doctor, "GRACE_SECONDS", 30)  # on a busy machine also who is well needs a moment
        _, (well,) = next(findings)
        over.set()
        assert (hung.severity, hung.title) == (Severity.ERROR, "There was no answer within 0.05 seconds.")
        assert well.severity is Severity.OK


class TestChecks:
    def test_have_each_a_name_of_its_own_and_need_only_earlier_ones(self) -> None:
        names = [check.name for check in CHECKS]
        assert len(names) == len(set(names))
        for place, check in enumerate(CHECKS):
            assert set(check.needs) <= set(names[:place]), check.name

    def test_are_all_explained(self) -> None:
        page = (BASE_DIR / "docs/operations.md").read_text()
        assert [check.name for check in CHECKS if f"| `{check.name}` |" not in page] == []

    def test_can_be_chosen(self) -> None:
        assert [check.name for check in checks_chosen(only=["broker", "clock"])] == ["clock", "broker"]
        assert "workers" not in {check.name for check in checks_chosen(skip=["workers"])}
        assert checks_chosen(only=["broker"], skip=["broker"]) == []


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0.0004, "under 1 ms"),
            (0.035, "35 ms"),
            (2.44, "2.4 s"),
            (600, "10 min"),
            (7300, "2 h"),
            (200_000, "2 days"),
        ],
    )
    def test_of_a_duration(self, seconds: float, words: str) -> None:
        assert lasted(seconds) == words

    def test_of_a_count(self) -> None:
        assert counted(1, "job") == "1 job"
        assert counted(1200, "job") == "1,200 jobs"
        assert counted(1000, "job", at_most=1000) == "1,000 jobs or more"
