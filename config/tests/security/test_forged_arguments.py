"""Whoever can write to the broker may call any task with any arguments: what is not ours to do is refused and logged.

What a message that names a job or a run may do is in ``jobs/tests/test_forged_messages.py``.
"""

import uuid
from inspect import signature
from io import StringIO
from typing import Any

import pytest
from celery import states
from celery.app.trace import trace_task

from config.tests.security.forging import Lives, task_forge
from config.tests.security.rows import rows_everywhere
from styleguide_example.announcements.tasks import announcement_send
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.jobs.services import job_start
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [pytest.mark.no_services, pytest.mark.django_db(transaction=True)]

celery_app.loader.import_default_modules()
#: Ours, and those that Celery brings along, which a forged message may name as well.
TASKS = sorted(name for name in celery_app.tasks if name.startswith(("styleguide_example.", "celery.")))
OURS = [name for name in TASKS if name.startswith("styleguide_example.") and ".tests." not in name]

ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "by place": ((1,), {}),
    "two by place": ((1, "x"), {}),
    "of another name": ((), {"nobody": "asked"}),
    "a missing id": ((), {"email_id": None, "job_id": None}),
    **{
        f"an id that is {what}": ((), {"email_id": value, "job_id": value})
        for what, value in {
            "a text": "1; DROP TABLE emails_email",
            "a text of digits": "1",
            "a path": "../../etc/passwd",
            "empty": "",
            "a list": [1],
            "an object": {"pk": 1},
            "a lookup": {"email_id__gte": 0},
            "true": True,
            "a fraction": 1.0,
            "not a number": float("nan"),
            "negative": -1,
            "the largest key": 2**63 - 1,
            "larger than a key": 2**63,
            "smaller than a key": -(2**63) - 1,
            "larger than anything": 10**400,
            "a NUL": "\x00",
            "half a character": "\ud800",
        }.items()
    },
    "for each of a list": (({"task": email_send.name, "args": [], "kwargs": {"email_id": 1}}, [1, 2]), {}),
    "a call for everyone": ((), {"task": {"task": email_send.name}, "it": [[1]], "n": 1}),
}
#: One argument of the right name is still none of the right kind.
OF_ONE = {"email_send": "email_id", "announcement_send": "job_id"}
#: What is of the right kind is nobody's: an e-mail that was deleted meanwhile, a job that this message has not claimed.
SAID_OF_NOBODYS = ("email_gone", "job_task_without_a_job")
COULD_BE_AN_ID = {
    **dict.fromkeys(OURS, frozenset[str]()),
    email_send.name: {"an id that is negative", "an id that is the largest key"},
    announcement_send.name: {
        f"an id that is {what}"
        for what in ("a text", "a text of digits", "a path", "empty", "a NUL", "half a character")
    },
}


def _arguments(task: str, case: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args, kwargs = ARGUMENTS[case]
    name = OF_ONE.get(task.rpartition(".")[2])
    return (args, {name: kwargs[name]}) if name in kwargs else (args, kwargs)


def _work(task: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Work on such a message as a process of the pool does; return how it ended."""
    request = {"id": str(uuid.uuid4()), "hostname": "worker@test", "is_eager": False}
    trace: Any = trace_task
    _, info, _, _ = trace(celery_app.tasks[task], request["id"], list(args), kwargs, request, app=celery_app)
    return str(info.state) if info is not None else states.SUCCESS


@pytest.fixture
def somethings() -> None:
    """An e-mail that is due, with the id that is tried, and a job that waits: for a forged message to find."""
    Email.objects.filter(pk=email_asked_for().pk).update(id=1)
    with kind_known():
        job_start(kind="count", owner=user_onboarded())


@pytest.mark.usefixtures("queue", "somethings")
class TestTask:
    @pytest.mark.parametrize("task", OURS)
    def test_refuses_forged_arguments(self, task: str, log_lines: StringIO) -> None:
        before = rows_everywhere()
        for case in ARGUMENTS:
            log_lines.truncate(0)

            state = _work(task, *_arguments(task, case))

            said = [line for line in SAID_OF_NOBODYS if line in log_lines.getvalue()]
            assert said if case in COULD_BE_AN_ID[task] else state == states.FAILURE, case

        assert rows_everywhere() == before

    @pytest.mark.parametrize("task", sorted({*TASKS} - {*OURS}))
    def test_that_celery_brings_along_does_nothing_to_ours(self, task: str) -> None:
        before = rows_everywhere()
        for case in ARGUMENTS:
            _work(task, *_arguments(task, case))

        assert rows_everywhere() == before

    def test_that_takes_an_argument_is_forged_with_one(self) -> None:
        assert len(OURS) >= 11
        assert {name.rpartition(".")[2] for name in OURS if signature(celery_app.tasks[name].run).parameters} == set(
            OF_ONE
        )


@pytest.mark.processes
class TestWorker:
    def test_outlives_every_forged_call(self, lives: Lives) -> None:
        for task in TASKS:
            for case in ARGUMENTS:
                args, kwargs = _arguments(task, case)
                task_forge(task, args, kwargs)

        assert "OverflowError" not in lives()
        assert not Email.objects.filter(attempts__gt=0).exists()
