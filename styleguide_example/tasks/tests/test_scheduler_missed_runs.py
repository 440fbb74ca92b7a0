"""Due times that passed while no beat could fire them."""

from datetime import timedelta
from typing import Any

import pytest

from styleguide_example.common.tests.processes import Queue
from styleguide_example.tasks.enums import MissedRuns, Overlap, RunState
from styleguide_example.tasks.snapshot import COUNTED_MAX, TAKEOVER_SECONDS
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, due_written, lease_run_out, runs_of, schedule_make
from styleguide_example.tasks.timing import Cron, Every, When

pytestmark = [pytest.mark.no_services, pytest.mark.django_db]

MINUTE = timedelta(minutes=1)
MINUTELY = Cron("* * * * *")
HOURLY = Cron("0 * * * *")
WAITING, MISSED = RunState.WAITING, RunState.MISSED


def _after_a_downtime(of: timedelta, when: When, **policies: Any) -> list[tuple[str, str, int]]:
    """What became of each due time when beat saw the schedule at noon, and the next beat came so much later."""
    row = schedule_make("Sweep", when, policies=policies)
    Beat().lead().scheduler.close()
    beat = Beat(NOON + of).lead()
    beat.tick()
    beat.tick()
    return runs_of(row)


class TestTakeover:
    """Within half a minute one beat takes over from another: nothing was missed."""

    def test_fires_each_due_time(self, queue: Queue) -> None:
        runs = _after_a_downtime(25 * SECOND, Every(10 * SECOND))
        assert runs == [("12:00:10", WAITING, 0), ("12:00:20", WAITING, 0)]
        assert len(queue) == 2

    @pytest.mark.parametrize("policy", MissedRuns)
    def test_fires_each_whatever_the_policy(self, queue: Queue, policy: MissedRuns) -> None:
        runs = _after_a_downtime(62 * SECOND, MINUTELY, missed_runs=policy, grace_seconds=None)
        assert runs == [("12:01:00", WAITING, 0)]

    def test_takes_longer_than_a_lease_and_what_stands_by(self) -> None:
        assert TAKEOVER_SECONDS >= 15

    def test_looks_at_the_time_with_jitter(self, queue: Queue) -> None:
        """An hour's jitter does not make a run late."""
        row = schedule_make("Sweep", HOURLY, policies={"jitter_seconds": 3000, "missed_runs": MissedRuns.SKIP})
        beat = Beat().lead()
        beat.run_until(NOON + 2 * 60 * MINUTE)
        assert ("13:00:00", WAITING, 0) in runs_of(row)
        assert {state for _, state, _ in runs_of(row)} == {WAITING}


class TestRunOnce:
    def test_runs_the_last_one_for_all_of_them(self, queue: Queue) -> None:
        runs = _after_a_downtime(timedelta(hours=3, minutes=20), HOURLY, missed_runs=MissedRuns.RUN_ONCE)
        assert runs == [("15:00:00", WAITING, 2)]
        assert len(queue) == 1

    def test_runs_one_for_itself(self, queue: Queue) -> None:
        assert _after_a_downtime(timedelta(minutes=80), HOURLY) == [("13:00:00", WAITING, 0)]

    def test_lets_the_first_that_is_due_anyway_stand_for_them(self, queue: Queue) -> None:
        runs = _after_a_downtime(5 * MINUTE + 10 * SECOND, MINUTELY)
        assert runs == [("12:05:00", WAITING, 4)]

    def test_runs_nothing_when_nothing_was_missed(self, queue: Queue) -> None:
        assert _after_a_downtime(timedelta(minutes=50), HOURLY) == []

    @pytest.mark.parametrize(("grace", "state"), [(1199, MISSED), (1200, WAITING), (7200, WAITING), (0, MISSED)])
    def test_looks_at_how_late_it_is(self, queue: Queue, grace: int, state: RunState) -> None:
        runs = _after_a_downtime(timedelta(hours=3, minutes=20), HOURLY, grace_seconds=grace)
        assert runs == [("15:00:00", state, 2)]

    def test_looks_at_how_late_it_is_with_jitter(self, queue: Queue) -> None:
        """A run that starts up to an hour after its due time is not late before."""
        row = schedule_make("Sweep", HOURLY, policies={"jitter_seconds": 3000, "grace_seconds": 60})
        beat = Beat().lead()
        fires_at = NOON + timedelta(seconds=round(beat.tick()))
        assert fires_at > NOON + 61 * MINUTE
        beat.scheduler.close()
        Beat(fires_at + 45 * SECOND).lead().tick()
        assert runs_of(row) == [("13:00:00", WAITING, 0)]

    def test_does_not_count_for_ever(self, queue: Queue) -> None:
        ((_, state, covers),) = _after_a_downtime(timedelta(days=400, minutes=1), HOURLY)
        assert (state, covers) == (WAITING, COUNTED_MAX)


