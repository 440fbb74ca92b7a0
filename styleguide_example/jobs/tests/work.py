"""Kinds of jobs that do real work in tests: what the parameters say, with a line in a file for each thing done."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection
from rest_framework import serializers

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.jobs.enums import AtOnce
from styleguide_example.jobs.exceptions import JobFailedError
from styleguide_example.jobs.kinds import JobKind, anybody_signed_in, job_kind_forget, job_kind_register
from styleguide_example.jobs.services import job_report_progress, job_running
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.tests.bodies import task_registered

WORK = "tests.work"
#: A task that is no kind.
CALL = "tests.call"
#: The same work under different promises.
PLAIN, RESUMING, ALONE = "work", "work-resuming", "work-alone"


class WorkParameters(serializers.Serializer[Any]):
    """What a body does."""

    path = serializers.CharField(default="", allow_blank=True, help_text="The file in which it leaves lines.")
    gate = serializers.CharField(default="", allow_blank=True, help_text="It goes on when this file is there.")
    steps = serializers.IntegerField(default=0)
    fails = serializers.BooleanField(default=False)
    is_silent = serializers.BooleanField(default=False, help_text="It reports nothing while it waits at the gate.")


def work(*, job_id: str) -> dict[str, int]:
    """Do what the parameters say."""
    job = job_running(job_id=job_id)
    asked = job.parameters
    leave_line(asked["path"], f"begun {job_id} {connection.vendor}")
    if asked["fails"]:
        raise JobFailedError("It is one of those that fail.", code="one_of_those")
    while asked["gate"] and not Path(asked["gate"]).exists():
        time.sleep(0.02)
        if not asked["is_silent"]:
            job_report_progress(job=job, current=0, total=asked["steps"], message="At the gate")
    for step in range(asked["steps"]):
        job_report_progress(job=job, current=step + 1, total=asked["steps"], message=f"Step {step + 1}")
    leave_line(asked["path"], f"done {job_id}")
    return {"steps": asked["steps"]}


def call(*, path: str) -> None:
    """Leave a line; no kind."""
    leave_line(path, "called")


def leave_line(path: str, line: str) -> None:
    """Append a line: one write, so that two workers do not mix theirs."""
    if not path:
        return
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def lines(path: Path, beginning: str) -> list[str]:
    """The words after ``beginning`` of each line that begins so."""
    text = path.read_text() if path.exists() else ""
    return [line.removeprefix(beginning).strip() for line in text.splitlines() if line.startswith(beginning)]


def work_register() -> list[JobKind]:
    """Register the tasks and kinds of this module."""
    register: Any = celery_app.task
    task: WakeUpTask = register(name=WORK, base=WakeUpTask, shared=False, lazy=False)(work)
    register(name=CALL, base=WakeUpTask, shared=False, lazy=False)(call)
    promises: dict[str, dict[str, Any]] = {
        PLAIN: {},
        RESUMING: {"may_resume": True, "attempts_max": 5},
        ALONE: {"at_once": AtOnce.ONE},
    }
    return [
        job_kind_register(
            JobKind(
                name=name,
                title="Work",
                task=task,
                parameters=WorkParameters,
                may_start=anybody_signed_in,
                **promise,
            )
        )
        for name, promise in promises.items()
    ]


@contextmanager
def work_known() -> Iterator[None]:
    """The tasks and kinds of this module are known to this process inside this block."""
    with ExitStack() as stack:
        for kind in work_register():
            stack.callback(job_kind_forget, kind)
        for name in (WORK, CALL):
            stack.callback(celery_app.tasks.pop, name)
        yield


@contextmanager
def kind_doing(body: Callable[..., Any], *, options: dict[str, Any] | None = None, **fields: Any) -> Iterator[JobKind]:
    """The kind ``doing``, whose task is ``body``; ``options`` are the decorator's."""
    with task_registered(body, **(options or {})) as task, kind_known("doing", task=task, **fields) as kind:
        yield kind
