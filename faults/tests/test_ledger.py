"""The books against rows of the real schema, a real mail server, and lines in a diary."""

import smtplib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from faults.edges import Count, Ledger
from faults.sink import Sink
from faults.tests.databases import DatabaseOfTest
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.embedded.environment import free_port
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.tests.factories import JobFactory
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.tests.beats import NOON, SECOND, schedule_make
from styleguide_example.tasks.timing import Every

pytestmark = pytest.mark.django_db

ANNA, BERTA = "anna@t1.example", "berta@t1.example"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with closing(Sink(free_port())) as sink:
        yield sink


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.fixture
def ledger(sink: Sink, diary: Path) -> Ledger:
    return Ledger("T1", DatabaseOfTest(), sink, diary)


def _arrives(sink: Sink, *recipients: str, message_id: str = "<1@example.com>") -> None:
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("hello@example.com", recipients, f"Message-ID: {message_id}\r\n\r\nHello\r\n")


class TestEmails:
    def test_are_all_there(self, ledger: Ledger, sink: Sink) -> None:
        ledger.emails_noted([ANNA, BERTA])
        _arrives(sink, ANNA, message_id="<1@example.com>")
        _arrives(sink, BERTA, message_id="<2@example.com>")
        assert ledger.count() == Count(asked=2)

    def test_are_lost_when_they_never_came(self, ledger: Ledger, sink: Sink) -> None:
        ledger.emails_noted([ANNA, BERTA])
        _arrives(sink, ANNA)
        assert ledger.count() == Count(asked=2, lost=1)

    def test_are_not_lost_when_they_need_not_come(self, ledger: Ledger) -> None:
        ledger.emails_noted([ANNA])
        ledger.emails_excused([ANNA])
        assert ledger.count() == Count(asked=1)

    def test_are_doubled_when_one_came_twice_under_one_id(self, ledger: Ledger, sink: Sink) -> None:
        ledger.emails_noted([ANNA])
        _arrives(sink, ANNA)
        _arrives(sink, ANNA)
        assert ledger.count() == Count(asked=1, duplicates=1)

    def test_are_a_problem_when_the_second_came_under_another_id(self, ledger: Ledger, sink: Sink) -> None:
        ledger.emails_noted([ANNA])
        _arrives(sink, ANNA, message_id="<1@example.com>")
        _arrives(sink, ANNA, message_id="<2@example.com>")
        count = ledger.count()
        assert (count.duplicates, count.problems) == (
            1,
            [f"1 e-mails came under a second Message-ID, first {ANNA}"],
        )

    def test_are_doubled_when_nobody_asked_for_them(self, ledger: Ledger, sink: Sink) -> None:
        _arrives(sink, ANNA)
        assert ledger.count().duplicates == 1

    def test_may_come_once_when_nobody_knows_whether_they_were_committed(self, ledger: Ledger, sink: Sink) -> None:
        ledger.emails_unsure([ANNA, BERTA])
        _arrives(sink, ANNA)
        assert ledger.count() == Count()

    def test_of_other_scenarios_are_not_counted(self, ledger: Ledger, sink: Sink) -> None:
        _arrives(sink, "anna@t11.example")
        email_asked_for(to=["anna@t11.example"])
        assert ledger.count() == Count()
        assert ledger.is_quiet()

    def test_are_stuck_when_they_are_due_and_nobody_takes_them(self, ledger: Ledger) -> None:
        email_asked_for(to=[ANNA])
        assert (ledger.count().stuck, ledger.is_quiet()) == (1, False)

    def test_are_stuck_when_a_dead_worker_holds_them(self, ledger: Ledger) -> None:
        email = email_asked_for(to=[f"Anna <{ANNA}>"])
        Email.objects.filter(pk=email.pk).update(
            lease_token="2c1e1f0a-0000-4000-8000-000000000000",
            next_attempt_at=timezone.now() + timedelta(hours=1),
            lease_expires_at=timezone.now() - timedelta(hours=1),
        )
        assert ledger.count().stuck == 1

    def test_are_open_and_not_stuck_while_they_wait_for_their_next_attempt(self, ledger: Ledger) -> None:
        email = email_asked_for(to=[ANNA])
        Email.objects.filter(pk=email.pk).update(next_attempt_at=timezone.now() + timedelta(seconds=30))
        assert (ledger.count().stuck, ledger.is_quiet()) == (0, False)
        assert ledger.open_now() == "1 e-mails, 0 jobs and 0 runs are open"

    def test_say_how_many_connections_died_of_each_poison(self, ledger: Ledger, diary: Path) -> None:
        diary.write_text("poisoned 9\nbegun 1\npoisoned 1\n")
        assert ledger.poisoned() == [9, 1]


