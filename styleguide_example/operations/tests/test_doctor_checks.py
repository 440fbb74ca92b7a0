"""What each check finds, and that it says what to do."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from time_machine import TimeMachineFixture

from config.env import env
from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.common.tests.processes import Queue, broker_url, refused_port, wait_until
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email, SendingPace
from styleguide_example.emails.tests.factories import email_ended, emails_left_behind
from styleguide_example.emails.tests.smtp_server import SILENCE, SMTPServer
from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.services import job_pause
from styleguide_example.jobs.tests.factories import JobFactory, kind_known
from styleguide_example.operations.bounded import Asked
from styleguide_example.operations.doctor import beat, broker, database, environment, mail, work
from styleguide_example.operations.doctor.findings import Finding, Severity
from styleguide_example.operations.tests.rows import email_sent_at
from styleguide_example.tasks.leadership import Leadership
from styleguide_example.tasks.models import BeatLeader
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.tests.beats import lease_run_out, schedule_make
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron

pytestmark = [pytest.mark.no_services, pytest.mark.django_db]

OK, WARNING, ERROR = Severity.OK, Severity.WARNING, Severity.ERROR


def _only(found: list[Finding], severity: Severity) -> str:
    """The one finding's title; whatever is not ok says what to do."""
    (finding,) = found
    assert finding.severity is severity, finding
    assert finding.advice or severity is OK
    return finding.title


