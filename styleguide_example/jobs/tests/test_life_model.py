"""Whatever happens to jobs in whatever order: each ends once, none runs after its end, and counts are true."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import pytest
from celery import current_task
from celery.app.trace import trace_task
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from pytest_django import Settings

from styleguide_example.common import persistence, wakeups
from styleguide_example.common.tests import lives
from styleguide_example.common.tests.lives import Event, Life, event, often, orders, pick, which
from styleguide_example.common.tests.pausing import TO_THE_END, KilledError, Order, PausableWorker, Then
from styleguide_example.common.tests.processes import Queue
from styleguide_example.jobs.enums import AtOnce
from styleguide_example.jobs.exceptions import JobFailedError
from styleguide_example.jobs.heartbeat import Heartbeat
from styleguide_example.jobs.messages import JOB_HEADER, job_arguments
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import (
    Once,
    Options,
    job_batch_start,
    job_cancel,
    job_report_progress,
    job_retry,
    job_running,
    job_start,
    job_sweep,
    job_terminate,
)
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.jobs.tests.life import ALONE, ATTEMPTS_MAX, PLAIN, RESUMING, Model, Plan
from styleguide_example.jobs.tests.work import WorkParameters
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = [pytest.mark.long, pytest.mark.no_services, pytest.mark.django_db(transaction=True)]

each = lives.lives_of(24)
#: Chooses one that has ended, if there is any.
LAST = 5
plans = st.builds(Plan, st.integers(0, 2), st.sampled_from(["succeed", "succeed", "fail", "retry", "crash"]))
DECISIONS: dict[str, Callable[..., Job]] = {"cancel": job_cancel, "retry": job_retry, "terminate": job_terminate}
#: Often they are cut off when they have said what they want, and before anything has come of it.
decided = st.one_of(st.just(Order(1, Then.STOP)), orders)
EVENTS = (
    *lives.EVENTS,
    event(
        "one_is_started",
        kind=st.sampled_from([PLAIN, RESUMING, RESUMING, ALONE]),
        is_poison=st.booleans(),
        expires=st.sampled_from([False, False, True]),
    ),
    event("a_batch_is_started", size=st.integers(1, 4)),
    *often(3, "somebody_decides", which=which, do=st.sampled_from([*DECISIONS]), order=decided, is_met=st.booleans()),
    *often(4, "one_begins", which=which, order=orders, plan=plans),
    event("a_sweep_begins", order=orders),
    event("a_heart_beats", which=which),
)
#: Enough for every attempt, and clocks that were put back.
ROUNDS_MAX = 40


class JobLife(Life):
    """Jobs of three kinds and batches, those who work on them and sweep them, and people."""

    times: ClassVar = {
        Job: ["created_at", "next_attempt_at", "woken_at", "lease_expires_at", "expires_at", "heartbeat_at"],
    }

    def __init__(self, staff: Any, models: list[Model]) -> None:
        super().__init__()
        Job.objects.all().delete()
        self.model = Model()
        models[:] = [self.model]
        self._staff = staff

    @initialize()
    def the_first_are_started(self) -> None:
        for kind in (PLAIN, RESUMING):
            self.one_is_started(kind=kind, is_poison=False, expires=False)
        self.a_batch_is_started(size=3)

    @rule(event=st.one_of(EVENTS))
    def something_happens(self, event: Event) -> None:
        self.happens(event)

    # -- People --------------------------------------------------------------------------------------------------------

    def one_is_started(self, *, kind: str, is_poison: bool, expires: bool) -> None:
        once = Once(keys=("path",), timeout_seconds=1800) if expires else None
        parameters = {"fails": is_poison, "path": str(len(self.model.told)) if expires else ""}
        job = job_start(kind=kind, parameters=parameters, options=Options(person_waits=True, once=once))
        self.model.written(job, may_expire=expires)

    def a_batch_is_started(self, *, size: int) -> None:
        self.model.written(job_batch_start(kind=RESUMING, children=[{}] * size))

    def somebody_decides(self, which: int, do: str, order: Order, *, is_met: bool) -> None:
        """And may be cut off while it is done, or meet a worker that begins with the same job."""
        job = self._pick(which)
        if do != "retry":
            self.model.stop_is_wished(job)
        decided = DECISIONS[do]
        self._begin(lambda _: decided(job=job, by=self._staff), order, Plan())
        if is_met:
            self.check()
            self._begin(partial(message_work, job), TO_THE_END, Plan(reports=1))

    # -- Machines ------------------------------------------------------------------------------------------------------

    def one_begins(self, which: int, order: Order, plan: Plan) -> None:
        """Whatever its message is about: it came twice, late, or is forged."""
        job = self._pick(which)
        self._begin(partial(message_work, job), order, plan)

    def begin(self, which: int, order: Order) -> None:
        self.one_begins(which, order, Plan(ending="retry") if which % 2 else Plan(reports=1))

    def a_sweep_begins(self, order: Order) -> None:
        self._begin(lambda _: job_sweep(), order, Plan())

    def a_heart_beats(self, which: int) -> None:
        held = [held for hands in self.model.hands.values() for held in hands.held.items()]
        if beating := pick(held, which):
            job_id, token = beating
            is_stopped = Job.objects.filter(pk=job_id, terminate_requested_at__isnull=False).exists()
            assert Heartbeat(job_id, token)._beat() != is_stopped
            if is_stopped:
                self._lets_go(job_id)

    def _lets_go(self, job_id: UUID) -> None:
        for hands in self.model.hands.values():
            hands.held.pop(job_id, None)

    def _begin(self, work: Callable[[str], object], order: Order, plan: Plan) -> None:
        worker = self.worker_new(work)
        self.model.begun(worker, plan)
        self.advance(worker, order)

    def advance(self, worker: PausableWorker, order: Order) -> None:
        self.model.is_database_lost |= order.then in {Then.LOSE_DATABASE_BEFORE, Then.LOSE_DATABASE_AFTER}
        super().advance(worker, order)
        self.model.advanced(worker)

    def _pick(self, which: int) -> Job:
        first = self.model.are_open()
        among = [*first, *(pk for pk in self.model.told if pk not in first)]
        return Job.objects.get(pk=pick(among, -1 if which == LAST else which))

    # -- What must hold ------------------------------------------------------------------------------------------------

    def hours_passed(self, hours: int) -> None:
        self.model.hours_passed(hours)

    def check(self) -> None:
        self.model.check()

    def come_to_rest(self) -> None:
        """Hour by hour what a sweep finds is done. Each comes to its end."""
        for _ in range(ROUNDS_MAX):
            if not self.model.are_open():
                return
            self.the_databases_clock_jumps(1)
            for job in job_sweep():
                self._begin(partial(message_work, job), TO_THE_END, Plan())
            self.check()
        stuck = Job.objects.filter(pk__in=self.model.are_open()).values()
        raise AssertionError(f"Stuck: {[*stuck]}")


def message_work(job: Job, hostname: str) -> None:
    """What a worker does with the job's message, as the row was when it was sent."""
    task: Any = celery_app.tasks[job.task]
    header = {JOB_HEADER: job.kind}
    request = {
        **header,
        "headers": header,
        "id": str(job.pk),
        "task": job.task,
        "args": (),
        "kwargs": job_arguments(job),
        "retries": job.attempts,
        "hostname": hostname,
        "is_eager": False,
    }
    trace: Any = trace_task
    trace(task, str(job.pk), (), job_arguments(job), request, app=celery_app)


