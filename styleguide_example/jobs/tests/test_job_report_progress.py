import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.jobs import progress
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.exceptions import JobCancelledError, JobLeaseLostError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_report_progress
from styleguide_example.jobs.tests.factories import JobFactory, job_running_make
from styleguide_example.jobs.tests.messages import read

pytestmark = pytest.mark.django_db


class Clock:
    """The monotonic clock, which goes on when it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("styleguide_example.jobs.progress.time.monotonic", clock.monotonic)
    return clock


def _end(job: Job) -> Job:
    """What the record at the end of the body writes of what was said."""
    assert job.lease_token is not None
    Job.objects.filter(pk=job.pk).update(**progress.report_take(job.lease_token))
    return read(job)


class TestJobReportProgress:
    def test_writes_the_first_word_at_once(self, clock: Clock) -> None:
        job = job_running_make()
        job_report_progress(job=job, current=2, total=10, message="Two of ten")
        job = read(job)
        assert (job.state, job.progress_current, job.progress_total, job.progress_message) == (
            JobState.PROGRESS,
            2,
            10,
            "Two of ten",
        )
        assert job.progress_at is not None

    def test_writes_twice_a_second_however_often_it_is_called(
        self, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        job = job_running_make()
        with django_assert_num_queries(6):  # of 3 s, at 0, 0.5, ... 2.5
            for step in range(3000):
                job_report_progress(job=job, current=step, total=3000)
                clock.now += 0.000999
        assert read(job).progress_current < 2999

    def test_does_so_in_real_time(
        self, settings: Settings, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        settings.JOB_PROGRESS_SECONDS = 0.05
        job, until = job_running_make(), time.monotonic() + 0.2
        with django_assert_max_num_queries(5):
            while time.monotonic() < until:
                job_report_progress(job=job, current=1)

    def test_keeps_the_last_word_for_the_end(self, clock: Clock) -> None:
        job = job_running_make()
        for step in range(5):
            job_report_progress(job=job, current=step, total=5, message=f"Step {step}")
        assert read(job).progress_current == 0
        job = _end(job)
        assert (job.progress_current, job.progress_message) == (4, "Step 4")

    def test_forgets_what_was_said_when_it_has_ended(self) -> None:
        job = job_running_make()
        job_report_progress(job=job, current=1)
        assert job.lease_token is not None
        assert progress.report_take(job.lease_token)
        assert progress.report_take(job.lease_token) == {}

    def test_never_goes_back(self, clock: Clock) -> None:
        job = job_running_make()
        seen = []
        for current in (5, 3, 6, 0):
            job_report_progress(job=job, current=current)
            clock.now += 1
            seen.append(read(job).progress_current)
        assert seen == [5, 5, 6, 6]
        assert _end(job).progress_current == 6

    def test_never_goes_back_after_it_was_begun_again(self, clock: Clock) -> None:
        job = job_running_make(progress_current=40, progress_total=100)
        job_report_progress(job=job, current=1, total=100)
        assert read(job).progress_current == 40
        clock.now += 1
        job_report_progress(job=job, current=41, total=100)
        assert read(job).progress_current == 41

    def test_tells_the_rate_and_the_time_that_is_left(self, clock: Clock) -> None:
        job = job_running_make()
        for current in (0, 10, 20, 30):
            job_report_progress(job=job, current=current, total=130)
            clock.now += 2
        job = read(job)
        assert job.progress_rate == pytest.approx(5)
        assert job.seconds_left == pytest.approx(20, abs=5)  # as of now

    @pytest.mark.parametrize(("steps", "rate"), [((0.1, 0.9), None), ((0.1, 0.9, 1), 2), ((5,), 2)])
    def test_tells_no_rate_before_it_was_measured_for_a_while(
        self, clock: Clock, steps: tuple[float, ...], rate: float | None
    ) -> None:
        job = job_running_make()
        for current, seconds in enumerate(steps):
            job_report_progress(job=job, current=round(clock.now * 2) - 2000 if current else 0, total=100)
            clock.now += seconds
        job_report_progress(job=job, current=round(clock.now * 2) - 2000, total=100)
        job = read(job)
        assert job.rate == (None if rate is None else pytest.approx(rate, rel=0.1))
        assert (job.seconds_left is None) is (rate is None)

    def test_does_not_take_a_resumed_start_for_speed(self, clock: Clock) -> None:
        job = job_running_make()
        job_report_progress(job=job, current=5000, total=6000)
        clock.now += 2
        job_report_progress(job=job, current=5020, total=6000)
        assert read(job).progress_rate == pytest.approx(10)

    def test_follows_a_change_of_speed(self, clock: Clock) -> None:
        job = job_running_make()
        current = 0
        for speed in (1, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100):
            job_report_progress(job=job, current=current, total=10_000)
            clock.now += 1
            current += speed
        rate = read(job).progress_rate
        assert rate is not None
        assert 80 < rate <= 100

    def test_knows_no_time_left_without_a_total(self, clock: Clock) -> None:
        job = job_running_make()
        for current in (0, 10):
            job_report_progress(job=job, current=current)
            clock.now += 1
        assert read(job).seconds_left is None

    def test_extends_the_lease_and_shows_to_be_alive(self) -> None:
        soon = timezone.now() + timedelta(seconds=8)
        job = job_running_make(lease_expires_at=soon, heartbeat_at=timezone.now() - timedelta(minutes=1))
        job_report_progress(job=job, current=1)
        after = read(job)
        assert after.lease_expires_at is not None
        assert after.lease_expires_at > soon + timedelta(seconds=20)
        assert after.heartbeat_at is not None
        assert job.heartbeat_at is not None
        assert after.heartbeat_at > job.heartbeat_at

    def test_raises_when_cancel_was_asked_each_time(self, clock: Clock) -> None:
        job = job_running_make()
        job_report_progress(job=job, current=1)
        Job.objects.update(cancel_requested_at=Now())
        job_report_progress(job=job, current=2)  # too soon to ask the database
        clock.now += 0.6
        for _ in range(3):
            with pytest.raises(JobCancelledError):
                job_report_progress(job=job, current=3)
        assert read(job).progress_current == 1

    @pytest.mark.parametrize(
        "taken",
        [
            {"lease_token": uuid.uuid4()},
            {"lease_expires_at": timezone.now() - timedelta(seconds=1)},
            {"state": JobState.RETRY, "lease_token": None},
        ],
        ids=["by somebody else", "by nobody yet", "and given back"],
    )
    def test_raises_when_the_lease_is_lost(self, taken: dict[str, Any]) -> None:
        job = job_running_make()
        Job.objects.update(**taken)
        before = Job.objects.values().get()
        with pytest.raises(JobLeaseLostError):
            job_report_progress(job=job, current=1)
        assert Job.objects.values().get() == before

    def test_raises_for_a_job_that_nobody_has_claimed(self) -> None:
        with pytest.raises(JobLeaseLostError, match="job_running"):
            job_report_progress(job=JobFactory.create(), current=1)

    @pytest.mark.parametrize(("current", "total"), [(-1, None), (0, -1)])
    def test_refuses_numbers_below_zero_and_keeps_nothing_of_them(self, current: int, total: int | None) -> None:
        job = job_running_make()
        with pytest.raises(ValueError, match="counted from 0"):
            job_report_progress(job=job, current=current, total=total)
        assert job.lease_token is not None
        assert progress.report_take(job.lease_token) == {}

    def test_keeps_of_a_message_what_fits_and_what_can_be_kept(self) -> None:
        job = job_running_make()
        job_report_progress(job=job, current=1, message="a\x00b\udcff" + "c" * 1000)
        message = read(job).progress_message
        assert message.startswith("ab?c")
        assert len(message) == 500