class TestDatabase:
    def test_answers(self) -> None:
        assert all(finding.severity in {OK, WARNING} for finding in database.database(1))
        assert _only(database.migrations(1), OK) == "Every migration is applied."
        assert _only(database.clock(1), OK) == "This machine's clock and the database's agree."

    def test_that_is_away_is_an_error(self) -> None:
        with connection.execute_wrapper(DatabaseAway(times=1)):
            assert "does not answer: server closed the connection" in _only(database.database(1), ERROR)

    def test_whose_clock_differs_is_found(
        self, monkeypatch: pytest.MonkeyPatch, time_machine: TimeMachineFixture
    ) -> None:
        time_machine.move_to(timezone.now(), tick=False)  # however long this takes
        for seconds, severity in ((1, OK), (-5, WARNING), (40, ERROR)):
            wrong = timezone.now() - timedelta(seconds=seconds)
            monkeypatch.setattr(database, "moment_now", lambda rows, wrong=wrong: wrong)
            title = _only(database.clock(1), severity)
            assert severity is OK or ("ahead of" if seconds > 0 else "behind") in title

    @pytest.mark.parametrize(("free", "severity"), [(1, ERROR), (1024**3, WARNING), (10 * 1024**3, OK)])
    def test_needs_room(self, free: int, severity: Severity, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
        assert database._disk(Path("/")).severity is severity


class TestBroker:
    def test_answers_and_says_how_much_waits(self, queue: Queue) -> None:
        assert "The broker answers in" in _only(broker.broker(1), OK)
        assert "0 messages in the queue" in _only(broker.queues(1), OK)

    def test_that_is_away_is_an_error_without_the_password(self) -> None:
        with refused_port() as port, broker_url(f"redis://:secret@127.0.0.1:{port}/0"):
            title = _only(broker.broker(1), ERROR)
        assert f"127.0.0.1:{port}" in title
        assert "secret" not in title

    def test_with_a_long_queue_is_a_warning(self, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(broker, "QUEUE_LONG", 0)
        assert "0 messages" in _only(broker.queues(1), WARNING)


class TestBeat:
    def test_that_never_led(self) -> None:
        assert _only(beat.beat(1), ERROR) == "No beat leads."

    def test_that_leads(self) -> None:
        leadership = Leadership()
        leadership.take()
        assert _only(beat.beat(1), OK).startswith(f"The beat {leadership.owner} leads;")

    def test_whose_lease_ran_out(self) -> None:
        Leadership().take()
        lease_run_out()
        assert "ran out" in _only(beat.beat(1), ERROR)

    def test_that_went_away_in_peace(self) -> None:
        leadership = Leadership()
        leadership.take()
        leadership.release()
        assert BeatLeader.objects.exists()
        assert _only(beat.beat(1), ERROR) == "No beat leads."


class TestSchedules:
    def test_are_well_after_a_deploy(self, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        with django_assert_max_num_queries(2):
            assert f"{len(TIMETABLE)} schedules enabled" in _only(beat.schedules(1), OK)

    def test_that_were_not_applied(self) -> None:
        assert f"{len(TIMETABLE)} schedules of the timetable" in _only(beat.schedules(1), WARNING)

    def test_that_cannot_be_fired_or_are_overdue(self) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        schedule_make("Nothing", Cron("0 * * * *"), task="gone.task")
        schedule_make("Late", Cron("0 * * * *"), policies={"overdue_logged_at": timezone.now()})
        schedule_make("Off", Cron("0 * * * *"), task="gone.task", enabled=False)
        broken, overdue = beat.schedules(1)
        assert broken.title == "'Nothing' cannot be fired: No task is called gone.task."
        assert overdue.title == "1 schedule overdue: 'Late'."


class TestEmails:
    def test_are_well(self) -> None:
        emails_left_behind(1, next_attempt_at=timezone.now())
        assert _only(mail.emails(1), OK)

    def test_that_are_late(self) -> None:
        emails_left_behind(3, next_attempt_at=timezone.now() - timedelta(minutes=10))
        assert _only(mail.emails(1), ERROR) == "3 e-mails due and not taken, the oldest for 10 min."

    def test_that_go_out_in_order_are_well_however_long_the_last_waits(self) -> None:
        emails_left_behind(3, next_attempt_at=timezone.now() - timedelta(minutes=10))
        email_sent_at(timezone.now())
        title = _only(mail.emails(1), OK)
        assert title == "3 e-mails of priority 5 normal go out in order: 1 a minute, about 3 min left."

    def test_that_wait_for_a_person(self) -> None:
        email = email_ended(Email.Status.FAILED)
        assert _only(mail.emails(1), OK)
        Email.objects.filter(pk=email.pk).update(last_error_kind=FailureKind.UNKNOWN_OUTCOME)
        assert _only(mail.emails(1), WARNING).startswith("1 e-mail held for a person")

    def test_that_a_server_holds_up(self) -> None:
        until = timezone.now() + timedelta(minutes=1)
        SendingPace.objects.create(
            scope="default/example.com", level=1, paused_until=until, reason="421 ada@example.com"
        )
        title = _only(mail.emails(1), WARNING)
        assert title == "Nothing is sent to default/example.com for a while: 421 [address]"


class _AnsweredFirst:
    """Asks as the product does, and lets it go on when all but one of ``count`` servers have had time to answer."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._asked: list[Asked[Finding]] = []

    def __call__(self, question: Callable[[], Finding]) -> Asked[Finding]:
        self._asked.append(Asked(question))
        if len(self._asked) == self._count:
            wait_until(lambda: sum(each.is_over for each in self._asked) == self._count - 1)
        return self._asked[-1]


class TestMailServers:
    def test_answer_and_get_no_e_mail(self, smtp: SMTPServer) -> None:
        assert _only(mail.mail_servers(30), OK).endswith(f":{smtp.port}) answers.")
        assert smtp.received == []

    def test_that_are_away(self, smtp: SMTPServer, settings: Settings) -> None:
        with refused_port() as port:
            settings.EMAIL_PORT = port
            assert "does not let us in" in _only(mail.mail_servers(30), ERROR)

    def test_that_hang_are_named_and_hide_no_other(
        self, smtp: SMTPServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mail, "Asked", _AnsweredFirst(3))
        with SMTPServer() as silent:
            silent.script["connect"].append(SILENCE)
            server = {"BACKEND": settings.EMAIL_BACKEND, "host": "127.0.0.1", "port": silent.port}
            settings.EMAIL_SENDING_SERVERS = {**settings.EMAIL_SENDING_SERVERS, "first": server}
            settings.EMAIL_SENDING_SERVERS["last"] = {**server, "port": smtp.port}
            found = {finding.title: finding.severity for finding in mail.mail_servers(0.5)}
        assert found == {
            f"The mail server default (127.0.0.1:{smtp.port}) answers.": OK,
            f"The mail server first (127.0.0.1:{silent.port}) does not answer within 0.5 seconds.": ERROR,
            f"The mail server last (127.0.0.1:{smtp.port}) answers.": OK,
        }

    def test_that_are_none_are_named(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_SERVERS = {}
        assert "is no mail server but django.core.mail.backends.locmem" in _only(mail.mail_servers(30), WARNING)


class TestJobs:
    def test_that_are_late_but_not_those_that_are_paused(self) -> None:
        JobFactory.create(next_attempt_at=timezone.now() - timedelta(minutes=10))
        assert _only(work.jobs(1), WARNING) == "1 job due and not begun, the oldest for 10 min."
        with kind_known("count"):
            job_pause(scope=Scope.KIND, name="count", reason="Lunch")
        assert _only(work.jobs(1), OK) == "No job is late."
        title = _only(work.pauses(1), WARNING)
        assert title.startswith("Kind count is paused since ")
        assert title.endswith("UTC: Lunch")


class TestSettings:
    def test_that_django_warns_of_are_found(self, settings: Settings) -> None:
        assert not [finding for finding in environment.system_checks(1) if finding.severity is ERROR]
        settings.CELERY_BROKER_BACKEND = "redis"
        titles = [finding.title for finding in environment.system_checks(1) if finding.severity is ERROR]
        assert titles == ["tasks.E001: CELERY_BROKER_BACKEND is not a setting that Celery reads."]


@pytest.mark.once
class TestVariables:
    @pytest.fixture(autouse=True)
    def nothing_else(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """Of this machine's own environment nothing matters."""
        for name in set(os.environ) - env.asked:
            monkeypatch.delenv(name)
        monkeypatch.setattr(environment, "ENV_PATH", tmp_path / ".env")
        return tmp_path / ".env"

    def test_that_are_read_are_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("EMAIL_TIMEOUT_SECONDS", "PORT", "DJANGO_SETTINGS_MODULE", "HOME", "CELERY_LOG_LEVEL"):
            monkeypatch.setenv(name, "1")
        assert _only(environment.variables(1), OK)

    @pytest.mark.parametrize(
        ("name", "meant"),
        [("EMAIL_SENDING_MAX_ATTEMPT", "EMAIL_SENDING_MAX_ATTEMPTS"), ("SECRETKEY", "SECRET_KEY"), ("API_X", "")],
    )
    def test_that_nobody_reads_are_named_without_their_value(
        self, name: str, meant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "a secret")
        (finding,) = environment.variables(1)
        assert finding.title == f"{name} is set, and nobody reads it."
        assert (f"Did you mean {meant}?" in finding.advice) is bool(meant)
        assert "a secret" not in repr(finding)

    def test_of_the_file_are_all_meant_for_us(self, nothing_else: Path) -> None:
        nothing_else.write_text("# COMMENT=1\nEMAIL_URL=smtp://x\nexport SMTP_HOST = x\n")
        assert _only(environment.variables(1), WARNING) == "SMTP_HOST is set, and nobody reads it."
