import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.heartbeat import Heartbeat
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import job_running_make
from styleguide_example.jobs.tests.messages import read

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(settings: Settings) -> None:
    settings.JOB_HEARTBEAT_SECONDS = 0.02


def _running(job: Job) -> Heartbeat:
    assert job.lease_token is not None
    heartbeat = Heartbeat(job.pk, job.lease_token)
    heartbeat.start()
    return heartbeat


def _alive(job: Job) -> bool:
    return any(thread.name == f"heartbeat-{job.pk}" for thread in threading.enumerate())


class TestHeartbeat:
    def test_extends_the_lease_and_shows_that_its_worker_lives(self, settings: Settings) -> None:
        job = job_running_make(lease_expires_at=timezone.now() + timedelta(seconds=5), heartbeat_at=None)
        heartbeat = _running(job)
        wait_until(lambda: read(job).heartbeat_at is not None)
        heartbeat.stop()
        job = read(job)
        assert job.lease_expires_at is not None
        assert job.lease_expires_at > timezone.now() + timedelta(seconds=settings.JOB_LEASE_SECONDS - 5)
        assert job.state == JobState.STARTED

    def test_ends_with_its_job(self) -> None:
        job = job_running_make()
        heartbeat = _running(job)
        assert _alive(job)
        heartbeat.stop()
        assert not _alive(job)

    def test_ends_when_the_lease_is_lost_and_changes_nothing(self) -> None:
        job = job_running_make()
        Job.objects.update(lease_token=uuid.uuid4())
        before = Job.objects.values().get()
        heartbeat = _running(job)
        wait_until(lambda: not _alive(job))
        heartbeat.stop()
        assert Job.objects.values().get() == before

    def test_does_not_bring_a_lease_back_that_was_over(self) -> None:
        job = job_running_make(lease_expires_at=timezone.now() - timedelta(seconds=1))
        heartbeat = _running(job)
        wait_until(lambda: not _alive(job))
        heartbeat.stop()
        assert read(job).lease_expires_at == job.lease_expires_at

    def test_costs_a_short_job_no_statement(self, settings: Settings) -> None:
        settings.JOB_HEARTBEAT_SECONDS = 60
        job = job_running_make(heartbeat_at=None)
        _running(job).stop()
        assert read(job).heartbeat_at is None

    def test_ends_a_job_that_staff_terminated(self) -> None:
        """The process itself is killed where it is one of a pool: tests/flows/test_terminated.py."""
        job = job_running_make(cancel_requested_at=timezone.now(), terminate_requested_at=timezone.now())
        heartbeat = _running(job)
        wait_until(lambda: read(job).state == JobState.REVOKED)
        heartbeat.stop()
        ended = read(job)
        assert (ended.error_code, ended.heartbeat_at) == (ErrorCode.TERMINATED, ended.finished_at)

    def test_leaves_no_connection_behind(self) -> None:
        job = job_running_make(heartbeat_at=None)
        heartbeat = _running(job)
        wait_until(lambda: read(job).heartbeat_at is not None)
        heartbeat.stop()
        connection.close()  # PostgreSQL would refuse to drop a database that somebody is connected to
        assert not _alive(job)