def _work(models: list[Model], job_id: str) -> str:
    worker = threading.current_thread().name
    job, (model,) = job_running(job_id=job_id), models
    plan = model.body_begins(job, worker)
    for step in range(plan.reports):
        job_report_progress(job=job, current=step + 1, total=plan.reports)
    if plan.ending == "crash" or job.parameters["fails"]:
        raise KilledError
    if plan.ending == "fail":
        raise JobFailedError("It is one of those that fail.", code="one_of_those")
    if plan.ending == "retry":
        raise current_task.retry(countdown=1)
    model.succeeded.add((job.pk, worker))
    return worker


class TestJobLife:
    @pytest.fixture
    def models(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, queue: Queue) -> Iterator[list[Model]]:
        """The model that bodies tell what they do."""
        settings.JOB_PROGRESS_SECONDS = 0
        settings.JOB_HEARTBEAT_SECONDS = 10**6  # hearts beat when the test says so
        settings.JOB_BATCH_WINDOW = 2
        monkeypatch.setattr(persistence, "PAUSES_SECONDS", (0.0,))
        monkeypatch.setattr(wakeups._Pause, "until", float("inf"))  # no message of any job arrives
        models: list[Model] = []

        def life(*, job_id: str) -> str:
            return _work(models, job_id)

        promises: dict[str, dict[str, Any]] = {
            PLAIN: {},
            RESUMING: {"may_resume": True, "attempts_max": ATTEMPTS_MAX[RESUMING]},
            ALONE: {"at_once": AtOnce.ONE},
        }
        with task_registered(life) as task, ExitStack() as stack:
            for name, promise in promises.items():
                stack.enter_context(kind_known(name, task=task, parameters=WorkParameters, **promise))
            yield models

    def test_keeps_what_is_promised(self, models: list[Model]) -> None:
        staff = user_confirmed(is_superuser=True)
        life: Any = partial(JobLife, staff, models)
        run_state_machine_as_test(life, settings=each)
