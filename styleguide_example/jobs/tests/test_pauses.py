"""Pause and resume, and who asks what is paused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.utils import timezone
from kombu import Queue
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from styleguide_example.common.leases import lease_claim
from styleguide_example.common.tests.processes import Queue as Messages
from styleguide_example.common.tests.racing import race
from styleguide_example.jobs import pauses
from styleguide_example.jobs.enums import ControlAction, JobState, Scope
from styleguide_example.jobs.exceptions import JobKindUnknownError, QueueUnknownError
from styleguide_example.jobs.models import ControlEntry, Job, Pause
from styleguide_example.jobs.pauses import is_paused, job_pause, not_paused
from styleguide_example.jobs.services import job_resume
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, job_running_make, kind_known
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

DEFAULT = django_settings.CELERY_TASK_DEFAULT_QUEUE


@pytest.fixture
def slow_queue(settings: Settings) -> str:
    settings.CELERY_TASK_QUEUES = [Queue("slow")]
    return "slow"


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"), kind_known("other"):
        yield


class TestJobPause:
    def test_says_how_many_jobs_wait_behind_it(self) -> None:
        JobFactory.create(), JobFactory.create(state=JobState.RETRY), JobFactory.create(kind="other")
        job_running_make(), job_ended_make()
        assert job_pause(scope=Scope.KIND, name="count") == 2

    def test_notes_who_and_why_beside_the_pause_and_in_the_audit(self) -> None:
        ada = UserFactory.create()
        job_pause(scope=Scope.KIND, name="count", by=ada, reason="  It floods the shop. ")
        pause, entry = Pause.objects.get(), ControlEntry.objects.get()
        assert (pause.paused_by, pause.reason) == (ada, "It floods the shop.")
        assert abs(pause.paused_at - timezone.now()) < timedelta(minutes=1)
        assert (entry.action, entry.target, entry.done_by) == (ControlAction.PAUSE, "kind count", ada)
        assert entry.reason == "It floods the shop."

    def test_keeps_the_first_when_it_comes_twice(self) -> None:
        ada, bob = UserFactory.create(), UserFactory.create()
        job_pause(scope=Scope.KIND, name="count", by=ada, reason="First")
        job_pause(scope=Scope.KIND, name="count", by=bob, reason="Second")
        assert Pause.objects.get().reason == "First"
        assert ControlEntry.objects.count() == 1

    def test_cuts_a_reason_that_is_too_long_for_its_column(self) -> None:
        job_pause(scope=Scope.KIND, name="count", reason="x" * 300)
        assert len(Pause.objects.get().reason) == 255

    def test_takes_no_name_for_the_default_queue(self) -> None:
        job_pause(scope=Scope.QUEUE, name="")
        assert Pause.objects.get().name == DEFAULT

    def test_refuses_a_queue_that_nobody_takes_from(self) -> None:
        with pytest.raises(QueueUnknownError, match=f"No queue is called 'slwo'. There are {DEFAULT}"):
            job_pause(scope=Scope.QUEUE, name="slwo")
        assert not Pause.objects.exists()

    def test_refuses_a_kind_that_nobody_declares(self) -> None:
        with pytest.raises(JobKindUnknownError, match=r"no kind of job called 'cuont'.*count, "):
            job_pause(scope=Scope.KIND, name="cuont")

    def test_takes_the_name_of_a_task_for_a_kind(self) -> None:
        name = "styleguide_example.emails.tasks.email_cleanup"
        job_pause(scope=Scope.KIND, name=name)
        assert is_paused(kind=name)

    def test_takes_what_was_removed_from_the_code_as_long_as_jobs_wait_there(self) -> None:
        JobFactory.create(kind="gone", queue="gone")
        assert job_pause(scope=Scope.KIND, name="gone") == 1
        assert job_pause(scope=Scope.QUEUE, name="gone") == 1

    def test_refuses_a_scope_that_does_not_exist(self) -> None:
        with pytest.raises(ValueError, match="galaxy"):
            job_pause(scope="galaxy", name="count")


class TestJobResume:
    def test_ends_the_pause_and_says_how_many_go_on(self) -> None:
        job_pause(scope=Scope.KIND, name="count")
        JobFactory.create(), JobFactory.create(kind="other")
        ada = UserFactory.create()
        assert job_resume(scope=Scope.KIND, name="count", by=ada) == 1
        assert not Pause.objects.exists()
        entry = ControlEntry.objects.get(action=ControlAction.RESUME)
        assert (entry.target, entry.count, entry.done_by) == ("kind count", 1, ada)

    def test_does_nothing_where_nothing_is_paused(self) -> None:
        JobFactory.create()
        assert job_resume(scope=Scope.KIND, name="count") == 0
        assert not ControlEntry.objects.exists()

    def test_refuses_what_does_not_exist(self) -> None:
        with pytest.raises(QueueUnknownError):
            job_resume(scope=Scope.QUEUE, name="slwo")

    def test_ends_the_pause_of_what_is_no_longer_in_the_code(self) -> None:
        Pause.objects.create(scope=Scope.QUEUE, name="gone", paused_at=timezone.now())
        job_resume(scope=Scope.QUEUE, name="gone")
        assert not Pause.objects.exists()

    def test_lets_the_sweep_wake_at_once_what_was_woken_a_moment_ago(self) -> None:
        job_pause(scope=Scope.KIND, name="count")
        job, other = (JobFactory.create(kind=kind, woken_at=timezone.now()) for kind in ("count", "other"))
        job_resume(scope=Scope.KIND, name="count")
        job.refresh_from_db()
        other.refresh_from_db()
        assert job.woken_at is None
        assert other.woken_at is not None

    def test_wakes_the_sweep_after_the_commit(
        self, queue: Messages, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        job_pause(scope=Scope.KIND, name="count")
        JobFactory.create()
        with django_capture_on_commit_callbacks(execute=True):
            job_resume(scope=Scope.KIND, name="count")
            assert len(queue) == 0
        assert len(queue) == 1


class TestIsPaused:
    def test_says_so_of_a_queue_and_of_a_kind(self, slow_queue: str) -> None:
        assert not is_paused(queue="slow", kind="count")
        job_pause(scope=Scope.QUEUE, name="slow")
        job_pause(scope=Scope.KIND, name="count")
        assert is_paused(queue="slow")
        assert is_paused(kind="count")
        assert is_paused(queue="", kind="count")
        assert not is_paused(queue="", kind="other")
        assert not is_paused()

    def test_does_not_take_a_kind_for_a_queue(self, slow_queue: str) -> None:
        job_pause(scope=Scope.QUEUE, name="slow")
        assert not is_paused(kind="slow")

    def test_knows_the_default_queue_with_and_without_its_name(self) -> None:
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        assert is_paused(queue="")
        assert is_paused(queue=DEFAULT)

    def test_asks_the_database_once_in_two_seconds(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        now = 1000.0
        monkeypatch.setattr("styleguide_example.jobs.pauses.time.monotonic", lambda: now)
        pauses.paused_names_forget()
        with django_assert_num_queries(1):
            for _ in range(100):
                is_paused(queue="", kind="count")
        Pause.objects.create(scope=Scope.KIND, name="count", paused_at=timezone.now())  # by another process
        now += 1.9
        assert not is_paused(kind="count")
        now += 0.2
        assert is_paused(kind="count")

    def test_goes_by_what_was_last_known_while_the_database_is_away(self) -> None:
        job_pause(scope=Scope.KIND, name="count")
        assert is_paused(kind="count")
        pauses.paused_names_forget()

        def away(*_: Any) -> None:
            raise OperationalError("gone")

        with connection.execute_wrapper(away):
            assert is_paused(kind="count")


class TestNotPaused:
    def _left(self) -> set[str]:
        return {job.parameters["name"] for job in not_paused(Job.objects.all())}

    @pytest.fixture(autouse=True)
    def jobs(self, slow_queue: str) -> None:
        for queue in ("", DEFAULT, "slow"):
            for kind in ("count", "other"):
                JobFactory.create(queue=queue, kind=kind, parameters={"name": f"{kind} in {queue or 'none'}"})

    def test_leaves_all_when_nothing_is_paused(self) -> None:
        assert len(self._left()) == 6

    def test_leaves_out_a_kind(self) -> None:
        job_pause(scope=Scope.KIND, name="count")
        assert self._left() == {"other in none", f"other in {DEFAULT}", "other in slow"}

    def test_leaves_out_a_queue(self) -> None:
        job_pause(scope=Scope.QUEUE, name="slow")
        assert self._left() == {"count in none", "other in none", f"count in {DEFAULT}", f"other in {DEFAULT}"}

    def test_leaves_out_what_names_no_queue_with_the_default_one(self) -> None:
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        assert self._left() == {"count in slow", "other in slow"}

    def test_leaves_out_both(self) -> None:
        job_pause(scope=Scope.QUEUE, name=DEFAULT)
        job_pause(scope=Scope.KIND, name="count")
        assert self._left() == {"other in slow"}

    def test_can_be_part_of_a_claim(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        job_pause(scope=Scope.KIND, name="count")
        with django_assert_num_queries(2):
            for kind, token in (("count", False), ("other", True)):
                rows = Job.objects.filter(pk=Job.objects.filter(kind=kind, queue="slow").values("pk")[:1])
                claimed = lease_claim(not_paused(rows), owner="me", seconds=60, state=JobState.STARTED)
                assert (claimed is not None) == token


@pytest.mark.django_db(transaction=True)
class TestPauseAtOnce:
    def test_is_one_pause_when_many_ask(self) -> None:
        race(lambda _: job_pause(scope=Scope.KIND, name="count"), runners=8)
        assert Pause.objects.count() == ControlEntry.objects.count() == 1

    def test_leaves_no_job_between_claimed_and_paused(self) -> None:
        """Whoever claims after the pause is committed gets nothing; whoever was before goes on."""
        jobs = [JobFactory.create() for _ in range(20)]
        seen_at_pause: list[int] = []

        def act(number: int) -> int:
            if number == 0:
                job_pause(scope=Scope.KIND, name="count")
                seen_at_pause.append(Job.objects.filter(lease_token__isnull=False).count())
                return 0
            claimed = 0
            for job in jobs[number - 1 :: 4]:
                rows = not_paused(Job.objects.filter(pk=job.pk, state=JobState.PENDING))
                claimed += lease_claim(rows, owner=str(number), seconds=60, state=JobState.STARTED) is not None
            return claimed

        claimed = sum(race(act, runners=5))
        running = Job.objects.filter(lease_token__isnull=False).count()
        assert claimed == running
        rows = not_paused(Job.objects.filter(state=JobState.PENDING))
        assert lease_claim(rows, owner="late", seconds=60, state=JobState.STARTED) is None
        assert Job.objects.filter(state=JobState.PENDING).count() == 20 - running

    def test_holds_back_the_parts_of_a_batch(self) -> None:
        batch_make(JobState.PENDING, JobState.PENDING)
        job_pause(scope=Scope.KIND, name="count")
        assert not not_paused(Job.objects.filter(parent__isnull=False)).exists()