class TestSkip:
    def test_notes_what_was_missed_and_runs_nothing(self, queue: Queue) -> None:
        runs = _after_a_downtime(timedelta(hours=3, minutes=20), HOURLY, missed_runs=MissedRuns.SKIP)
        assert runs == [("15:00:00", MISSED, 2)]
        assert len(queue) == 0

    def test_goes_on_with_the_next(self, queue: Queue) -> None:
        row = schedule_make("Sweep", MINUTELY, policies={"missed_runs": MissedRuns.SKIP})
        Beat().lead().scheduler.close()
        Beat(NOON + 5 * MINUTE + 10 * SECOND).lead().run_until(NOON + 6 * MINUTE)
        assert runs_of(row) == [("12:04:00", MISSED, 3), ("12:05:00", WAITING, 0), ("12:06:00", WAITING, 0)]


class TestDowntime:
    def test_is_decided_once(self, queue: Queue) -> None:
        row = schedule_make("Sweep", HOURLY)
        Beat().lead().scheduler.close()
        for _ in range(3):
            beat = Beat(NOON + timedelta(hours=3, minutes=20)).lead()
            beat.tick()
            beat.scheduler.close()
        assert runs_of(row) == [("15:00:00", WAITING, 2)]

    def test_of_a_beat_that_leads_again_itself_is_made_up_for_too(self, queue: Queue) -> None:
        """Its machine was asleep."""
        row = schedule_make("Sweep", HOURLY)
        beat = Beat().lead()
        lease_run_out()
        beat.tick(NOON + timedelta(hours=3, minutes=20))
        beat.run_until(NOON + timedelta(hours=3, minutes=21))
        assert runs_of(row) == [("15:00:00", WAITING, 2)]

    def test_does_not_start_a_run_beside_one_that_still_waits(self, queue: Queue) -> None:
        row = schedule_make("Sweep", HOURLY, policies={"overlap": Overlap.SKIP})
        beat = Beat().lead()
        beat.run_until(NOON + 60 * MINUTE)
        beat.scheduler.close()
        Beat(NOON + timedelta(hours=3, minutes=20)).lead().tick()
        assert runs_of(row) == [("13:00:00", WAITING, 0), ("15:00:00", RunState.SKIPPED, 1)]

    def test_of_a_clock_that_was_put_back_doubles_nothing(self, queue: Queue) -> None:
        row, other = schedule_make("Sweep", Every(10 * SECOND)), schedule_make("Other", Every(7 * SECOND))
        beat = Beat().lead()
        beat.run_until(NOON + 60 * SECOND)
        beat.scheduler.close()

        Beat(NOON + 30 * SECOND).lead().run_until(NOON + 120 * SECOND)

        assert due_written(row) == [NOON + number * 10 * SECOND for number in range(1, 13)]
        assert due_written(other) == [NOON + (2 + number * 7) * SECOND for number in range(17)]

    def test_of_a_clock_that_was_put_forward_and_back_is_not_followed_by_silence(self, queue: Queue) -> None:
        row = schedule_make("Sweep", MINUTELY)
        beat = Beat().lead()
        beat.tick(NOON + timedelta(hours=1))
        beat.scheduler.close()
        Beat(NOON + 5 * MINUTE).lead().run_until(NOON + 7 * MINUTE)
        assert runs_of(row) == [("12:06:00", WAITING, 0), ("12:07:00", WAITING, 0), ("13:00:00", WAITING, 59)]

    def test_of_a_clock_that_was_put_forward_is_a_downtime(self, queue: Queue) -> None:
        row = schedule_make("Sweep", MINUTELY)
        beat = Beat().lead()
        beat.tick(NOON + timedelta(hours=1))
        beat.run_until(NOON + timedelta(hours=1, minutes=1))
        assert runs_of(row) == [("13:00:00", WAITING, 59), ("13:01:00", WAITING, 0)]

    def test_of_many_schedules_is_decided_well_within_a_lease(self, queue: Queue) -> None:
        """Counted in due times, not in seconds: a month of hours for two hundred schedules."""
        rows = [schedule_make(f"Hourly {number}", Cron("7 * * * *")) for number in range(200)]
        Beat().lead().scheduler.close()
        Beat(NOON + timedelta(days=30)).lead().tick()
        assert {state for row in rows for _, state, _ in runs_of(row)} == {WAITING}


class TestClockThatWasPutBack:
    def test_keeps_no_schedule_from_its_next_due_time(self, queue: Queue) -> None:
        ahead = {"decided_until": NOON + timedelta(hours=1), "decided_for": "every 10 seconds"}
        row = schedule_make("Sweep", Every(10 * SECOND), policies=ahead)
        Beat().lead().run_until(NOON + 20 * SECOND)
        assert [time for time, _, _ in runs_of(row)] == ["12:00:10", "12:00:20"]
