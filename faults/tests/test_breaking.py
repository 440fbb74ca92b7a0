"""Who begins and ends the faults of a plan, with faults that only note that they were made."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from faults.breaking import Breaker, LeftOutError, Undo, follow
from faults.errors import FaultsError
from faults.plans import BROKER, MAIL, Fault
from faults.scenario import Run

MOMENT = Fault(1, at=0.0, kind="kill", target="worker1", chance=0.5)
LASTING = Fault(2, at=0.02, kind="stop", target=BROKER, seconds=0.1)
IMPOSSIBLE = Fault(3, at=0.04, kind="slow down", target=MAIL, seconds=0.1)
BROKEN = Fault(4, at=0.06, kind="take down", target=MAIL, seconds=0.1)


class Clock:
    """Stands in for the module ``time``: it goes on only when somebody sleeps, and then exactly as long."""

    def __init__(self) -> None:
        self._now = 0.0

    def time(self) -> float:
        return self._now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class Course:
    """What was said and done, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.said: list[str] = []
        nobody = cast("Any", None)
        self.run = Run("embedded", stack=nobody, ledger=nobody, load=nobody, say=self.said.append)
        self.breaker = Breaker(self.run, self._makers(), cable=None)

    def _makers(self) -> dict[tuple[str, str], Callable[[Breaker, Fault], Undo | None]]:
        return {
            ("component", "kill"): self._moment,
            (BROKER, "stop"): self._lasting,
            (MAIL, "slow down"): self._impossible,
            (MAIL, "take down"): self._broken,
        }

    def _moment(self, breaker: Breaker, fault: Fault) -> None:
        breaker.may_double(3)
        self.done.append(f"{fault.target} killed")

    def _lasting(self, breaker: Breaker, _: Fault) -> Undo:
        breaker.may_double(2)
        self.done.append("stopped")

        def undo() -> None:
            breaker.may_double(5)
            self.done.append("going on")

        return undo

    def _impossible(self, _: Breaker, __: Fault) -> None:
        raise LeftOutError("nobody has it.")

    def _broken(self, _: Breaker, __: Fault) -> None:
        raise FaultsError("It cannot be.")


@pytest.fixture
def course() -> Course:
    return Course()


class TestBreaker:
    def test_sums_what_was_on_the_wire_when_faults_began_and_ended(self, course: Course) -> None:
        course.breaker.begin(MOMENT)
        course.breaker.begin(LASTING)
        course.breaker.end(LASTING)
        assert [each.on_the_wire for each in course.breaker.happened] == [3, 7]
        assert course.breaker.on_the_wire == 10

    def test_ends_once_what_goes_on(self, course: Course) -> None:
        course.breaker.begin(MOMENT)
        course.breaker.begin(LASTING)
        course.breaker.end_all()
        course.breaker.end(LASTING)
        assert course.done == ["worker1 killed", "stopped", "going on"]
        assert all(each.began_at <= each.ended_at < float("inf") for each in course.breaker.happened)

    def test_says_what_was_left_out_and_why(self, course: Course) -> None:
        course.breaker.begin(IMPOSSIBLE)
        assert course.breaker.happened == []
        assert course.said == ["  3     0.0 s  slow down mail for 0.1 s: left out, nobody has it."]


class TestFollow:
    def test_begins_and_ends_each_at_its_time(self, course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock()
        monkeypatch.setattr("faults.breaking.time", clock)
        follow(course.breaker, [MOMENT, LASTING], seconds=0.2)
        assert course.done == ["worker1 killed", "stopped", "going on"]
        (_, lasting) = course.breaker.happened
        assert (lasting.began_at, lasting.ended_at) == pytest.approx((LASTING.at, LASTING.ends_at))
        assert clock.time() == pytest.approx(0.2)

    def test_goes_on_after_one_that_could_not_be_made_and_notes_it(self, course: Course) -> None:
        follow(course.breaker, [BROKEN, MOMENT], seconds=0.1)
        assert course.done == ["worker1 killed"]
        assert course.run.problems == ["fault 4 could not be made or ended: It cannot be."]
