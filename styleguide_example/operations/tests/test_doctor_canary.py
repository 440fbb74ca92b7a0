"""A job that is sent to see whether workers take work."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.processes import Queue, Worker
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.enums import JobState, Scope
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.pauses import paused_names_forget
from styleguide_example.jobs.services import job_pause
from styleguide_example.jobs.tests.factories import JobFactory, job_ended_make, job_running_make
from styleguide_example.notifications.models import Notification
from styleguide_example.operations.canary import _ahead, canaries_fly
from styleguide_example.operations.doctor.findings import Severity
from styleguide_example.operations.doctor.workers import workers
from styleguide_example.operations.tasks import canary
from styleguide_example.tasks.models import Worker as Seen

NOON = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
SECOND = timedelta(seconds=1)


@pytest.mark.django_db(transaction=True)
class TestCanary:
    @pytest.mark.processes
    def test_comes_back_from_a_worker_and_leaves_nothing_behind(self, worker: Worker) -> None:
        worker.start()
        (finding,) = workers(20)
        assert finding.severity in {Severity.OK, Severity.WARNING}, finding
        assert "took the canary of the queue" in finding.title
        assert not Job.objects.exists()
        assert not Notification.objects.exists()

    def test_does_not_come_back_without_one(self, queue: Queue, settings: Settings) -> None:
        (finding,) = workers(0.1)
        assert finding.severity is Severity.ERROR
        assert finding.title.startswith(f"No worker took the canary of the queue {settings.CELERY_TASK_DEFAULT_QUEUE}")
        assert finding.title.endswith("None has said of late that it lives.")
        assert not Job.objects.exists()
        assert len(queue) == 1  # which claims nothing, when a worker comes

    def test_does_not_come_back_while_all_are_at_work(self, queue: Queue) -> None:
        now, active = timezone.now(), [{"name": "tests.long", "id": "1"}]
        Seen.objects.create(name="w@host", started_at=now, seen_at=now, processes=1, active=active)
        (finding,) = workers(0.1)
        assert finding.title.endswith("1 of 1 process at work in w@host.")
        assert "start more of them" in finding.advice

    def test_is_not_sent_into_a_queue_that_is_paused(self, queue: Queue, settings: Settings) -> None:
        job_pause(scope=Scope.QUEUE, name=settings.CELERY_TASK_DEFAULT_QUEUE)
        paused_names_forget()
        (finding,) = workers(0.1)
        paused_names_forget()
        assert finding.severity is Severity.SKIPPED
        assert len(queue) == 0

    def test_is_taken_back_where_the_next_one_cannot_be_sent(self, queue: Queue, settings: Settings) -> None:
        with pytest.raises(ValueError, match="No worker takes from"):
            canaries_fly(queues=[settings.CELERY_TASK_DEFAULT_QUEUE, "nowhere"], seconds=1)
        assert not Job.objects.exists()

    def test_that_somebody_forgot_is_taken_away_and_no_other_job(self, queue: Queue) -> None:
        ours: Any = {"kind": canary.name, "task": canary.name}
        long_ago = timezone.now() - timedelta(hours=1)
        JobFactory.create(created_at=long_ago, **ours)
        job_ended_make(JobState.REVOKED, days_ago=1, **ours)
        kept = [JobFactory.create(created_at=long_ago), job_ended_make(days_ago=1), job_running_make(**ours)]
        assert canaries_fly(queues=[], seconds=1) == []
        assert set(Job.objects.values_list("pk", flat=True)) == {job.pk for job in kept}

    def test_goes_before_what_waits(self) -> None:
        assert canary.default_priority == Priority.HIGHEST


class TestClock:
    @pytest.mark.parametrize(("seconds", "ahead"), [(0, 0), (1, 0), (3, 2), (-3, -3)])
    def test_of_a_worker_is_wrong_by_what_it_lies_outside(self, seconds: int, ahead: int) -> None:
        assert _ahead(NOON + seconds * SECOND, NOON, NOON + SECOND) == ahead

    def test_that_was_not_told_is_not_wrong(self) -> None:
        assert _ahead(None, NOON, NOON) == 0
