"""What travels through the broker, and who may read it there."""

from typing import Any

import pytest
from pytest_django import Settings

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.messages import JOB_HEADER, job_wake
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_batch_start, job_start
from styleguide_example.jobs.tests.factories import JobFactory
from styleguide_example.jobs.tests.messages import messages_work, read
from styleguide_example.jobs.tests.work import PLAIN
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds", "queue")]

SECRET = "a-secret-and-ada@example.com"


def _text(message: Any) -> str:
    return f"{message.headers} {message.properties} {message.body!r} {message.payload}"


class TestTheMessageOfAJob:
    def test_holds_its_id_and_none_of_its_parameters(self) -> None:
        owner = user_confirmed()
        job = job_start(kind=PLAIN, parameters={"path": SECRET}, owner=owner)
        job_batch_start(kind=PLAIN, children=[{"path": SECRET}])
        messages = messages_take(celery_app)
        assert len(messages) == 2
        assert all(SECRET not in _text(message) and owner.email not in _text(message) for message in messages)
        args, kwargs, _ = messages[0].payload
        assert (args, kwargs) in [([], {"job_id": str(one)}) for one in (job.pk, messages[0].headers["id"])]
        assert messages[0].headers[JOB_HEADER] == PLAIN

    def test_is_not_sent_by_a_process_that_does_not_know_its_task(self, queue: Queue) -> None:
        job = JobFactory.create(task="tests.of-a-newer-release")
        assert not job_wake(job)
        assert len(queue) == 0

    def test_calls_the_task_of_its_kind_though_that_was_renamed_since_the_row_was_written(self) -> None:
        job = job_start(kind=PLAIN, options=Options(person_waits=True))
        messages_take(celery_app)
        Job.objects.update(task="tests.of-a-former-release")
        assert job_wake(read(job))
        messages_work()
        assert read(job).state == JobState.SUCCESS

    def test_has_the_time_limit_of_every_task_unless_the_job_has_its_own(self, settings: Settings) -> None:
        job_start(kind=PLAIN, options=Options(person_waits=True))
        (message,) = messages_take(celery_app)
        limits: Any = message.headers["timelimit"]
        assert limits == [
            settings.CELERY_TASK_TIME_LIMIT,
            settings.CELERY_TASK_SOFT_TIME_LIMIT,
        ]
