"""Ten million rows, of which a few are active: what is asked every few seconds, and at each start, reads few."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from styleguide_example.common.tests.filling import table_fill
from styleguide_example.jobs.board import board_read
from styleguide_example.jobs.ending import Ending, job_end
from styleguide_example.jobs.enums import AtOnce, JobState
from styleguide_example.jobs.exceptions import JobAlreadyActiveError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_cancel, job_dispatch, job_retry, job_start, job_sweep
from styleguide_example.jobs.stops import _WAITING
from styleguide_example.jobs.tests.factories import (
    JobFactory,
    batch_make,
    job_ended_make,
    job_running_make,
    kind_known,
)
from styleguide_example.jobs.tests.work import PLAIN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]

#: The plan of one who reads a whole table, in the words of both databases.
SCAN = re.compile(r"(SCAN|Seq Scan on) jobs_job\b(?! USING)")


class _Statements:
    """What was asked of the database inside the block, with its parameters: an index is chosen by what is bound."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        if sql.startswith(("SELECT", "UPDATE")):
            self.said.append((sql, params))
        return execute(sql, params, many, context)

    def scanning(self) -> list[str]:
        """Those that read the whole table of jobs."""
        return [sql for sql, params in self.said if SCAN.search(_plan(sql, params))]


def _plan(sql: str, params: Any) -> str:
    prefix = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        cursor.execute(prefix + sql, params)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def _asking(call: Callable[[], Any]) -> list[str]:
    statements = _Statements()
    with connection.execute_wrapper(statements):
        call()
    assert statements.said
    return statements.scanning()


@pytest.fixture(autouse=True)
def _many_ended(kinds: None) -> None:
    """Enough rows for a planner to look for an index, hardly any of them active."""
    table_fill(job_ended_make(kind=PLAIN), 3000, key=uuid.uuid4)


class TestIndexes:
    def test_serve_a_sweep_that_finds_one_of_each(self) -> None:
        past = timezone.now() - timedelta(minutes=1)
        JobFactory.create(expires_at=past), JobFactory.create(cancel_requested_at=past), JobFactory.create()
        job_running_make(lease_expires_at=past), job_running_make(lease_expires_at=past, kind="work-resuming")
        batch_make(JobState.STARTED, JobState.PENDING)
        assert _asking(job_sweep) == []

    def test_serve_a_sweep_while_a_large_batch_waits(self) -> None:
        """Each has an index that holds none of those that are only waiting for their window."""
        batch = batch_make(JobState.STARTED, kind=PLAIN, parent={"kind": PLAIN})
        table_fill(Job(kind=PLAIN, task="t", parent=batch), 3000, key=uuid.uuid4)
        statements = _Statements()
        with connection.execute_wrapper(statements):
            job_sweep()
        plans = "".join(line for sql, params in statements.said for line in _plan(sql, params))
        assert all(f"job_{name}" in plans for name in ("expiring", "stopping", "window")), plans

    def test_lead_from_the_end_of_a_child_to_the_next_one_however_many_there_are(self) -> None:
        batch = batch_make(JobState.PENDING, parent={"children_total": 3001}, woken_at=timezone.now())
        child = batch.children.get()
        table_fill(Job(kind=PLAIN, task="t", parent=batch), 3000, key=uuid.uuid4)
        statements = _Statements()
        with connection.execute_wrapper(statements):
            job_end(child.pk, when=_WAITING, ending=Ending(JobState.SUCCESS))
        (plan,) = (
            _plan(sql, params) for sql, params in statements.said if "updated_at" in sql.partition("ORDER BY")[2]
        )
        assert "job_closed" in "".join(plan)
        assert not any("SORT" in line.upper() or "ORDER BY" in line for line in plan), plan

    def test_serve_a_start(self) -> None:
        def start() -> None:
            job_start(kind="single")
            with pytest.raises(JobAlreadyActiveError):
                job_start(kind="single")

        with kind_known("single", at_once=AtOnce.ONE):
            assert _asking(start) == []

    def test_serve_a_debounced_call(self) -> None:
        def call() -> None:
            for _ in range(2):
                job_dispatch(kind=PLAIN, options=Options(debounce_seconds=30))

        assert _asking(call) == []

    def test_serve_the_end_of_a_child(self) -> None:
        batch = batch_make(*[JobState.PENDING] * 3, parent={"children_total": 9}, woken_at=timezone.now())
        child = batch.children.all()[0]
        assert _asking(lambda: job_end(child.pk, when=_WAITING, ending=Ending(JobState.SUCCESS))) == []

    def test_serve_the_board(self) -> None:
        Job.objects.update(finished_at=timezone.now() - timedelta(hours=2))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        batch_make(JobState.STARTED, JobState.PENDING, JobState.SUCCESS)
        JobFactory.create(), job_running_make(), job_ended_make(JobState.FAILURE)
        assert _asking(board_read) == []

    def test_serve_a_cancel_and_a_retry(self) -> None:
        batch = batch_make(*[JobState.PENDING] * 3, kind=PLAIN, parent={"kind": PLAIN})
        assert _asking(lambda: job_cancel(job=batch)) == []
        assert _asking(lambda: job_retry(job=batch)) == []
