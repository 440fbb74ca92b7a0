"""Whoever can write to the broker cannot make a job be what its row does not say."""

from pathlib import Path
from typing import Any

import pytest
from celery.app.trace import trace_task

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.messages import JOB_HEADER
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_start, task_dispatch
from styleguide_example.jobs.tests.messages import messages_work, read
from styleguide_example.jobs.tests.work import CALL, PLAIN, RESUMING, WORK, lines
from styleguide_example.tasks.celery import app as celery_app

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds", "queue")]

SOON = Options(person_waits=True)


@pytest.fixture
def job(queue: Any, kinds: None, tmp_path: Path) -> Job:
    """One that waits, and whose own message is gone."""
    job = job_start(kind=PLAIN, parameters={"path": str(tmp_path / "own")}, options=SOON)
    messages_take(celery_app)
    return job


def _forge(task: str, job: Job, *, kind: str | None, args: Any = (), **kwargs: Any) -> None:
    """Work on such a message as a worker does."""
    headers = {} if kind is None else {JOB_HEADER: kind}
    request = {"id": str(job.pk), "hostname": "worker@test", "is_eager": False, **headers}
    trace: Any = trace_task
    trace(celery_app.tasks[task], str(job.pk), list(args), kwargs, request, app=celery_app)


class TestAForgedMessage:
    @pytest.mark.parametrize("kind", [PLAIN, CALL, "x"])
    def test_of_another_task_neither_runs_nor_ends_the_job(self, job: Job, tmp_path: Path, kind: str) -> None:
        _forge(CALL, job, kind=kind, path=str(tmp_path / "other"))
        assert lines(tmp_path / "other", "called") == []
        assert read(job).state == JobState.PENDING

    @pytest.mark.parametrize("kind", [RESUMING, None])
    def test_of_another_kind_or_of_none_does_nothing(self, job: Job, tmp_path: Path, kind: str | None) -> None:
        _forge(WORK, job, kind=kind, job_id=str(job.pk))
        assert lines(tmp_path / "own", "begun") == []
        assert read(job).state == JobState.PENDING

    def test_with_arguments_by_place_does_nothing(self, job: Job) -> None:
        _forge(WORK, job, kind=PLAIN, args=["x"])
        assert read(job).state == JobState.PENDING

    def test_with_the_id_of_another_job_does_the_one_that_it_claims(self, job: Job, tmp_path: Path) -> None:
        other = job_start(kind=PLAIN, options=SOON)
        _forge(WORK, job, kind=PLAIN, job_id=str(other.pk))
        assert lines(tmp_path / "own", "done") == [str(job.pk)]
        assert (read(job).state, read(other).state) == (JobState.SUCCESS, JobState.PENDING)

    def test_with_an_id_that_is_none_is_refused(self, job: Job, tmp_path: Path) -> None:
        celery_app.tasks[WORK].apply_async(
            kwargs={"job_id": str(job.pk)}, task_id="../../etc", headers={JOB_HEADER: PLAIN}
        )
        messages_work()
        assert lines(tmp_path / "own", "begun") == []

    def test_cannot_change_the_arguments_of_a_call(self, tmp_path: Path) -> None:
        task: Any = celery_app.tasks[CALL]
        call = task_dispatch(task, kwargs={"path": str(tmp_path / "own")}, options=SOON).job
        _forge(CALL, call, kind=CALL, path=str(tmp_path / "other"))
        assert [lines(tmp_path / name, "called") for name in ("own", "other")] == [[""], []]
