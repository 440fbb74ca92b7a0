"""The words of the pages, where a table says more than a page."""

from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.jobs.amounts import duration_words, left_words, pace_words
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.words import job_look, job_shown


class TestLeftWords:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "a few seconds left"),
            (9.9, "a few seconds left"),
            (10, "about 10 seconds left"),
            (11, "about 20 seconds left"),
            (50, "about 50 seconds left"),
            (51, "about 1 minute left"),
            (61, "about 2 minutes left"),
            (90 * 60, "about 90 minutes left"),
            (90 * 60 + 1, "about 2 hours left"),
            (47.5 * 3600, "about 48 hours left"),
            (49 * 3600, "about 3 days left"),
        ],
    )
    def test_are_rounded_up(self, seconds: float, words: str) -> None:
        assert left_words(seconds) == words


class TestPaceWords:
    @pytest.mark.parametrize(
        ("rate", "words"),
        [
            (None, ""),
            (0, ""),
            (1234.5, "1,234 a second"),
            (10, "10 a second"),
            (2.54, "2.5 a second"),
            (0.5, "30 a minute"),
            (0.01, "36 an hour"),
            (0.0005, "1.8 an hour"),
            (0.0001, "less than one an hour"),
        ],
    )
    def test_use_the_unit_that_can_be_read(self, rate: float | None, words: str) -> None:
        assert pace_words(rate) == words


class TestDurationWords:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (-5, "less than a second"),
            (0.4, "less than a second"),
            (1, "1 second"),
            (59.9, "59 seconds"),
            (60, "1 minute"),
            (93, "1 minute 33 seconds"),
            (3600, "1 hour"),
            (7380, "2 hours 3 minutes"),
            (90000, "1 day 1 hour"),
        ],
    )
    def test_name_the_two_largest_units(self, seconds: float, words: str) -> None:
        assert duration_words(timedelta(seconds=seconds)) == words


class TestJobShown:
    @pytest.mark.parametrize(
        ("current", "total", "percent"),
        [(0, 100, 0), (999, 1000, 99), (1000, 1000, 100), (1200, 1000, 100), (5, None, None), (5, 0, None)],
    )
    def test_is_complete_only_when_it_is(self, current: int, total: int | None, percent: int | None) -> None:
        job = Job(state=JobState.PROGRESS, progress_current=current, progress_total=total)
        assert job_shown(job).percent == percent

    def test_says_the_time_left_as_of_now(self) -> None:
        half_a_minute_ago = timezone.now() - timedelta(seconds=30)
        job = Job(
            state=JobState.PROGRESS,
            progress_current=100,
            progress_total=700,
            progress_rate=10.0,
            progress_at=half_a_minute_ago,
        )
        assert job_shown(job).left == "about 30 seconds left"

    def test_promises_nothing_while_it_stops_or_its_worker_is_silent(self) -> None:
        now = timezone.now()
        running = {"progress_current": 1, "progress_total": 9, "progress_rate": 1.0, "progress_at": now}
        stopping = Job(state=JobState.PROGRESS, cancel_requested_at=now, heartbeat_at=now, **running)
        silent = Job(state=JobState.PROGRESS, heartbeat_at=now - timedelta(hours=1), **running)
        assert (job_shown(stopping).left, job_shown(stopping).look.word) == ("", "Stopping")
        assert (job_shown(silent).left, job_shown(silent).pace) == ("", "")

    def test_takes_a_batchs_pace_from_its_beginning(self) -> None:
        now = timezone.now()
        batch = Job(
            state=JobState.PROGRESS,
            is_batch=True,
            children_total=120,
            started_at=now - timedelta(seconds=10),
            progress_current=50,
            progress_total=120,
            progress_at=now,
        )
        assert (job_shown(batch).pace, job_shown(batch).left) == ("5.0 a second", "about 20 seconds left")

    @pytest.mark.parametrize(("ended", "seconds"), [(50, 1.9), (1, 60)])
    def test_takes_no_pace_from_a_batch_that_has_only_begun(self, ended: int, seconds: float) -> None:
        now = timezone.now()
        batch = Job(
            state=JobState.PROGRESS,
            is_batch=True,
            children_total=120,
            started_at=now - timedelta(seconds=seconds),
            progress_current=ended,
            progress_total=120,
            progress_at=now,
        )
        assert (job_shown(batch).pace, job_shown(batch).left) == ("", "")
        assert (batch.rate, batch.seconds_left) == (None, None)

    def test_lets_one_failed_part_of_ten_thousand_be_seen(self) -> None:
        batch = Job(
            state=JobState.PROGRESS, is_batch=True, children_total=10_000, children_done=5000, children_failed=1
        )
        done, failed, rest = job_shown(batch).parts
        assert failed.width >= 8
        assert (failed.x, rest.x) == (done.width, done.width + failed.width)
        assert rest.x + rest.width == 1000

    def test_has_a_symbol_of_its_own_for_each_state(self) -> None:
        looks = {job_look(Job(state=state)) for state in JobState}
        assert len({look.symbol for look in looks}) == len({look.word for look in looks}) == len(looks)
