import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from kombu import Queue
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common.tests.filling import table_fill
from styleguide_example.jobs import selectors
from styleguide_example.jobs.enums import JobState, Scope
from styleguide_example.jobs.models import Job, Pause
from styleguide_example.jobs.tests.factories import (
    JobFactory,
    batch_make,
    job_ended_make,
    job_running_make,
    kind_known,
)
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def _minutes_ago(minutes: int) -> dict[str, object]:
    return {"created_at": timezone.now() - timedelta(minutes=minutes)}


class TestJobList:
    def test_is_the_persons_own_newest_first(self) -> None:
        ada, bob = UserFactory.create(), UserFactory.create()
        old, new = (JobFactory.create(owner=ada, **_minutes_ago(minutes)) for minutes in (2, 1))
        JobFactory.create(owner=bob), JobFactory.create(owner=None)
        assert list(selectors.job_list(owner=ada)) == [new, old]

    def test_shows_a_batch_and_not_its_parts(self) -> None:
        ada = UserFactory.create()
        batch = batch_make(JobState.SUCCESS, JobState.PENDING, parent={"owner": ada}, owner=ada)
        assert list(selectors.job_list(owner=ada)) == [batch]


class TestJobGet:
    def test_returns_the_job_by_its_id_in_any_form(self) -> None:
        job = JobFactory.create()
        assert selectors.job_get(job_id=job.pk) == job
        assert selectors.job_get(job_id=str(job.pk)) == job

    @pytest.mark.parametrize("job_id", ["", "x", "1", "' OR 1=1", "\x00", "00000000-0000-0000-0000-00000000000g"])
    def test_takes_what_is_no_id_for_an_unknown_one(self, job_id: str) -> None:
        JobFactory.create()
        assert selectors.job_get(job_id=job_id) is None
        assert selectors.job_get(job_id=uuid.uuid4()) is None