class TestJobs:
    def test_end_once_in_the_state_that_they_should(self, ledger: Ledger, diary: Path) -> None:
        well, badly = self._job(JobState.SUCCESS), self._job(JobState.FAILURE)
        ledger.jobs_noted([well])
        ledger.jobs_noted([badly], ends_in=["FAILURE"])
        diary.write_text(f"begun {well}\ndone {well}\n")
        assert ledger.count() == Count(asked=2)

    def test_are_lost_without_a_row(self, ledger: Ledger) -> None:
        ledger.jobs_noted(["2c1e1f0a-0000-4000-8000-000000000000"])
        assert ledger.count() == Count(asked=1, lost=1)

    def test_are_lost_when_they_ended_otherwise(self, ledger: Ledger) -> None:
        key = self._job(JobState.FAILURE)
        ledger.jobs_noted([key])
        count = ledger.count()
        assert (count.lost, count.problems) == (1, [f"job {key.replace('-', '')} ended in FAILURE"])

    def test_are_stuck_while_they_are_active(self, ledger: Ledger) -> None:
        ledger.jobs_noted([self._job(JobState.STARTED)])
        assert (ledger.count().stuck, ledger.is_quiet()) == (1, False)

    def test_are_doubled_when_their_body_came_to_its_end_twice(self, ledger: Ledger, diary: Path) -> None:
        key = self._job(JobState.SUCCESS)
        ledger.jobs_noted([key])
        diary.write_text(f"begun {key}\ndone {key}\nbegun {key}\ndone {key}\n")
        assert ledger.count() == Count(asked=1, duplicates=1)

    @staticmethod
    def _job(state: JobState) -> str:
        return str(JobFactory.create(state=state, parameters={"scenario": "t1"}).pk)


class TestSchedules:
    NAME = "Tick of t1"

    def test_are_fired_once_at_each_due_time(self, ledger: Ledger, diary: Path) -> None:
        runs = self._runs(0, 1, 2)
        ledger.schedule_noted(self.NAME)
        diary.write_text("".join(f"tick t1 {run.pk}\n" for run in runs) + f"tick t11 {runs[0].pk}\n")
        assert ledger.count() == Count(asked=3)

    def test_lose_a_due_time_that_has_no_run(self, ledger: Ledger) -> None:
        self._runs(0, 1, 3)
        ledger.schedule_noted(self.NAME)
        assert ledger.count() == Count(asked=4, lost=1)

    def test_lose_none_for_which_a_later_run_stands(self, ledger: Ledger) -> None:
        *_, last = self._runs(0, 1, 4)
        ScheduleRun.objects.filter(pk=last.pk).update(covers=2)
        ledger.schedule_noted(self.NAME)
        assert ledger.count() == Count(asked=5)

    def test_are_doubled_when_a_body_ran_twice(self, ledger: Ledger, diary: Path) -> None:
        (run,) = self._runs(0)
        ledger.schedule_noted(self.NAME)
        diary.write_text(f"tick t1 {run.pk}\n" * 2)
        assert ledger.count() == Count(asked=1, duplicates=1)

    def test_lose_a_due_time_whose_run_did_not_succeed(self, ledger: Ledger) -> None:
        self._runs(0, 1, state=RunState.EXPIRED)
        ledger.schedule_noted(self.NAME)
        count = ledger.count()
        assert (count.lost, count.stuck, count.problems) == (2, 0, ["Tick of t1: expired"])

    def test_are_stuck_while_a_run_has_not_ended(self, ledger: Ledger) -> None:
        self._runs(0, state=RunState.RUNNING)
        ledger.schedule_noted(self.NAME)
        assert (ledger.count().stuck, ledger.is_quiet()) == (1, False)

    def test_have_a_problem_when_they_were_never_due(self, ledger: Ledger) -> None:
        self._runs()
        ledger.schedule_noted(self.NAME)
        assert ledger.count().problems == ["Tick of t1 was never due"]

    def _runs(self, *seconds: int, state: RunState = RunState.SUCCESS) -> list[ScheduleRun]:
        row = schedule_make(self.NAME, Every(SECOND))
        return [
            ScheduleRun.objects.create(periodic_task=row, due_at=self._due(second), state=state) for second in seconds
        ]

    @staticmethod
    def _due(second: int) -> datetime:
        return NOON + second * SECOND


def test_a_mail_server_that_was_away_keeps_what_it_had_taken(sink: Sink) -> None:
    _arrives(sink, ANNA)
    with sink.down(), pytest.raises(ConnectionRefusedError):
        _arrives(sink, BERTA)
    _arrives(sink, BERTA)
    assert sink.arrived("t1.example") == 2
