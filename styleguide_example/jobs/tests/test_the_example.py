"""docs/jobs.md is followed to the letter, with nothing that the page does not say."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from config.env import BASE_DIR
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.kinds import job_kind_forget, job_kind_get
from styleguide_example.jobs.messages import JOB_HEADER
from styleguide_example.jobs.models import Job
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.tests.factories import user_confirmed

IMPORTS, DECLARATION, START, _DISPATCH, MANY = re.findall(
    r"```python\n(.*?)```", (BASE_DIR / "docs" / "jobs.md").read_text(), re.DOTALL
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _the_module() -> Iterator[None]:
    """The module of the page, imported once: each app that Celery makes from now on knows its task."""
    exec(IMPORTS + DECLARATION, {"__name__": "tests.numbers"})  # noqa: S102  our own page
    yield
    job_kind_forget(job_kind_get("numbers-add"))
    celery_app.tasks.pop("tests.numbers.numbers_add")


def _work(job: Job) -> Job:
    """What a worker does with the job's message."""
    celery_app.tasks["tests.numbers.numbers_add"].apply(
        kwargs={"job_id": str(job.pk)}, task_id=str(job.pk), headers={JOB_HEADER: job.kind}
    )
    job.refresh_from_db()
    return job


def test_the_kind_does_what_it_says() -> None:
    code: dict[str, Any] = {"user": user_confirmed()}
    exec(START, code)  # noqa: S102  our own page
    job = _work(code["job"])
    assert (job.state, job.result) == (JobState.SUCCESS, {"sum": 6})
    assert (job.progress_current, job.progress_total) == (3, 3)


def test_the_batch_and_the_chain_are_written() -> None:
    code: dict[str, Any] = {"user": user_confirmed()}
    exec(MANY, code)  # noqa: S102  our own page
    assert code["batch"].children_total == Job.objects.filter(parent=code["batch"]).count() == 1000
    _work(code["first"])
    second = Job.objects.get(chain_id=code["first"].chain_id, chain_position=2)
    assert second.parameters == {"numbers": [3, 4]}


def test_the_kind_has_ten_lines() -> None:
    assert len([line for line in DECLARATION.splitlines() if line.strip()]) == 10
