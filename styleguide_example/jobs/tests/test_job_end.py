import pytest
from django.db.models import Q

from styleguide_example.common.tests.racing import race
from styleguide_example.jobs.ending import CANCELLED, Ending, job_end, plain_text
from styleguide_example.jobs.enums import ACTIVE_STATES, ENDED_STATES, ErrorCode, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tests.factories import JobFactory, batch_make, job_ended_make, kind_known
from styleguide_example.jobs.tests.messages import read
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = pytest.mark.django_db

DONE = Ending(JobState.SUCCESS, result={"rows": 3})
ANYHOW = Q()


class TestJobEnd:
    @pytest.mark.parametrize("state", ACTIVE_STATES)
    def test_ends_what_is_active(self, state: JobState) -> None:
        job = JobFactory.create(state=state)
        assert job_end(job.pk, when=ANYHOW, ending=DONE)
        job = read(job)
        assert (job.state, job.result, job.lease_token, job.next_attempt_at) == (
            JobState.SUCCESS,
            {"rows": 3},
            None,
            None,
        )
        assert job.finished_at is not None

    @pytest.mark.parametrize("state", ENDED_STATES)
    def test_changes_nothing_of_what_has_ended(self, state: JobState) -> None:
        job = job_ended_make(state)
        before = Job.objects.values().get()
        assert not job_end(job.pk, when=ANYHOW, ending=CANCELLED)
        assert Job.objects.values().get() == before

    def test_changes_nothing_of_what_its_condition_does_not_hold_for(self) -> None:
        job = JobFactory.create(state=JobState.STARTED)
        assert not job_end(job.pk, when=Q(lease_token__isnull=True), ending=DONE)
        assert read(job).state == JobState.STARTED

    @pytest.mark.django_db(transaction=True)
    def test_by_eight_at_once_is_one(self) -> None:
        batch = batch_make(JobState.PENDING, JobState.PENDING)
        child = batch.children.all()[0]
        assert sum(race(lambda _: job_end(child.pk, when=ANYHOW, ending=DONE), runners=8)) == 1
        assert read(batch).children_done == 1


class TestWhatTheOwnerIsTold:
    def _told(self, ending: Ending, **fields: object) -> Notification | None:
        Notification.objects.all().delete()
        job = JobFactory.create(**{"owner": user_confirmed(), **fields})
        assert job_end(job.pk, when=ANYHOW, ending=ending)
        return Notification.objects.first()

    def test_is_that_it_is_done_or_why_it_is_not(self) -> None:
        with kind_known():
            done = self._told(DONE, progress_message="3 rows")
            failed = self._told(Ending(JobState.FAILURE, code="x", message="No header."))
        assert done is not None
        assert failed is not None
        assert (done.level, done.text) == (Level.SUCCESS, "3 rows")
        assert (failed.level, failed.text) == (Level.FAILURE, "No header.")
        assert Job.objects.filter(pk=done.url.strip("/").rpartition("/")[2]).exists()

    def test_leads_where_the_kind_says(self) -> None:
        with kind_known(url=lambda job: f"/exports/{job.parameters['id']}/"):
            told = self._told(DONE, parameters={"id": 7})
        assert told is not None
        assert told.url == "/exports/7/"

    def test_is_nothing_where_nobody_wants_to_know(self) -> None:
        with kind_known(tells_owner=False):
            assert self._told(DONE) is None
        with kind_known():
            assert self._told(DONE, owner=None) is None
            assert self._told(CANCELLED) is None
            assert self._told(DONE, parent=batch_make(JobState.PENDING)) is None
        assert self._told(DONE, kind="gone") is None

    def test_is_what_became_of_one_that_expired(self) -> None:
        with kind_known():
            told = self._told(Ending(JobState.REVOKED, code=ErrorCode.EXPIRED, message="It was not begun in time."))
        assert told is not None
        assert told.text == "It was not begun in time."


class TestPlainText:
    @pytest.mark.parametrize(
        ("text", "plain"), [("", ""), ("ä€\U0001f600\n", "ä€\U0001f600\n"), ("a\x00b", "ab"), ("\udcff\ud83d", "??")]
    )
    def test_is_text_that_every_database_can_keep(self, text: str, plain: str) -> None:
        assert plain_text(text) == plain
