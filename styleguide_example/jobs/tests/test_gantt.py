"""Where the bars of the last hour are. No database: what is drawn is worked out from moments alone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.gantt import HOUR, TRACK_HEIGHT, Bar, Gantt, gantt_make
from styleguide_example.jobs.models import Job

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def _job(begin: float, end: float | None = None, state: str = JobState.SUCCESS, **fields: Any) -> Job:
    """One that began, and ended, so many minutes after eleven; without an end it runs."""
    began_at = NOON - HOUR + timedelta(minutes=begin)
    finished_at = None if end is None else NOON - HOUR + timedelta(minutes=end)
    state = JobState.STARTED if end is None else state
    claim = {"worker": "celery@a", "claimed_at": began_at, "started_at": began_at}
    return Job(**{"kind": "count", "state": state, "finished_at": finished_at, **claim, **fields})


def _gantt(*jobs: Job, now: datetime = NOON, **options: Any) -> Gantt:
    return gantt_make(jobs, now=now, **options)


def _bar(job: Job) -> Bar:
    (bar,) = _gantt(job).bars
    return bar


class TestBar:
    @pytest.mark.parametrize(
        ("begin", "end", "x", "width"),
        [
            (0, 60, "0.00%", "100.00%"),
            (15, 30, "25.00%", "25.00%"),
            (-90, 6, "0.00%", "10.00%"),
            (45, None, "75.00%", "25.00%"),
            (-300, None, "0.00%", "100.00%"),
            # What is too short to be seen is drawn wider, and never over the end.
            (30, 30, "50.00%", "0.40%"),
            (60, 60, "99.60%", "0.40%"),
            # Clocks that differ draw nothing beside the hour.
            (61, 62, "99.60%", "0.40%"),
        ],
    )
    def test_is_from_its_beginning_to_its_end_within_the_hour(
        self, begin: float, end: float | None, x: str, width: str
    ) -> None:
        bar = _bar(_job(begin, end))
        assert (bar.x, bar.width) == (x, width)

    @pytest.mark.parametrize(
        ("state", "sign"), [(JobState.SUCCESS, ""), (JobState.FAILURE, "✕"), (JobState.REVOKED, "⊘")]
    )
    def test_has_room_for_its_sign_where_it_did_not_go_well(self, state: str, sign: str) -> None:
        assert _bar(_job(30, 30, state)).sign == sign

    def test_is_the_last_attempt(self) -> None:
        first = NOON - timedelta(hours=3)
        assert _bar(_job(30, 36, started_at=first, attempts=2)).took == "6 minutes"

    def test_ends_where_its_worker_showed_last_to_be_alive(self) -> None:
        """It was put off for a retry, waited for 45 minutes, and was cancelled while it waited."""
        released_at = NOON - timedelta(minutes=49)
        bar = _bar(_job(10, 56, JobState.REVOKED, heartbeat_at=released_at))
        assert (bar.took, bar.ended_at) == ("1 minute", released_at)

    def test_begins_when_the_job_did_where_a_worker_of_the_former_release_had_it(self) -> None:
        assert _bar(_job(30, 36, claimed_at=None, worker="")).x == "50.00%"


class TestGantt:
    def test_has_a_lane_for_each_worker(self) -> None:
        gantt = _gantt(_job(1, 2, worker="celery@b"), _job(3, 4), _job(5, None))
        assert [(lane.worker, len(lane.bars)) for lane in gantt.lanes] == [("celery@a", 2), ("celery@b", 1)]
        assert [(look.word, count) for look, count in gantt.lanes[0].counts] == [("Done", 1), ("Running", 1)]

    def test_puts_what_ran_at_once_into_tracks(self) -> None:
        (lane,) = _gantt(_job(0, 30), _job(10, 20), _job(20, 40), _job(30, 50), _job(35, None)).lanes
        tracks = {bar.began_at.minute: bar.track for bar in lane.bars}
        assert tracks == {0: 0, 10: 1, 20: 1, 30: 0, 35: 2}
        assert lane.height == 3 * TRACK_HEIGHT

    def test_draws_what_did_not_go_well_on_top(self) -> None:
        (lane,) = _gantt(_job(0, 0, JobState.FAILURE), _job(0.1, 30)).lanes
        assert [bar.look.word for bar in lane.bars] == ["Done", "Failed"]

    def test_says_from_where_on_it_is_complete(self) -> None:
        assert _gantt(_job(50, 55)).cut == ""
        assert _gantt(_job(50, 55), complete_from=NOON - timedelta(minutes=15)).cut == "75.00%"

    def test_is_empty_where_nobody_did_anything(self) -> None:
        assert (_gantt().lanes, _gantt().bars) == ([], [])


class TestTicks:
    def test_stand_every_ten_minutes_but_where_it_says_what_time_it_is(self) -> None:
        ticks = _gantt(now=NOON + timedelta(minutes=2, seconds=30)).ticks
        assert [f"{at:%H:%M}" for _, at in ticks] == ["11:10", "11:20", "11:30", "11:40", "11:50"]
        assert ticks[0][0] == "12.50%"

    def test_go_on_over_midnight(self) -> None:
        midnight = datetime(2026, 11, 21, 0, 15, tzinfo=UTC)
        assert [f"{at:%d %H:%M}" for _, at in _gantt(now=midnight).ticks][:5] == [
            "20 23:20",
            "20 23:30",
            "20 23:40",
            "20 23:50",
            "21 00:00",
        ]

    def test_and_bars_are_an_hour_of_sixty_minutes_when_the_clocks_change(self) -> None:
        """Half past two, for the second time that night: half an hour before, it was two o'clock, not three."""
        berlin = ZoneInfo("Europe/Berlin")
        second = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1)
        began_at = datetime(2026, 10, 25, 2, 45, tzinfo=berlin)  # for the first time
        job = _job(0, None, claimed_at=began_at.astimezone(UTC))
        (bar,) = _gantt(job, now=second.astimezone(UTC)).bars
        assert (bar.x, bar.took) == ("25.00%", "45 minutes")
        places = [float(x.rstrip("%")) for x, _ in _gantt(now=second.astimezone(UTC)).ticks]
        assert [round(after - before) for before, after in pairwise(places)] == [17] * 4
