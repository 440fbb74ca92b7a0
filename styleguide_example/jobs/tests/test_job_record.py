"""The record after the body."""

import logging
import uuid
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common import wakeups
from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Broker
from styleguide_example.jobs import progress
from styleguide_example.jobs.claims import TRACEBACK_LENGTH_MAX, UNFORESEEN
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.exceptions import JobFailedError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import (
    Options,
    job_cancel,
    job_report_progress,
    job_running,
    job_start,
    job_sweep,
    task_dispatch,
)
from styleguide_example.jobs.sweeping import jobs_wake
from styleguide_example.jobs.tests.bodies import Body, job_done_by
from styleguide_example.jobs.tests.messages import message_work, messages_work, read
from styleguide_example.jobs.tests.work import kind_doing
from styleguide_example.notifications.models import Notification
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.tests.bodies import task_registered

# As a worker has it: no transaction around the task.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queue")]

SOON = Options(person_waits=True)


def _raise(error: BaseException) -> Body:
    def body(job: Job) -> None:
        raise error

    return body


class TestJobRecord:
    @pytest.mark.parametrize("result", [None, 7, "text", [1, {"a": None}], {"ä": "\\u0000"}])
    def test_keeps_what_the_body_returned(self, result: Any) -> None:
        job = job_done_by(lambda job: result)
        assert (job.state, job.result, job.error_code) == (JobState.SUCCESS, result, "")
        assert (job.lease_token, job.next_attempt_at) == (None, None)

    def test_keeps_times_and_ids_as_text(self) -> None:
        day = timezone.now().date()
        assert job_done_by(lambda job: {"day": day, "id": job.pk}).result == {
            "day": day.isoformat(),
            "id": str(Job.objects.get().pk),
        }

    @pytest.mark.parametrize(
        ("result", "kept"),
        [
            ("a\x00b\x00\x00c", "abc"),
            ({"a\x00": "\\\x00"}, {"a": "\\"}),
            ("\\u0000", "\\u0000"),
            ("a\ud800b", "a?b"),
        ],
    )
    def test_leaves_out_what_no_database_can_keep(self, result: Any, kept: Any) -> None:
        job = job_done_by(lambda job: result)
        assert (job.state, job.result) == (JobState.SUCCESS, kept)

    def test_keeps_a_result_up_to_the_limit(self, settings: Settings) -> None:
        settings.JOB_RESULT_MAX_BYTES = 12
        assert job_done_by(lambda job: "0123456789").state == JobState.SUCCESS
        job = job_done_by(lambda job: "0123456789a")
        assert (job.state, job.error_code, job.result) == (JobState.FAILURE, ErrorCode.RESULT_TOO_LARGE, None)

    @pytest.mark.parametrize("result", [object(), float("nan"), {1, 2}])
    def test_fails_for_what_is_not_json(self, result: Any) -> None:
        job = job_done_by(lambda job: result)
        assert (job.state, job.error_code, job.error_message) == (JobState.FAILURE, ErrorCode.FAILED, UNFORESEEN)
        assert job.traceback

    def test_tells_the_owner_what_the_body_says(self) -> None:
        job = job_done_by(_raise(JobFailedError("The file has no header.", code="no_header")))
        assert (job.state, job.error_code, job.error_message) == (
            JobState.FAILURE,
            "no_header",
            "The file has no header.",
        )
        assert Notification.objects.get().text == "The file has no header."

    def test_tells_the_owner_nothing_of_what_nobody_foresaw(self) -> None:
        job = job_done_by(_raise(RuntimeError("password=hunter2 for ada@example.com")))
        assert (job.error_code, job.error_message) == (ErrorCode.FAILED, UNFORESEEN)
        assert "RuntimeError" in job.traceback
        assert "ada@example.com" not in job.traceback
        assert "hunter2" not in Notification.objects.get().text

    def test_keeps_the_end_of_a_long_traceback(self) -> None:
        job = job_done_by(_raise(RuntimeError("x" * 50_000 + "the end")))
        assert len(job.traceback) == TRACEBACK_LENGTH_MAX
        assert job.traceback.rstrip().endswith("the end")

    @pytest.mark.parametrize("text", ["a\x00b", "a\udcffb", "x" * 1000])
    def test_keeps_of_a_message_what_can_be_kept(self, text: str, caplog: pytest.LogCaptureFixture) -> None:
        # Half a character in what pytest catches of Celery's log could not travel to its main process.
        caplog.set_level(logging.CRITICAL, logger="celery.app.trace")
        job = job_done_by(_raise(JobFailedError(text, code="c" * 100)))
        assert job.state == JobState.FAILURE
        assert job.error_message in {"ab", "a?b", "x" * 500}

    def test_names_the_time_limit(self) -> None:
        assert job_done_by(_raise(SoftTimeLimitExceeded())).error_code == ErrorCode.TIMEOUT

    def test_takes_a_body_that_found_nothing_to_do_for_done(self) -> None:
        assert job_done_by(_raise(Ignore("Nothing to do."))).state == JobState.SUCCESS

    def test_takes_a_message_that_a_body_refused_for_failed(self) -> None:
        assert job_done_by(_raise(Reject("No."))).state == JobState.FAILURE

    def test_ends_what_was_cancelled_at_its_next_report(self) -> None:
        def body(job: Job) -> None:
            job_cancel(job=Job.objects.get(pk=job.pk), by=job.owner)
            job_report_progress(job=job, current=1)

        job = job_done_by(body)
        assert (job.state, job.error_code) == (JobState.REVOKED, ErrorCode.CANCELLED)
        assert not Notification.objects.exists()

    def test_lets_one_that_was_cancelled_at_its_very_end_succeed(self) -> None:
        job = job_done_by(lambda job: job_cancel(job=Job.objects.get(pk=job.pk)).pk)
        assert job.state == JobState.SUCCESS

    def test_keeps_the_last_word_and_forgets_it(self) -> None:
        held = []

        def body(job: Job) -> None:
            held.append(job.lease_token)
            for step in range(1, 4):
                job_report_progress(job=job, current=step, total=3, message=f"Step {step}")

        job = job_done_by(body)
        assert (job.progress_current, job.progress_total, job.progress_message) == (3, 3, "Step 3")
        assert len(held) == 1
        assert progress._REPORTS.keys().isdisjoint(held)

    def test_changes_nothing_when_somebody_else_holds_it(self) -> None:
        def body(job: Job) -> str:
            Job.objects.filter(pk=job.pk).update(lease_token=uuid.uuid4(), attempts=2)
            return "mine"

        with capture_logs() as lines:
            job = job_done_by(body)
        assert (job.state, job.result, job.attempts) == (JobState.STARTED, None, 2)
        assert "job_outcome_after_lease_lost" in {line["event"] for line in lines}

    def test_is_no_success_when_the_body_stopped_because_its_lease_was_over(self) -> None:
        """And nobody has come by yet to take the job over."""

        def body(job: Job) -> None:
            Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(hours=1))
            job_report_progress(job=job, current=1)

        job = job_done_by(body, may_resume=True)
        assert job.state == JobState.STARTED
        job_sweep()
        assert read(job).error_code == ErrorCode.WORKER_LOST  # the kind is forgotten by now

    @pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()], ids=repr)
    def test_is_no_success_when_the_process_was_told_to_exit(self, error: BaseException) -> None:
        with pytest.raises(type(error)):
            job_done_by(_raise(error))
        assert Job.objects.get().state == JobState.STARTED
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(hours=1))
        job_sweep()
        assert Job.objects.get().error_code == ErrorCode.WORKER_LOST