class TestJobGetFor:
    def test_returns_the_persons_own(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        job = JobFactory.create(owner=UserFactory.create())
        owner = job.owner
        with django_assert_num_queries(1):
            assert selectors.job_get_for(owner=owner, job_id=str(job.pk)) == job

    def test_is_none_for_somebody_elses_and_for_the_systems(self) -> None:
        ada, bob = UserFactory.create(), UserFactory.create()
        for job in (JobFactory.create(owner=ada), JobFactory.create(owner=None)):
            assert selectors.job_get_for(owner=bob, job_id=job.pk) is None

    def test_is_none_for_somebody_who_has_no_key(self) -> None:
        JobFactory.create(owner=None)
        with pytest.raises(TypeError):
            selectors.job_get_for(owner=AnonymousUser(), job_id=Job.objects.get().pk)

    def test_is_none_for_what_is_no_id(self) -> None:
        assert selectors.job_get_for(owner=UserFactory.create(), job_id="x") is None


class TestJobLatest:
    def test_is_the_newest_of_the_kind(self) -> None:
        ada = UserFactory.create()
        export = JobFactory.create(owner=ada, kind="export", **_minutes_ago(2))
        newest = JobFactory.create(owner=ada, kind="import", **_minutes_ago(1))
        JobFactory.create(owner=UserFactory.create(), kind="export")
        assert selectors.job_latest(owner=ada) == newest
        assert selectors.job_latest(owner=ada, kind="export") == export
        assert selectors.job_latest(owner=ada, kind="other") is None


class TestJobChildrenFailed:
    def test_are_those_of_this_batch_in_the_order_of_their_end(self) -> None:
        batch = batch_make(JobState.SUCCESS, JobState.REVOKED, JobState.PENDING)
        second, first = (job_ended_make(JobState.FAILURE, parent=batch, days_ago=days) for days in (1, 2))
        batch_make(JobState.FAILURE)
        assert list(selectors.job_children_failed(job=batch)) == [first, second]


class TestJobsWaitingCount:
    def test_counts_what_nobody_has_begun(self) -> None:
        JobFactory.create(), JobFactory.create(state=JobState.RETRY), JobFactory.create(kind="other")
        job_running_make(), job_ended_make()
        assert selectors.jobs_waiting_count(scope=Scope.KIND, name="count") == 2

    def test_counts_the_parts_of_a_batch_and_not_the_batch(self) -> None:
        batch_make(JobState.PENDING, JobState.PENDING, parent={"state": JobState.PENDING})
        assert selectors.jobs_waiting_count(scope=Scope.KIND, name="count") == 2

    def test_knows_the_default_queue_with_and_without_its_name(self, settings: Settings) -> None:
        default = settings.CELERY_TASK_DEFAULT_QUEUE
        JobFactory.create(queue=""), JobFactory.create(queue=default), JobFactory.create(queue="slow")
        assert selectors.jobs_waiting_count(scope=Scope.QUEUE, name=default) == 2
        assert selectors.jobs_waiting_count(scope=Scope.QUEUE, name="") == 2
        assert selectors.jobs_waiting_count(scope=Scope.QUEUE, name="slow") == 1


class TestJobControls:
    def test_count_what_waits_and_runs(self, settings: Settings) -> None:
        settings.CELERY_TASK_QUEUES = [Queue("slow")]
        JobFactory.create(), JobFactory.create(queue="slow", kind="other"), job_running_make(queue="slow")
        job_ended_make()
        with kind_known("count"):
            controls = {(control.scope, control.name): control for control in selectors.job_controls()}
        default = (Scope.QUEUE, settings.CELERY_TASK_DEFAULT_QUEUE)
        counts = {key: (control.waiting, control.running) for key, control in controls.items()}
        assert counts[default] == (1, 0)
        assert counts[Scope.QUEUE, "slow"] == (1, 1)
        assert counts[Scope.KIND, "count"] == (1, 1)
        assert counts[Scope.KIND, "other"] == (1, 0)
        assert controls[Scope.KIND, "count"].title == "Do count"
        assert controls[Scope.KIND, "other"].title == "other"
        assert controls[default].is_default_queue

    def test_show_what_is_paused_even_if_nobody_declares_it_any_more(self) -> None:
        pause = Pause.objects.create(scope=Scope.KIND, name="gone", paused_at=timezone.now())
        controls = {control.name: control for control in selectors.job_controls()}
        assert controls["gone"].pause == pause

    def test_show_queues_first(self) -> None:
        JobFactory.create(queue="zzz", kind="aaa")
        scopes = [control.scope for control in selectors.job_controls()]
        assert scopes == sorted(scopes, key=[Scope.QUEUE, Scope.KIND].index)

    def test_take_three_queries(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        for number in range(10):
            JobFactory.create(kind=f"kind-{number}", queue=f"queue-{number}")
        with django_assert_num_queries(3):
            assert len(selectors.job_controls()) >= 21


class TestJobKindsSeen:
    def test_are_the_declared_and_those_that_jobs_have(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        for kind in ("b", "a", "b", "gone"):
            JobFactory.create(kind=kind)
        with kind_known("declared"), django_assert_num_queries(1):
            kinds = selectors.job_kinds_seen()
        assert set(kinds) >= {"a", "b", "declared", "gone"}
        assert kinds == sorted(set(kinds))

    def test_are_none_without_jobs_and_kinds(self) -> None:
        assert "count" not in selectors.job_kinds_seen()


@pytest.fixture
def many_ended() -> None:
    """Enough rows for a planner to look for an index, hardly any of them waiting."""
    JobFactory.create(), JobFactory.create(kind="other")
    table_fill(job_ended_make(), 3000, key=uuid.uuid4)


@pytest.mark.usefixtures("many_ended")
class TestIndexes:
    """Ten million rows, of which a few are pending: a page must not read the others."""

    @pytest.mark.parametrize("scope", Scope)
    def test_find_what_waits(self, scope: Scope) -> None:
        plan = selectors.jobs_waiting(scope=scope, name="count").explain()
        assert "job_due" in plan or (scope is Scope.KIND and "job_kind" in plan)

    def test_find_a_persons_jobs(self) -> None:
        assert "job_owner" in selectors.job_list(owner=1)[:20].explain()

    def test_find_the_parts_that_failed(self) -> None:
        plan = selectors.job_children_failed(job=Job.objects.all()[0]).explain()
        assert "job_children" in plan or "job_failed" in plan