class TestARetryByTheTask:
    RETRYING = {"autoretry_for": (ConnectionError,), "retry_kwargs": {"countdown": 0, "max_retries": 1}}

    def test_puts_the_job_off_and_its_own_message_brings_it_back(self) -> None:
        calls = []

        def body(job: Job) -> str:
            calls.append(job.state)
            job_report_progress(job=job, current=len(calls))
            if len(calls) == 1:
                raise ConnectionError("No route to host")
            return "done"

        def _retrying(*, job_id: str) -> Any:
            return body(job_running(job_id=job_id))

        with kind_doing(_retrying, options=self.RETRYING):
            job = job_start(kind="doing", options=SOON)
            messages_work()
            waiting = read(job)
            messages_work()
        assert (waiting.state, waiting.lease_token, waiting.progress_current) == (JobState.RETRY, None, 1)
        assert waiting.heartbeat_at == waiting.woken_at  # when it was put off, by the same statement
        assert waiting.finished_at is None
        job = read(job)
        assert (job.state, job.result, job.attempts) == (JobState.SUCCESS, "done", 2)

    def test_ends_with_the_error_when_there_is_no_further_try(self) -> None:
        def _failing(*, job_id: str) -> None:
            job_running(job_id=job_id)
            raise ConnectionError("No route to host")

        with kind_doing(_failing, options=self.RETRYING):
            job = job_start(kind="doing", options=SOON)
            while messages_work():
                pass
        job = read(job)
        assert (job.state, job.error_code, job.attempts) == (JobState.FAILURE, ErrorCode.FAILED, 2)
        assert "No route to host" in job.traceback

    def test_that_is_far_away_stays_in_the_row_and_counts_on(self) -> None:
        tried = []

        def _failing(*, job_id: str) -> None:
            tried.append(job_running(job_id=job_id).attempts)
            raise ConnectionError("No route to host")

        in_an_hour = {"autoretry_for": (ConnectionError,), "retry_kwargs": {"countdown": 3600, "max_retries": 2}}
        with kind_doing(_failing, options=in_an_hour):
            job = job_start(kind="doing", options=SOON)
            messages_work()
            waiting = read(job)
            assert messages_work() == 0
            for _ in range(3):
                Job.objects.filter(pk=job.pk).update(next_attempt_at=timezone.now(), woken_at=None)
                jobs_wake(job_sweep(), messages_waiting=lambda **_: 0)
                messages_work()
        assert waiting.state == JobState.RETRY
        assert waiting.next_attempt_at is not None
        assert timedelta(minutes=58) < waiting.next_attempt_at - timezone.now() < timedelta(minutes=61)
        assert tried == [1, 2, 3]
        assert read(job).state == JobState.FAILURE

    def test_is_not_lost_when_the_broker_is_away(self, broker: Broker) -> None:
        calls = []

        def _once(*, job_id: str) -> str:
            job_running(job_id=job_id)
            calls.append(job_id)
            if len(calls) == 1:
                raise ConnectionError("No route to host")
            return "done"

        with kind_doing(_once, options=self.RETRYING):
            job = job_start(kind="doing", options=SOON)
            (message,) = messages_take(celery_app)
            with broker.down():
                message_work(message)
            wakeups.broker_pause_end()
            waiting = read(job)
            Job.objects.filter(pk=job.pk).update(woken_at=None)
            jobs_wake(job_sweep(), messages_waiting=lambda **_: 0)
            while messages_work():
                pass
        assert waiting.state == JobState.RETRY
        assert (read(job).state, read(job).result) == (JobState.SUCCESS, "done")

    def test_is_not_done_for_what_somebody_asked_to_stop(self) -> None:
        def body(job: Job) -> None:
            job_cancel(job=Job.objects.get(pk=job.pk))
            raise ConnectionError("No route to host")

        job = job_done_by(body, options=self.RETRYING)
        assert (job.state, job.error_code) == (JobState.REVOKED, ErrorCode.CANCELLED)

    def test_of_a_task_that_is_no_kind_brings_it_back_too(self) -> None:
        calls = []

        def _free(*, name: str) -> None:
            calls.append(name)
            if len(calls) == 1:
                raise ConnectionError("No route to host")

        with task_registered(_free, **self.RETRYING) as task:
            job = task_dispatch(task, kwargs={"name": "a"}, options=SOON).job
            while messages_work():
                pass
        assert calls == ["a", "a"]
        assert read(job).state == JobState.SUCCESS
